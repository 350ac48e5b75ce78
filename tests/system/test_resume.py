"""A run that was stopped, gently or not, ends as if nothing had happened."""

import json
import random
import signal
import subprocess
import time

import pytest
import torch

from mt.bundle import open_bundle, read_index
from tests.tiny import command, environment, process, write_corpus, write_recipe

pytestmark = pytest.mark.slow
UPDATES = 100


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    directory = write_corpus(tmp_path_factory.mktemp("corpus"))
    write_recipe(directory)
    return directory


def call(corpus, run, *more):
    # Precision is left at what most people use, whatever that means on this machine.
    return [
        "train", corpus / "tiny.yaml", "--set", f"training.updates={UPDATES}",
        "--set", "validation.every=8", "--set", "training.report_every=3",
        "--set", "training.accumulate=2", "--set", "training.precision=auto",
        "--set", "data.augmentation.upper_case=0.2", "--set", "data.augmentation.typos=0.2",
        "--set", "data.augmentation.subword_regularization.kind=unigram_sampling",
        "--device", "cpu", "--out", run, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(corpus):
    """Run without a stop."""
    run = corpus / "uninterrupted"
    done = process(*call(corpus, run))
    assert done.returncode == 0, done.stderr
    return run


def progress(run):
    """Return the last update that ``metrics.jsonl`` tells of."""
    if not (run / "metrics.jsonl").exists():
        return 0
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    return json.loads(lines[-1])["update"] if lines else 0


def stop(command_line, run, sent, first, last):
    """Train, and send a signal at a random moment; return the exit code.

    Until then every bundle that can be seen is whole.

    Args:
        command_line: Trains in ``run``.
        run: The run directory.
        sent: The signal.
        first: The earliest update after which it is sent.
        last: The latest.
    """
    moment = random.SystemRandom().randint(first, last)
    pause = random.SystemRandom().random() * 0.02
    print(f"{sent.name} {pause:.3f} s after update {moment}")  # noqa: T201 - shown where a test fails
    process = subprocess.Popen(
        command(*command_line), env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        while process.poll() is None and progress(run) < moment:
            assert_bundles_whole(run)
            time.sleep(0.005)
        time.sleep(pause)
        process.send_signal(sent)
        process.wait(timeout=60)
    assert progress(run) < UPDATES
    assert_bundles_whole(run)
    return process.returncode


def assert_bundles_whole(run):
    for path in run.glob("bundles/[!.]*"):
        try:
            open_bundle(path)
        except Exception:
            if path.exists():  # else it was no longer needed, and went while it was read
                raise


def assert_equal(run, other):
    """Compare everything that does not tell the time."""
    for name in ("best", "last"):
        mine, theirs = open_bundle(read_index(run)[name]), open_bundle(read_index(other)[name])
        assert mine.path.name == theirs.path.name
        assert mine.metadata == theirs.metadata
        for weight, expected in theirs.weights().items():
            assert torch.equal(mine.weights()[weight], expected)
    assert curve(run) == curve(other)


def curve(run):
    """Read the reports and validations, without times and speeds."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    times = ("seconds", "tokens_per_second")
    return [{k: v for k, v in json.loads(line).items() if k not in times} for line in lines]


def test_a_killed_run_ends_like_an_uninterrupted_one(corpus, uninterrupted, tmp_path):
    run = tmp_path / "run"
    killed = -signal.SIGKILL
    assert stop(call(corpus, run), run, signal.SIGKILL, 1, 4) == killed  # no checkpoint yet
    assert stop(call(corpus, run, "--resume"), run, signal.SIGKILL, 6, 50) == killed
    done = process(*call(corpus, run, "--resume"))
    assert done.returncode == 0, done.stderr
    assert_equal(run, uninterrupted)
    # What the kill left half done is cleared away.
    assert not list((run / "bundles").glob(".*"))
    assert not list((run / "state").glob(".*"))


def test_an_interrupted_run_ends_like_an_uninterrupted_one(corpus, uninterrupted, tmp_path):
    run, resumed = tmp_path / "run", False
    for sent, first, last in ((signal.SIGINT, 1, 30), (signal.SIGTERM, 60, 75)):
        again = ["--resume"] if resumed else []
        assert stop(call(corpus, run, *again), run, sent, first, last) == 130
        stopped = open_bundle(read_index(run)["last"]).metadata.update
        assert stopped >= progress(run) >= first
        resumed = True
    done = process(*call(corpus, run, "--resume"))
    assert done.returncode == 0, done.stderr
    assert f"resuming after update {stopped}\n" in done.stderr
    assert_equal(run, uninterrupted)
