"""Train with two workers of Ray Train, as the guide shows it, of which one is killed.

    python -m tests.reliability.ray_train [--updates 200]

Only the worker is killed, not the training that it has started: that has to end with it, lest those
that Ray starts again find the run locked. Needs Linux and the package ``ray[train]``. The cluster
is of one machine.
"""
# ruff: noqa: T201

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.reliability.disturbed import (
    EVERY,
    Outcome,
    SharedRun,
    all_of,
    compare,
    go_through,
    last_checkpoint,
    resumed,
    script_of,
    train_by_two,
    wait_for_checkpoint,
    wait_until,
)
from tests.tiny import command, environment


def main() -> int:
    """Run the script of docs/howto/hosts.md, kill a worker, and compare."""
    reads = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    reads.add_argument("--updates", type=int, default=200)
    asked = reads.parse_args()
    with tempfile.TemporaryDirectory(prefix="mt-ray-train-") as name:
        undisturbed = train_by_two(Path(name), asked.updates)
        return go_through(["killed"], lambda _: killed(undisturbed))


def killed(undisturbed: SharedRun) -> Outcome:
    """Kill a worker after a checkpoint, and let Ray start all again."""
    run = undisturbed.path.with_name("workers")
    script = training_script(undisturbed.recipe, run, undisturbed.folder / "storage")
    with cluster_that_trains(script, undisturbed.folder / "said") as ray:
        wait_for_checkpoint(run, EVERY, lambda: ray.poll() is not None)
        training = trainings(run)[-1]
        worker = parent_of(training)
        assert command_of(worker).startswith(b"ray::"), command_of(worker)
        last = last_checkpoint(run)
        os.kill(worker, signal.SIGKILL)
        seconds = wait_until(lambda: training not in trainings(run), "its training ends")
        assert ray.wait() == 0, "Ray gave up"
    happened = Outcome(f"a worker of two was killed, its training ended in {seconds:.1f} s")
    return all_of(happened, resumed(run, last), compare(undisturbed, run))


@contextlib.contextmanager
def cluster_that_trains(script: str, said: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a script that says something into a file; show that where something fails."""
    variables = environment() | {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
    with said.open("wb") as file:
        ray = subprocess.Popen(
            [sys.executable, "-c", script], env=variables, stdout=file, stderr=file
        )
    try:
        yield ray
    except Exception:
        print(said.read_text(encoding="utf-8", errors="replace")[-5000:], flush=True)
        raise
    finally:
        ray.terminate()
        ray.wait()


def training_script(recipe: Path, run: Path, storage: Path) -> str:
    """Return the program of the guide, for workers without GPUs."""
    call = command("train", recipe, "--out", run, "--device", "cpu", "--resume")
    return script_of(
        "hosts.md", "TorchTrainer",
        places={
            '"mt", "train", "/shared/recipe.yaml", "--out", "/shared/run", "--resume"': f"*{call}",
            "use_gpu=True": "use_gpu=False",
            "/shared/ray": str(storage),
        },
    )  # fmt: skip


def trainings(run: Path) -> list[int]:
    """List the processes that train in a directory."""
    numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [each for each in numbers if os.fsencode(run) in command_of(each).split(b"\0")]


def command_of(number: int) -> bytes:
    """Return the command of a process; nothing where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes()
    return b""


def parent_of(number: int) -> int:
    """Return the number of the process that has started another."""
    stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(stat[1])


if __name__ == "__main__":
    sys.exit(main())
