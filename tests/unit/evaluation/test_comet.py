"""COMET by a stand-in for its package: what it is asked, and what becomes of its answers."""

import importlib.machinery
import sys
import types

import numpy as np
import pytest
from typer.testing import CliRunner

from mt.cli.main import build_app
from mt.errors import DataError
from mt.evaluation import comet, evaluate, measure
from mt.evaluation.comparison import compare

SOURCE = ["a man", "two dogs", "rain"]
TRUTH = ["Ein Mann.", "Zwei Hunde.", "Regen."]
GUESS = ["Ein Mann.", "Zwei Katzen.", "Es regnet."]
SCORES = {"Ein Mann.": 0.96, "Zwei Katzen.": -0.03, "Es regnet.": 0.75, "Zwei Hunde.": 0.9}
SIGNATURE = "model:Unbabel/wmt22-comet-da|version:2.2.7"


@pytest.fixture
def package(monkeypatch):
    """Put a module in the place of the package, with what its README documents of it."""
    asked = []

    class Model:
        def predict(self, samples, **options):
            asked.append(samples)
            assert options.keys() == {"gpus", "progress_bar"}
            scores = [SCORES[sample["mt"]] for sample in samples]
            return types.SimpleNamespace(scores=scores, system_score=sum(scores) / len(scores))

    fake = types.ModuleType("comet")
    fake.__spec__ = importlib.machinery.ModuleSpec("comet", None)
    fake.download_model = lambda name: f"{name}/model.ckpt"
    fake.load_from_checkpoint = {"Unbabel/wmt22-comet-da/model.ckpt": Model()}.__getitem__
    monkeypatch.setitem(sys.modules, "comet", fake)
    monkeypatch.setattr(comet, "version", {"unbabel-comet": "2.2.7"}.__getitem__)
    return asked


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, lines in {"src": SOURCE, "ref": TRUTH, "hyp": GUESS, "short": SOURCE[:2]}.items():
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lambda *arguments: CliRunner().invoke(build_app(), arguments)


def said(result):
    return " ".join(result.stderr.replace("│", " ").split())


def test_a_score_is_the_mean_over_lines_with_model_and_version(package):
    [score] = evaluate(GUESS, [TRUTH], ["comet"], source=SOURCE)
    lines = 100 * np.array([0.96, -0.03, 0.75])
    assert score.value == pytest.approx(lines.mean())
    draw = np.random.default_rng(12345)
    means = sorted(lines[draw.integers(3, size=3)].mean() for _ in range(1000))
    middle, half = np.mean(means), (means[974] - means[25]) / 2
    assert (score.low, score.high) == pytest.approx((middle - half, middle + half), rel=1e-5)
    assert score.signature == f"nrefs:1|bs:1000|seed:12345|{SIGNATURE}"
    assert package[0][1] == {"src": "two dogs", "mt": "Zwei Katzen.", "ref": "Zwei Hunde."}


def test_sentences_have_their_own_scores_below_0_too(package):
    [measured] = measure(GUESS, [TRUTH], ["comet"], source=SOURCE)
    assert [score.value for score in measured.sentences()] == pytest.approx([96, -3, 75])
    assert measured.score(bootstrap=0, lines=[1]).value == pytest.approx(-3)


def test_systems_are_compared(package):
    better = [GUESS[0], TRUTH[1], GUESS[2]]
    found = compare({"one": GUESS, "other": better}, [TRUTH], ["comet"], source=SOURCE)
    [against] = found.systems[1].against_baseline
    assert against.tests.difference == pytest.approx(100 * 0.93 / 3)
    assert (against.wins, against.losses, against.ties) == (1, 0, 2)


def test_from_the_command_line(package, run):
    done = run(
        "evaluate", "--hypothesis", "hyp", "--source", "src", "--reference", "ref",
        "--metric", "comet", "--metric", "chrf",
    )  # fmt: skip
    assert done.exit_code == 0
    first, second = done.stdout.splitlines()
    assert first.startswith("COMET 56.00 [")
    assert first.endswith(SIGNATURE)
    assert second.startswith("chrF2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--hypothesis", "hyp"], "expected --source 1 times"),
        (["evaluate", "--hypothesis", "hyp", "--source", "short"], "expected 3 lines as in hyp"),
        (["compare", "hyp", "ref"], "--metric comet reads the source"),
        (
            ["evaluate", "--hypothesis", "hyp", "--source", "src", "--reference", "hyp"],
            "reads one reference, but got 2",
        ),
    ],
)
def test_what_it_reads_must_be_there(package, run, arguments, message):
    done = run(*arguments, "--reference", "ref", "--metric", "comet")
    assert done.exit_code == 2
    assert message in said(done)
    assert not package


def test_without_the_package_one_line_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "comet", None)
    done = run(
        "evaluate", "--hypothesis", "hyp", "--source", "src", "--reference", "ref",
        "--metric", "comet",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "unbabel-comet, but it is not installed; run: pip install 'mt[comet]'" in said(done)


def test_a_model_that_cannot_be_downloaded_is_named(package, monkeypatch):
    def unreachable(name):
        raise KeyError(f"Model '{name}' not supported by COMET.")

    monkeypatch.setattr(sys.modules["comet"], "download_model", unreachable)
    with pytest.raises(DataError, match="expected the model Unbabel/wmt22-comet-da, but it cannot"):
        evaluate(GUESS, [TRUTH], ["comet"], source=SOURCE)
