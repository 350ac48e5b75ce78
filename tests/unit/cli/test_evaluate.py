"""``mt evaluate``: what is measured, what is refused, and what before the work begins."""

import json
import sys
import types
from urllib.error import URLError

import pytest
from sacrebleu import BLEU
from typer.testing import CliRunner

from mt.cli.main import app
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
    return lambda *arguments: CliRunner().invoke(app, ["evaluate", *arguments])


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


def test_measures_bleu_unless_told_otherwise(run):
    assert run("--hypothesis", "hyp", "--reference", "ref").stdout.startswith("BLEU ")


def test_a_metric_asked_for_twice_is_measured_once(run):
    chrf = ["--metric", "chrf"]
    result = run("--hypothesis", "hyp", "--reference", "ref", *chrf, *chrf)
    assert result.stdout.count("chrF2 ") == 1


def test_several_references(run):
    result = run("--hypothesis", "hyp", "--reference", "ref", "--reference", "ref2")
    assert result.stdout == f"{evaluate(GUESS, [TRUTH, TRUTH[::-1]])[0]}\n"
    assert "nrefs:2|" in result.stdout


def test_json_holds_one_object(run):
    arguments = ["--metric", "bleu", "--metric", "chrf", "--json"]
    result = run("--hypothesis", "hyp", "--reference", "ref", *arguments)
    scores = evaluate(GUESS, [TRUTH], ["bleu", "chrf"])
    assert json.loads(result.stdout) == {score.metric: score.to_json() for score in scores}
    assert list(json.loads(result.stdout)["bleu"]) == ["score", "signature", "low", "high"]


def test_translates_with_a_model(run, translator, tmp_path):
    arguments = ["--beam", "3", "--device", "cpu", "--output", "out"]
    result = run("model", "--source", "src", "--reference", "ref", *arguments)
    assert result.stdout == f"{evaluate(GUESS, [TRUTH])[0]}\n"
    assert translator == [("model", "cpu"), (SOURCE, BeamConfig(size=3))]
    assert (tmp_path / "out").read_text(encoding="utf-8") == "\n".join([*GUESS, ""])


def test_a_model_translates_as_it_likes_unless_told_otherwise(run, translator):
    run("model", "--source", "src", "--reference", "ref")
    assert translator == [("model", "auto"), (SOURCE, TranslationConfig().search)]


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
    score = json.loads(split.stdout)["bleu"]
    assert score["score"] == expected.score > 50
    assert "|tok:zh|" in score["signature"]
    assert run(*arguments, "--tokenize", "13a").stderr == ""
    assert run(*arguments, "--metric", "chrf").stderr == ""


def test_a_tokenizer_is_for_bleu_alone_and_must_be_there(run, translator, monkeypatch):
    arguments = ["model", "--source", "src", "--reference", "ref", "--tokenize"]
    result = run(*arguments, "zh", "--metric", "chrf")
    assert result.exit_code == 2
    assert "--tokenize is for BLEU" in said(result)

    monkeypatch.setitem(sys.modules, "MeCab", None)
    monkeypatch.delitem(sys.modules, "sacrebleu.tokenizers.tokenizer_ja_mecab", raising=False)
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


@pytest.mark.parametrize("options", [["--hypothesis", "sgm"], ["model", "--source", "sgm"]])
def test_a_test_set_with_its_tags_is_refused(run, translator, tmp_path, options):
    lines = ['<refset setid="t">', '<seg id="1">Ja.</seg>', '<seg id="2">Nein.</seg>', "</refset>"]
    (tmp_path / "sgm").write_text("\n".join(lines), encoding="utf-8")
    result = run(*options, "--reference", "sgm")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("mt: sgm: expected text, one sentence a line, but it is SGML")
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
