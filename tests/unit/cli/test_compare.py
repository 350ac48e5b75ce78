"""``mt compare``: what is compared, shown and refused."""

import json
import re
import sys
import types

import pytest
from typer.testing import CliRunner

from mt.cli.main import build_app
from mt.evaluation import evaluate
from mt.evaluation.comparison import compare
from mt.translation import Translation
from mt.translation.config import TranslationConfig

pytestmark = pytest.mark.slow

TRUTH = ["Ein Mann fährt ein rotes Rad.", "Zwei Hunde laufen über die Wiese.", "Es regnet.", ""]
GUESS = ["Ein Mann fährt ein blaues Rad.", "Zwei Hunde laufen auf einer Wiese.", "Es nieselt.", ""]
OTHER = ["Ein Mann fährt ein rotes Rad.", "Ein Hund läuft über die Wiese.", "Es nieselt.", ""]
SOURCE = ["a man", "two dogs", "rain", ""]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``mt compare`` in a directory that holds texts and a model."""
    monkeypatch.chdir(tmp_path)
    texts = {"src": SOURCE, "ref": TRUTH, "ref2": OTHER, "a": GUESS, "b": OTHER, "short": TRUTH[:2]}
    for name, lines in texts.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (tmp_path / "model").mkdir()
    return lambda *arguments: CliRunner().invoke(build_app(), ["compare", *arguments])


@pytest.fixture
def translator(monkeypatch):
    """Put a translator in the place of the real one; return what it was asked for."""
    asked = []

    class Translator:
        config = TranslationConfig()

        def translate(self, lines, _):
            asked.append(list(lines))
            yield from map(Translation, GUESS)

    def load_translator(path, device):
        asked.append(str(path))
        return Translator()

    fake = types.ModuleType("mt.translation")
    fake.load_translator = load_translator
    monkeypatch.setitem(sys.modules, "mt.translation", fake)
    return asked


def said(result):
    """Return what stderr holds without the frame around it."""
    return " ".join(result.stderr.replace("│", " ").split())


def test_shows_scores_tests_and_sentences(run):
    result = run("a", "b", "--reference", "ref", "--source", "src")
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        "mt: warning: src: expected some hundred lines for tests of significance, but it has 4; "
        "their p-values are too small\n"
    )
    comparison = compare({"a": GUESS, "b": OTHER}, [TRUTH], ["bleu", "chrf"])
    rows = [re.split(" {2,}", line.strip()) for line in result.stdout.splitlines()]
    assert ["BLEU", "a (baseline)", evaluate(GUESS, [TRUTH])[0].number] in rows
    system = comparison.systems[1]
    for score, against in zip(system.scores, system.against_baseline, strict=True):
        assert [
            score.name, "b", score.number, f"{against.tests.difference:+.2f}",
            against.tests.shown(against.tests.bootstrap),
            against.tests.shown(against.tests.randomisation),
            str(against.wins), str(against.losses), str(against.ties),
        ] in rows  # fmt: skip
    for name, signature in comparison.signatures():
        assert [name, signature] in rows
    won = result.stdout.split("Sentences that b wins by most, by chrF2")[1]
    block = won.split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in block] == ["line", "source", "reference", "a", "b"]
    assert block[2].endswith(TRUTH[0])
    assert block[4].endswith(f"100.00  {OTHER[0]}")


def test_json_and_page_show_the_same(run, tmp_path):
    arguments = ["--reference", "ref", "--reference", "ref2", "--metric", "ter", "--lowercase"]
    result = run("a", "b", *arguments, "--json", "--output", "out.html")
    assert result.exit_code == 0, result.output
    expected = compare({"a": GUESS, "b": OTHER}, [TRUTH, OTHER], ["ter"], lowercase=True)
    assert json.loads(result.stdout) == json.loads(json.dumps(expected.to_json()))
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert expected.systems[1].scores[0].number in page


def test_models_translate_the_source_first(run, translator):
    result = run("b", "model", "--reference", "ref", "--source", "src", "--json")
    assert result.exit_code == 0, result.output
    assert translator == ["model", SOURCE]
    ours = json.loads(result.stdout)["systems"][1]["scores"]
    assert ours["bleu"] == evaluate(GUESS, [TRUTH])[0].to_json()


def test_the_same_translation_twice_is_noticed(run, tmp_path):
    (tmp_path / "copy").write_text((tmp_path / "a").read_text(encoding="utf-8"), encoding="utf-8")
    result = run("a", "copy", "--reference", "ref")
    assert "copy: expected another translation, but it is the same as a\n" in result.stderr
    assert "*" not in result.stdout.split("* p < 0.05")[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--reference", "ref"], "expected two translations or more"),
        (["a", "a", "--reference", "ref"], "but one was given twice"),
        (["a", "model", "--reference", "ref"], "expected --source for model to translate"),
        (["a", "b", "--reference", "ref", "--output", "x.pdf"], "x.pdf: expected a file ending"),
        (["a", "short", "--reference", "ref"], "short: expected 4 lines as in a, but found 2"),
        (["a", "b", "--reference", "short"], "short: expected 4 lines as in a, but found 2"),
        (
            ["model", "b", "--reference", "short", "--source", "src"],
            "short: expected 4 lines as in src, but found 2",
        ),
        (["a", "nowhere", "--reference", "ref"], "nowhere: expected a text file"),
    ],
)
def test_refuses_before_anything_is_translated(run, translator, arguments, message):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in said(result)
    assert translator == []
