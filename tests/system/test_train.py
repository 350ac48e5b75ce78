"""The command line learns a language, keeps what it learnt, and uses it."""

import importlib.util
import json
import os
import subprocess

import pytest

from mt.bundle import open_bundle, read_index
from tests.tiny import command, environment, mt, write_corpus, write_recipe

OVERRIDES = {
    "model.dim": 64,
    "model.feed_forward": 128,
    "training.updates": 240,
    "training.batch_tokens": 600,
    "training.optimizer.learning_rate": 4e-3,
    "training.schedule.warmup": 40,
    "validation.every": 80,
    "validation.metric": "bleu",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), pairs=1500)


@pytest.fixture(scope="module")
def trained(corpus):
    """Train once, and return the run and what the shell saw."""
    overrides = [f"--set={key}={value}" for key, value in OVERRIDES.items()]
    run = corpus / "run"
    done = mt("train", write_recipe(corpus), *overrides, "--out", run, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return run, done


@pytest.mark.slow
def test_it_learns(trained, corpus):
    run, _ = trained
    test = ["--source", corpus / "test.src", "--reference", corpus / "test.tgt"]
    done = mt("evaluate", run, *test, "--metric", "chrf", "--metric", "bleu", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)[0]["scores"]
    assert list(scores) == ["chrf", "bleu"]
    for score in scores.values():
        assert score.keys() >= {"score", "signature", "low", "high"}
        assert score["low"] <= score["score"] <= score["high"]
        assert "version:" in score["signature"]
    # Sixteen seeds gave 66 to 86; translations of other sentences of the language score 14.
    assert scores["chrf"]["score"] > 45


@pytest.mark.slow
def test_stdout_carries_results_only(trained):
    _, done = trained
    assert done.stdout == ""
    assert "all updates done at update 240" in done.stderr
    assert "--resume" not in done.stderr


@pytest.mark.slow
def test_a_run_explains_itself(trained):
    run, _ = trained
    expected = {"README.md", "bundles", "config.yaml", "curves.svg", "index.json", "log.txt",
                "lock", "metrics.jsonl", "state", "tokenizer"}  # fmt: skip
    if importlib.util.find_spec("tensorboard"):
        expected.add("tensorboard")
        assert list((run / "tensorboard").glob("events.*"))
    assert {path.name for path in run.iterdir()} == expected

    index = read_index(run)
    assert index["last"].name == "update-000240"
    assert index["best"].parent == run / "bundles"
    for path in (run / "bundles").iterdir():
        bundle = open_bundle(path)
        assert bundle.metadata.languages == ("xx", "yy")
        assert bundle.metadata.scores["bleu"]["signature"]
    states = sorted(path.name for path in (run / "state").iterdir())
    assert states == [
        f"update-000{update}.{suffix}" for update in (160, 240) for suffix in ("pt", "sha256")
    ]

    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["update"] for entry in entries if "validation" in entry] == [80, 160, 240]
    assert [entry["update"] for entry in entries if "loss" in entry] == [*range(5, 241, 5)]

    card = (run / "README.md").read_text(encoding="utf-8")
    for words in (
        "xx → yy",
        "update 240",
        "| best checkpoint |",
        "dim: 64",
        "1,500 read",
        "curves.svg",
    ):
        assert words in card
    assert (run / "curves.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert "validation: loss" in (run / "log.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["run", "bundle"])
def test_translate_keeps_lines_where_they_are(trained, corpus, which):
    run, _ = trained
    model = run if which == "run" else read_index(run)["last"]
    first, second = (corpus / "test.src").read_text(encoding="utf-8").splitlines()[:2]
    done = mt("translate", model, "--device", "cpu", stdin=f"{first}\n\n{second}\n")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    assert len(lines) == 4
    assert lines[1] == lines[3] == ""
    assert lines[0]
    assert lines[2]


@pytest.mark.slow
def test_a_reader_that_leaves_ends_translation(trained):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command("translate", trained[0]), env=environment(), input="a\nb\n" * 200,
            stdout=writing, stderr=subprocess.PIPE, encoding="utf-8", check=False, timeout=120,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


@pytest.mark.slow
def test_a_finished_run_is_left_alone(trained, corpus):
    run, _ = trained
    before = {path: path.stat().st_mtime_ns for path in (run / "bundles").rglob("*")}
    overrides = [f"--set={key}={value}" for key, value in OVERRIDES.items()]
    again = ["train", corpus / "tiny.yaml", *overrides]
    done = mt(*again, "--out", run, "--device", "cpu", "--resume")
    assert done.returncode == 0
    assert "nothing left to train: all updates done at update 240" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (run / "bundles").rglob("*")} == before
