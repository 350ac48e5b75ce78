"""Several processes train one model, as a person starts, stops, kills and resumes them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mt.bundle import open_bundle, read_index
from tests.tiny import command, environment, mt, write_corpus, write_recipe

pytestmark = pytest.mark.slow
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "mt"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    directory = write_corpus(tmp_path_factory.mktemp("corpus"))
    write_recipe(directory)
    return directory


def call(corpus, run, *more):
    return list(map(str, ["train", corpus / "tiny.yaml", "--device", "cpu", "--out", run, *more]))


class Run:
    """A command that trains, and what it says."""

    def __init__(self, arguments, directory):
        self._errors = directory / "stderr.txt"
        with self._errors.open("w") as stderr:
            self.process = subprocess.Popen(
                arguments, env=environment(), stdout=subprocess.DEVNULL, stderr=stderr
            )

    def said(self):
        return self._errors.read_text(encoding="utf-8")

    def wait_until_said(self, words):
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)

    def others(self):
        """Return the numbers of the processes that train along."""
        return [number for number in children(self.process.pid) if b"--out" in command_of(number)]

    def code(self):
        return self.process.wait(timeout=60)


def children(number):
    task = Path(f"/proc/{number}/task/{number}/children")
    return [int(child) for child in task.read_text(encoding="ascii").split()]


def command_of(number):
    return Path(f"/proc/{number}/cmdline").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_two_processes_are_killed_resumed_interrupted_and_resumed_by_torchrun(corpus, tmp_path):
    run = tmp_path / "run"
    long = call(corpus, run, "--set", "training.updates=5000", "--set", "training.report_every=1")

    killed = Run(command(*long, "--processes", "2"), tmp_path)
    killed.wait_until_said("update 20  validation")  # the checkpoint before is written
    [other] = killed.others()
    os.kill(other, signal.SIGKILL)
    assert killed.code() == 2
    [line] = [line for line in killed.said().splitlines() if line.startswith("mt: ")]
    assert line.startswith(f"mt: processes: expected all 2 to go on, but rank 1 (process {other} ")
    assert line.endswith("has ended; start all again with --resume")

    stopped = Run(command(*long, "--processes", "2", "--resume"), tmp_path)
    stopped.wait_until_said("validation: ")
    for number in (stopped.process.pid, *stopped.others()):  # as a terminal does
        os.kill(number, signal.SIGINT)
    assert stopped.code() == 130
    assert stopped.said().count("resuming after update") == 1
    assert "mt: " not in stopped.said()
    update = open_bundle(read_index(run)["last"]).metadata.update
    assert last_report(run) == update

    little = call(corpus, run, "--set", f"training.updates={update + 5}", *long[8:], "--resume")
    done = Run([*TORCHRUN, *little], tmp_path)
    assert done.code() == 0, done.said()
    assert done.said().count(f"resuming after update {update}\n") == 1
    assert last_report(run) == update + 5


def test_an_interrupt_before_the_first_update_ends_all(corpus, tmp_path):
    arguments = call(corpus, tmp_path / "run", "--set", "seed=2", "--set", "tokenizer.size=301")
    stopped = Run(command(*arguments, "--processes", "2"), tmp_path)
    stopped.wait_until_said("tokenizer: training")
    began = time.monotonic()
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.code() == 130
    assert time.monotonic() - began < 20, "the other had to be killed"


def last_report(run):
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if "loss" in entry][-1]["update"]


def test_a_number_that_is_none_is_refused(corpus):
    done = mt(*call(corpus, "run", "--processes", "none"))
    assert done.returncode == 2
    assert "--processes: expected auto or a number from 1, but found `none`" in done.stderr
