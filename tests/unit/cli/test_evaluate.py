"""``mt evaluate``: what is measured, what is refused, and what before the work begins."""

import json
import sys
import types
from urllib.error import URLError

import pytest
from sacrebleu import BLEU
from typer.testing import CliRunner

from mt.cli.main import build_app
from mt.evaluation import evaluate
from mt.translation import Translation
from mt.translation.config import BeamConfig, TranslationConfig

TRUTH = ["Ein Mann fährt ein rotes Rad.", "Zwei Hunde laufen über die Wiese.", "Es regnet.", ""]
GUESS = ["Ein Mann fährt ein blaues Rad.", "Zwei Hunde laufen auf einer Wiese.", "Es nieselt.", ""]
SOURCE = ["a man", "two dogs", "rain", ""]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``mt evaluate`` in a directory that holds a source, references and a hypothesis."""
    monkeypatch.chdir(tmp_path)
    for name, lines in {
        "src": SOURCE,
        "ref": TRUTH,
        "ref2": TRUTH[::-1],
        "hyp": GUESS,
        "short": TRUTH[:2],
        "empty": [],
        "tokens": ["▁ein ▁Mann", "▁zwei ▁Hunde", "▁es", ""],
        "tokenized": ["Ein Mann .", "Zwei Hunde .", "Es .", ""],
    }.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(build_app(), ["evaluate", *arguments])


def said(result):
    """Return what stderr holds without the frame around it."""
    return " ".join(result.stderr.replace("│", " ").split())


@pytest.fixture
def translator(monkeypatch):
    """Put a translator in the place of the real one; return what it was asked for."""
    asked = []

    class Translator:
        config = TranslationConfig()

        def translate(self, lines, config):
            asked.append((list(lines), config.search))
            yield from map(Translation, GUESS)

    def load_translator(path, device):
        asked.append((str(path), device))
        return Translator()

    fake = types.ModuleType("mt.translation")
    fake.load_translator = load_translator
    monkeypatch.setitem(sys.modules, "mt.translation", fake)
    return asked


def test_prints_a_line_for_each_metric_in_the_order_asked_for(run):
    result = run("--hypothesis", "hyp", "--reference", "ref", "--metric", "TER", "--metric", "bleu")
    scores = evaluate(GUESS, [TRUTH], ["ter", "bleu"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{scores[0]}\n{scores[1]}\n"


def test_measures_bleu_and_chrf_unless_told_otherwise(run):
    result = run("--hypothesis", "hyp", "--reference", "ref")
    scores = evaluate(GUESS, [TRUTH], ["bleu", "chrf"])
    assert result.stdout == f"{scores[0]}\n{scores[1]}\n"


def test_a_metric_asked_for_twice_is_measured_once(run):
    chrf = ["--metric", "chrf"]
    result = run("--hypothesis", "hyp", "--reference", "ref", *chrf, *chrf)
    assert result.stdout.count("chrF2 ") == 1


def test_several_references(run):
    result = run("--hypothesis", "hyp", "--reference", "ref", "--reference", "ref2")
    assert result.stdout.startswith(f"{evaluate(GUESS, [TRUTH, TRUTH[::-1]])[0]}\n")
    assert "nrefs:2|" in result.stdout


def test_json_holds_every_digit(run):
    arguments = ["--metric", "bleu", "--metric", "chrf++"]
    result = run("--hypothesis", "hyp", "--reference", "ref", *arguments, "--json")
    scores = evaluate(GUESS, [TRUTH], ["bleu", "chrf++"])
    (found,) = json.loads(result.stdout)
    theirs = vars(BLEU().corpus_score(GUESS, [TRUTH]))
    details = {name: theirs[name] for name in ("precisions", "bp", "ratio", "sys_len", "ref_len")}
    assert found == {
        "name": "hyp",
        "references": ["ref"],
        "lines": 4,
        "scores": {"bleu": scores[0].to_json() | details, "chrf++": scores[1].to_json()},
    }
    assert list(found["scores"]["chrf++"]) == ["score", "signature", "low", "high"]
    other = run("--hypothesis", "hyp", "--reference", "ref", *arguments, "--format", "json")
    assert other.stdout == result.stdout
    both = run("--hypothesis", "hyp", "--reference", "ref", "--json", "--format", "latex")
    assert (both.exit_code, "but got both" in said(both)) == (2, True)


def test_lowercase(run, tmp_path):
    (tmp_path / "upper").write_text("\n".join(TRUTH).upper(), encoding="utf-8")
    (tmp_path / "lower").write_text("\n".join(TRUTH).lower(), encoding="utf-8")
    arguments = [
        part for metric in ("bleu", "chrf", "chrf++", "ter") for part in ("--metric", metric)
    ]
    result = run("--hypothesis", "upper", "--reference", "lower", "--lowercase", *arguments)
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["100.00", "100.00", "100.00", "0.00"]
    assert all("|case:lc|" in line for line in lines)
    assert "capital" not in result.stderr


def test_several_test_sets_make_a_table_and_deal_their_references(run, tmp_path):
    (tmp_path / "hyp2").write_text("".join(f"{line}\n" for line in GUESS[:2]), encoding="utf-8")
    (tmp_path / "short2").write_text("Eins.\nZwei.\n", encoding="utf-8")
    references = ["ref", "ref2", "short", "short2"]
    arguments = [part for name in references for part in ("--reference", name)]
    arguments += ["--hypothesis", "hyp", "--hypothesis", "hyp2", "--metric", "bleu"]
    (one,) = evaluate(GUESS, [TRUTH, TRUTH[::-1]])
    (two,) = evaluate(GUESS[:2], [TRUTH[:2], ["Eins.", "Zwei."]])

    head, rule, first, second, blank, signature = run(*arguments).stdout.splitlines()
    assert head.split() == ["test", "set", "reference", "lines", "BLEU"]
    assert set(rule) == {"-", " "}
    assert first.split(maxsplit=4) == ["hyp", "ref,", "ref2", "4", one.number]
    assert second.split(maxsplit=4) == ["hyp2", "short,", "short2", "2", two.number]
    assert (blank, signature) == ("", f"BLEU  {one.signature}")

    markdown = run(*arguments, "--format", "markdown").stdout.splitlines()
    assert markdown[0].replace(" ", "") == "|testset|reference|lines|BLEU|"
    assert markdown[-1] == f"- BLEU: `{one.signature}`"
    latex = run(*arguments, "--format", "latex").stdout
    assert f"{one.number} \\\\\n" in latex
    assert f"BLEU: \\texttt{{{one.signature}}}" in latex
    found = json.loads(run(*arguments, "--json").stdout)
    assert [each["references"] for each in found] == [["ref", "ref2"], ["short", "short2"]]
    assert [each["scores"]["bleu"]["score"] for each in found] == [one.value, two.value]


def test_references_that_cannot_be_dealt_are_refused(run):
    two = ["--hypothesis", "hyp", "--hypothesis", "hyp"]
    for references in (["ref"], ["ref", "ref2", "ref"]):
        result = run(*two, *(part for name in references for part in ("--reference", name)))
        assert result.exit_code == 2
        assert f"each of 2 test sets, but got {len(references)} in all" in said(result)


def test_scores_of_sentences(run, tmp_path):
    (tmp_path / "tab").write_text("".join(f"{line}\tx\n" for line in GUESS), encoding="utf-8")
    arguments = ["--metric", "bleu", "--metric", "ter", "--sentences", "out.tsv"]
    assert run("--hypothesis", "tab", "--reference", "ref", *arguments).exit_code == 0
    head, *rows = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    name, line, bleu, ter, *rest = head.split("\t")
    assert (name, line, rest) == ("test set", "line", ["hypothesis", "reference"])
    expected = BLEU(effective_order=True)
    assert ter.startswith("TER|nrefs:1|")
    for number, row in enumerate(rows):
        score = expected.sentence_score(f"{GUESS[number]} x", [TRUTH[number]])
        cells = row.split("\t")
        assert cells[:2] == ["tab", str(number + 1)]
        assert float(cells[2]) == score.score
        assert cells[4:] == [f"{GUESS[number]} x", TRUTH[number]]
    assert bleu == f"BLEU|{expected.get_signature().format()}"


def test_scores_by_length_and_their_picture(run, tmp_path):
    arguments = ["--hypothesis", "hyp", "--reference", "ref", "--metric", "bleu", "--by", "length"]
    result = run(*arguments, "--picture", "out.svg")
    assert result.exit_code == 0, result.output
    (whole,) = evaluate(GUESS, [TRUTH])
    (long,) = evaluate(GUESS[:2], [TRUTH[:2]])  # of 7 words each, the full stop counted
    rows = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert result.stdout.startswith(f"{whole}\n\n")
    assert [row[:2] for row in rows[4:7]] == [["0", "1"], ["1–5", "1"], ["6–10", "2"]]
    assert rows[6][2] == long.number
    drawn = (tmp_path / "out.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<?xml")
    assert "words of the reference" in drawn
    assert long.signature in drawn
    several = run(*arguments, "--hypothesis", "hyp", "--reference", "ref").stdout.splitlines()
    assert [row for row in several if row.startswith("hyp   ")][3].split()[1:3] == ["1–5", "1"]
    (found,) = json.loads(run(*arguments, "--json").stdout)
    assert [part["lines"] for part in found["by_length"]] == [1, 1, 2]
    assert found["by_length"][2] == {
        "first": 6, "last": 10, "lines": 2, "scores": {"bleu": long.to_json()},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--picture", "a.svg"], "add --by length"),
        (["--picture", "a.pdf", "--by", "length"], "a.pdf: expected a picture file"),
    ],
)
def test_a_picture_needs_scores_by_length_and_a_format(run, arguments, message):
    result = run("--hypothesis", "hyp", "--reference", "ref", *arguments)
    assert (result.exit_code, message in said(result)) == (2, True)


def test_translates_with_a_model(run, translator, tmp_path):
    arguments = ["--beam", "3", "--device", "cpu", "--output", "out", "--metric", "bleu"]
    result = run("model", "--source", "src", "--reference", "ref", *arguments)
    assert result.stdout == f"{evaluate(GUESS, [TRUTH])[0]}\n"
    assert translator == [("model", "cpu"), (SOURCE, BeamConfig(size=3))]
    assert (tmp_path / "out").read_text(encoding="utf-8") == "\n".join([*GUESS, ""])


def test_a_model_translates_as_it_likes_unless_told_otherwise(run, translator):
    run("model", "--source", "src", "--reference", "ref")
    assert translator == [("model", "auto"), (SOURCE, TranslationConfig().search)]


def test_a_model_translates_several_test_sets(run, translator, tmp_path):
    sets = ["--source", "src", "--source", "ref2", "--reference", "ref", "--reference", "ref2"]
    result = run("model", *sets, "--output", "one", "--output", "two", "--sentences", "out.tsv")
    assert result.exit_code == 0, result.output
    assert [lines for lines, _ in translator[1:]] == [SOURCE, TRUTH[::-1]]
    for name in ("one", "two"):
        assert (tmp_path / name).read_text(encoding="utf-8") == "\n".join([*GUESS, ""])
    rows = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    assert [row.rsplit("\t", 1)[1] for row in rows] == ["source", *SOURCE, *TRUTH[::-1]]
    result = run("model", *sets, "--output", "one")
    assert (result.exit_code, "once for each of 2 sources" in said(result)) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--source", "src", "--reference", "short"],
            "mt: short: expected 4 lines as in src, but found 2; compare the files line by line\n",
        ),
        (
            ["--source", "src", "--reference", "ref", "--output", "ref/out"],
            "mt: ref/out: expected a file to write, but it cannot be opened",
        ),
        (["--source", "empty", "--reference", "ref"], "mt: empty: expected text, but the file is"),
        (["--source", "nowhere", "--reference", "ref"], "mt: nowhere: expected a text file"),
        (["--source", "src", "--reference", "tokens"], "mt: tokens: expected text, one sentence"),
    ],
)
def test_refuses_before_the_model_is_loaded(run, translator, arguments, message):
    result = run("model", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(message)
    assert translator == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["model"], "leave out MODEL"),
        (["--source", "src", "--output", "out"], "leave out --source, --output"),
        (["--beam", "2"], "leave out --beam"),
    ],
)
def test_with_a_hypothesis_nothing_is_translated(run, arguments, named):
    result = run("--hypothesis", "hyp", "--reference", "ref", *arguments)
    assert result.exit_code == 2
    assert named in said(result)


@pytest.mark.parametrize("arguments", [[], ["model"], ["--source", "src"]])
def test_asks_for_what_is_missing(run, arguments):
    result = run("--reference", "ref", *arguments)
    assert result.exit_code == 2
    assert "expected MODEL and --source" in said(result)


@pytest.mark.parametrize("option", [["--metric", "bleau"], ["--device", "tpu"], ["--beam", "0"]])
def test_refuses_values_that_do_not_exist(run, option):
    result = run("--hypothesis", "hyp", "--reference", "ref", *option)
    assert result.exit_code == 2
    assert option[0] in result.stderr


def test_counts_of_hypotheses_and_references_must_agree(run):
    result = run("--hypothesis", "short", "--reference", "ref")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("mt: ref: expected 2 lines as in short, but found 4;")


def test_warns_of_text_that_looks_tokenized(run):
    result = run("--hypothesis", "tokenized", "--reference", "ref")
    assert result.exit_code == 0
    assert result.stdout.startswith("BLEU ")
    assert result.stderr.startswith("mt: warning: tokenized: expected text as people write it")
    assert result.stderr.count("\n") == 1


CHINESE = ["今天天气很好，我们去公园。", "他昨天买了一本书。"]


def test_text_without_spaces_asks_for_a_tokenizer(run, tmp_path):
    (tmp_path / "zh").write_text("\n".join(CHINESE), encoding="utf-8")
    (tmp_path / "guess").write_text(
        "今天天气很好，我们去学校。\n他昨天买一本书。", encoding="utf-8"
    )
    arguments = ["--hypothesis", "guess", "--reference", "zh"]
    told = run(*arguments, "--metric", "bleu", "--metric", "ter")
    assert told.exit_code == 0
    one, other = told.stderr.splitlines()
    assert one.startswith("mt: warning: zh: expected text that BLEU's tokenizer 13a splits into")
    assert "seems to be Chinese; give --tokenize zh, or --metric chrf" in one
    assert "for TER" in other
    split = run(*arguments, "--tokenize", "zh", "--json")
    assert (split.exit_code, split.stderr) == (0, "")
    expected = BLEU(tokenize="zh").corpus_score(
        ["今天天气很好，我们去学校。", "他昨天买一本书。"], [CHINESE]
    )
    score = json.loads(split.stdout)[0]["scores"]["bleu"]
    assert score["score"] == expected.score > 50
    assert "|tok:zh|" in score["signature"]
    assert run(*arguments, "--tokenize", "13a").stderr == ""
    assert run(*arguments, "--metric", "chrf").stderr == ""


def test_a_tokenizer_is_for_bleu_alone_and_must_be_there(run, translator, monkeypatch):
    arguments = ["model", "--source", "src", "--reference", "ref", "--tokenize"]
    result = run(*arguments, "zh", "--metric", "chrf")
    assert result.exit_code == 2
    assert "--tokenize is for BLEU" in said(result)

    # As if it had been imported where its package is not installed.
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    result = run(*arguments, "ja-mecab")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.endswith("not installed; run: pip install 'sacrebleu[ja]'\n")

    def download_nothing(*_):
        raise URLError("no route")

    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", "nowhere")
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.download_file", download_nothing)
    result = run(*arguments, "flores200")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "cannot download it (<urlopen error no route>); connect to the internet" in result.stderr
    assert translator == []


def test_a_test_set_is_taken_out_of_its_tags(run, translator, tmp_path):
    def marked(kind, lines):
        segments = (f'<seg id="{number}">{line}</seg>' for number, line in enumerate(lines, 1))
        return "\n".join([f'<{kind} setid="t">', '<doc docid="d">', *segments, "</doc>"])

    for name, kind, lines in (("r.sgm", "refset", TRUTH), ("s.sgm", "srcset", SOURCE)):
        (tmp_path / name).write_text(marked(kind, lines), encoding="utf-8")
    plain = run("model", "--source", "src", "--reference", "ref")
    assert run("model", "--source", "s.sgm", "--reference", "r.sgm").stdout == plain.stdout
    assert translator[1] == translator[3]
    table = "\n".join(f"{one}\t{other}" for one, other in zip(GUESS, TRUTH, strict=True))
    (tmp_path / "t.tsv").write_text(table, encoding="utf-8")
    assert run("--hypothesis", "t.tsv:1", "--reference", "t.tsv:2").stdout == plain.stdout
    result = run("--hypothesis", "t.tsv", "--reference", "t.tsv:2")
    assert "mt: warning: t.tsv: expected one sentence a line, but lines hold tabs" in result.stderr


@pytest.mark.parametrize("options", [["--hypothesis", "tmx"], ["model", "--source", "tmx"]])
def test_tags_of_another_kind_are_refused(run, translator, tmp_path, options):
    (tmp_path / "tmx").write_text("<tu>\n<tuv><seg>Ja.</seg></tuv>\n</tu>", encoding="utf-8")
    result = run(*options, "--reference", "tmx")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("mt: tmx: expected text, one sentence a line, but it is SGML")
    assert translator == []


def test_the_source_in_the_place_of_a_reference_is_noticed(run, translator):
    result = run("model", "--source", "ref", "--reference", "ref")
    assert result.exit_code == 0
    assert result.stderr == (
        "mt: warning: ref: expected a translation, but 4 of 4 lines are the same as in ref; check "
        "the path\n"
    )


def test_lines_with_one_side_are_noticed(run):
    result = run("--hypothesis", "hyp", "--reference", "ref2")
    assert result.stderr.splitlines() == [
        "mt: warning: hyp: expected both sides of every line, but 1 have a translation but no "
        "reference: all their words count as wrong",
        "mt: warning: hyp: expected both sides of every line, but 1 have a reference but no "
        "translation: all their words are missing",
    ]
