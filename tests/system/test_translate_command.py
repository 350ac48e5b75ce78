"""``mt translate`` and ``mt score`` as a person runs them, with the frozen bundle."""

import gzip
import json
import math
import re

import pytest
import torch

from mt.translation import load_translator
from tests.engines import ENGINES, skip_without
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.tiny import mt

GOLDEN = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))
LINES = GOLDEN["source"]
BEAM = [each["text"] for each in GOLDEN["beam"]]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.xx").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return tmp_path


def translate(folder, *arguments, stdin=""):
    done = mt("translate", BUNDLE, *arguments, "--device", "cpu", cwd=folder, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_text_from_file_pipe_and_archive(folder):
    of_file = translate(folder, "in.xx", "--beam", "4").stdout
    text = (folder / "in.xx").read_text(encoding="utf-8")
    (folder / "in.gz").write_bytes(gzip.compress(text.encode()))
    assert of_file.splitlines() == BEAM
    assert translate(folder, "--beam", "4", stdin=text).stdout == of_file
    assert translate(folder, "in.gz", "--beam", "4").stdout == of_file


def test_sentences_are_split_unless_that_is_not_wanted(folder):
    first, second = f"{LINES[0]}.", f"{LINES[1]}."
    alone = translate(folder, stdin=f"{first}\n{second}\n").stdout.splitlines()
    assert translate(folder, stdin=f"{first} {second}\n").stdout == " ".join(alone) + "\n"
    whole = translate(folder, "--no-split", stdin=f"{first} {second}\n").stdout
    assert whole != " ".join(alone) + "\n"


def test_what_is_not_utf_8_is_mended_and_told(folder):
    (folder / "latin").write_bytes(b"robu deti\nrobu \xe4\n")
    done = translate(folder, "latin")
    assert len(done.stdout.splitlines()) == 2
    assert "latin: bytes that are not UTF-8 became U+FFFD in 1 line (2)" in done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_are_those_of_forced_decoding(folder, engine):
    skip_without(engine)
    options = "--format", "jsonl", "--scores", "--nbest", "3", "--engine", engine
    found = objects(translate(folder, "in.xx", *options).stdout)
    assert [each["source"] for each in found] == LINES
    translator = load_translator(BUNDLE, "cpu", engine="torch")
    model = translator.engine.model
    several = 0
    for each in found:
        assert len(each["alternatives"]) <= 2
        for one in (each, *each["alternatives"]):
            several += 1
            product = math.prod(word["probability"] for word in one["words"])
            assert [word["word"] for word in one["words"]] == one["translation"].split()
            # What remains is the probability of the end mark; words are rounded to six digits.
            rounding = len(one["words"]) * 1e-6
            assert math.exp(one["log_probability"]) <= product + rounding
    assert several > 2 * len(LINES)
    (folder / "out.yy").write_text("".join(f"{each['translation']}\n" for each in found))
    done = mt("score", BUNDLE, "--source", "in.xx", "--target", "out.yy", "--engine", engine,
              "--device", "cpu", cwd=folder)  # fmt: skip
    scored = [tuple(map(float, line.split("\t"))) for line in done.stdout.splitlines()]
    # Sums of about ten float32 logarithms, each below 10, from batches of other shapes.
    close = 1e-5
    for (score, total), each in zip(scored, found, strict=True):
        assert score == pytest.approx(each["score"], abs=close)
        assert total == pytest.approx(each["log_probability"], abs=close)
    source, target = (
        side.encode([text])[0]
        for side, text in zip(
            (translator.tokenizers.source, translator.tokenizers.target),
            (LINES[0], found[0]["translation"]),
            strict=True,
        )
    )
    with torch.no_grad():
        rows = model.output(model(torch.tensor([[*source, 3]]), torch.tensor([[2, *target]])))
    forced = rows[0].log_softmax(-1).gather(1, torch.tensor([[*target, 3]]).T).sum().item()
    # int8, where it is taken, has about two digits for each of a few tokens.
    assert scored[0][1] == pytest.approx(forced, abs=1e-4 if engine == "torch" else 0.05)


def test_json_lines_keep_what_came_with_them(folder):
    given = [{"id": 7, "text": LINES[0]}, {"source": LINES[1], "kind": None}]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in given))
    found = objects(translate(folder, "in.jsonl", "--format", "jsonl", "--beam", "4").stdout)
    assert found == [each | {"translation": text} for each, text in zip(given, BEAM, strict=False)]
    assert translate(folder, "in.jsonl", "--beam", "4").stdout.splitlines() == BEAM[:2]


def test_json_lines_say_what_a_translation_must_be(folder):
    others = [each["text"].split()[0] for each in GOLDEN["beam"][2:]]
    word = LINES[0].split()[0]
    given = [
        {"text": LINES[0], "prefix": f"{others[0]} "},
        {"text": LINES[0], "terms": {word: others[1]}},
        {"text": LINES[0], "forbidden": [BEAM[0].split()[0]]},
        {"text": LINES[0], "prefix": "", "terms": {}, "forbidden": []},
    ]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in given))
    (folder / "words").write_text(f"{others[2]}\n\n", encoding="utf-8")
    options = "--format", "jsonl", "--beam", "4", "--forbid", "words"
    found = objects(translate(folder, "in.jsonl", *options).stdout)
    texts = [each["translation"].split() for each in found]
    assert found == [{**one, "translation": two["translation"]}
                     for one, two in zip(given, found, strict=True)]  # fmt: skip
    assert texts[0][0] == others[0]
    assert others[1] in texts[1]
    assert BEAM[0].split()[0] not in texts[2]
    assert not any(others[2] in text for text in texts)
    assert others[2] in BEAM[0].split() or " ".join(texts[3]) == BEAM[0]


def test_more_than_can_be_searched_for_is_told(folder):
    word, wanted = LINES[0].split()[0], "ab " * 300
    given = [{"text": LINES[0], "terms": {word: wanted}}, {"text": LINES[0], "prefix": wanted * 9}]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in given))
    done = translate(folder, "in.jsonl", "--beam", "4")
    assert done.stdout.splitlines() == BEAM[:1] * 2
    assert "2 lines (1, 2): the translation is not as asked" in done.stderr


@pytest.mark.parametrize(
    ("fields", "fragment"),
    [
        ({"prefix": 3}, "expected `prefix` to be a text, but found 3"),
        ({"terms": ["a"]}, "expected `terms` to be an object of source terms and their transl"),
        ({"terms": {"a": " "}}, "expected `terms` to be an object"),
        (
            {"forbidden": "a"},
            'expected `forbidden` to be a list of words and phrases, but found "a"',
        ),
    ],
)
def test_a_constraint_that_is_none_is_named(folder, fields, fragment):
    lines = [{"text": LINES[0]}, {"text": LINES[1], **fields}]
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    done = mt("translate", BUNDLE, "in.jsonl", "--beam", "4", cwd=folder)
    assert done.returncode == 2
    assert f"mt: in.jsonl line 2: {fragment}" in done.stderr
    assert done.stdout.splitlines() == BEAM[:1]


def test_what_is_no_character_goes_through(folder):
    fields = {"id": "\ud800", "text": f"{LINES[0]}. \udfff {LINES[1]}."}
    (folder / "in.jsonl").write_text(json.dumps(fields) + "\n", encoding="utf-8")
    [found] = objects(translate(folder, "in.jsonl", "--format", "jsonl").stdout)
    assert {name: found[name] for name in fields} == fields
    assert found["translation"]


@pytest.mark.parametrize("line", ["{", "[" * 99_999, "[1]", '{"text": 3}', '{"texts": "a"}', ""])
def test_a_line_that_is_no_object_is_named(folder, line):
    (folder / "in.jsonl").write_text(f'{{"text": "{LINES[0]}"}}\n{line}\n', encoding="utf-8")
    done = mt("translate", BUNDLE, "in.jsonl", cwd=folder)
    assert done.returncode == 2
    assert "mt: in.jsonl line 2: expected a JSON object" in done.stderr
    assert done.stdout.splitlines() == BEAM[:1]


def test_tab_separated_lines_have_number_rank_and_text(folder):
    rows = [
        line.split("\t")
        for line in translate(
            folder, "in.xx", "--format", "tsv", "--nbest", "4", "--scores", "--alignment"
        ).stdout.splitlines()
    ]
    assert [row[-1] for row in rows if row[1] == "1"] == BEAM
    for number in range(1, len(LINES) + 1):
        group = [row for row in rows if row[0] == str(number)]
        assert [row[1] for row in group] == [str(rank) for rank in range(1, len(group) + 1)]
        scores = [float(row[2]) for row in group]
        assert scores == sorted(scores, reverse=True)
        assert len({row[-1] for row in group}) == len(group)
        assert re.fullmatch(r"\d+-\d+( \d+-\d+)*", group[0][4])


@pytest.mark.parametrize("form", ["text", "jsonl", "tsv"])
@pytest.mark.parametrize("kept", [None, 0, 1, 100, 333])
def test_an_interrupted_run_is_resumed_without_a_line_lost_or_twice(folder, form, kept):
    options = ["in.xx", "--output", "out", "--format", form]
    options += [] if form == "text" else ["--nbest", "3"]
    translate(folder, *options)
    whole = (folder / "out").read_bytes()
    (folder / "out").unlink()
    if kept is not None:
        (folder / "out.part").write_bytes(whole[:kept])
    translate(folder, *options, "--resume")
    assert (folder / "out").read_bytes() == whole
    assert not (folder / "out.part").exists()


def test_the_output_of_another_model_is_not_resumed(folder):
    (folder / "out").symlink_to("real")
    (folder / "real.part").write_text("a\n", encoding="utf-8")
    (folder / ".real.part.json").write_text('{"weights": ["another"]}', encoding="utf-8")
    command = "translate", BUNDLE, "in.xx", "--output", "out", "--resume"
    done = mt(*command, cwd=folder)
    assert done.returncode == 2
    assert "out: expected to go on as it was begun, but weights was another and is " in done.stderr
    (folder / ".real.part.json").write_text("{", encoding="utf-8")
    assert "it cannot be read; start anew without --resume" in mt(*command, cwd=folder).stderr
    assert (folder / "real.part").read_text(encoding="utf-8") == "a\n"


def test_the_output_of_another_text_is_not_resumed(folder):
    (folder / "out.part").write_text("a\n" * 99, encoding="utf-8")
    done = mt("translate", BUNDLE, "in.xx", "--output", "out", "--resume", cwd=folder)
    assert done.returncode == 2
    assert "it has 40 lines and 99 are translated; start anew without --resume" in done.stderr
    assert (folder / "out.part").read_text(encoding="utf-8") == "a\n" * 99


def test_a_text_that_was_changed_is_not_resumed(folder):
    """But one of which a line that could not be read was mended is."""
    lines = [json.dumps({"text": line}) for line in LINES[:3]]
    command = "translate", BUNDLE, "in.jsonl", "--output", "out", "--beam", "4", "--resume"

    def go_on(*lines):
        (folder / "in.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return mt(*command, "--device", "cpu", cwd=folder)

    assert "in.jsonl line 3: expected a JSON object" in go_on(*lines[:2], "{").stderr
    kept = (folder / "out.part").read_text(encoding="utf-8")
    done = go_on(*lines[::-1])
    assert done.returncode == 2
    assert "out: expected to go on as it was begun, but the first line was " in done.stderr
    assert (folder / "out.part").read_text(encoding="utf-8") == kept
    assert go_on(*lines).returncode == 0
    assert (folder / "out").read_text(encoding="utf-8").splitlines() == BEAM[:3]


def test_json_fields_that_a_translation_gets_are_not_replaced(folder):
    line = {"text": LINES[0], "translation": "old"}
    (folder / "in.NDJSON").write_text(f"{json.dumps(line)}\n", encoding="utf-8")
    done = mt("translate", BUNDLE, "in.NDJSON", "--format", "jsonl", cwd=folder)
    assert done.returncode == 2
    assert "in.NDJSON line 1: expected no field translation, which" in done.stderr
    assert translate(folder, "in.NDJSON", "--beam", "4").stdout.splitlines() == BEAM[:1]


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (
            ["--set", "search.kind=sampling", "--beam", "3"],
            "expected no more than the 1 samples that are drawn, and no beam, but found 3; set",
        ),
        (
            ["--set", "search.kind=sampling", "--nbest", "3", "--format", "tsv"],
            "expected no more than the 1 samples that are drawn, and no beam, but found 3; set",
        ),
        (["--nbest", "2"], "add --format jsonl"),
        (["--scores"], "add --format jsonl"),
        (["--set", "search.sise=3"], "expected a known key, but this one is not; did you mean"),
        (["--set", "search.kind=sampling", "--engine", "ctranslate2"], "samples depend on"),
        (["--ensemble", "nowhere"], "nowhere: expected a run or bundle directory"),
        (["--resume"], "--resume needs INPUT and --output"),
        (["--beam", "2", "--nbest", "3", "--format", "tsv"], "fewer than the 2 hypotheses"),
    ],
)
def test_what_does_not_fit_together_is_one_line(folder, options, fragment):
    done = mt("translate", BUNDLE, "in.xx", *options, cwd=folder)
    assert done.returncode == 2
    assert fragment in done.stderr.splitlines()[-1]


def test_any_value_of_the_section_can_be_set(folder):
    wide = translate(folder, "in.xx", "--set", "search.size=4").stdout.splitlines()
    assert wide == BEAM
    drawn = [
        translate(folder, "in.xx", "--set", "search.kind=sampling", "--set", f"search.seed={seed}")
        for seed in (1, 1, 2)
    ]
    assert drawn[0].stdout == drawn[1].stdout != drawn[2].stdout
    twice = translate(folder, "in.xx", "--beam", "4", "--ensemble", BUNDLE).stdout
    assert twice.splitlines() == BEAM


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["engine=torch", "engine=ctranslate2", "decision=mbr"])
def test_the_terms_of_a_glossary_are_used(folder, asked):
    words = sorted({word for line in LINES for word in line.split()})
    others = sorted({word for line in BEAM for word in line.split()})
    terms = dict(zip(words, reversed(others), strict=False))
    table = "".join(f"{source}\t{target}\n" for source, target in terms.items())
    (folder / "terms.tsv").write_text(table, encoding="utf-8")
    options = "in.xx", "--glossary", "terms.tsv", "--set", asked
    found = translate(folder, *options).stdout.splitlines()
    assert len(found) == len(LINES)
    asked = [
        (line, terms[word]) for line, text in zip(found, LINES, strict=True)
        for word in set(text.split()) & terms.keys()
    ]  # fmt: skip
    assert len(asked) > 60
    assert all(term in line.split() for line, term in asked)


def test_pairs_that_cannot_be_scored_have_no_score(folder):
    (folder / "a").write_text(f"{LINES[0]}\n\n{LINES[1]}\n{'robu ' * 400}\n", encoding="utf-8")
    (folder / "b").write_text(f"{BEAM[0]}\n{BEAM[0]}\n \n{BEAM[0]}\n", encoding="utf-8")
    sides = "--source", "a", "--target", "b"
    rows = mt("score", BUNDLE, *sides, cwd=folder).stdout.splitlines()
    assert rows[1:] == ["nan\tnan"] * 3
    assert float(rows[0].split("\t")[0]) < 0
    found = objects(mt("score", BUNDLE, *sides, "--format", "jsonl", cwd=folder).stdout)
    assert [each["score"] for each in found[1:]] == [None] * 3
    assert [each["target"] for each in found] == [BEAM[0], BEAM[0], " ", BEAM[0]]
