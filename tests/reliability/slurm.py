"""Train and translate on a SLURM cluster, as the guides show it, and compare with this machine.

    python -m tests.reliability.slurm [train|translate]... [--updates 400] [--lines 2000]

The cluster has two nodes, both on this machine: slurmctld, two times slurmd, and munged, with all
that they write in a folder that is thrown away. Needs root and the packages slurm-wlm and munge.

    train      the job script of docs/howto/hosts.md: two torchruns, which are told by a signal that
               time is over, and go on in a second job
    translate  the Python script of docs/howto/bulk.md: datatrove submits an array of jobs
"""
# ruff: noqa: T201

import contextlib
import os
import platform
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mt.bulk import summarise
from tests.reliability.bulk import BUNDLE, Job, write_text
from tests.reliability.disturbed import (
    EVERY,
    Outcome,
    all_of,
    compare,
    go_through,
    last_checkpoint,
    parser,
    resumed,
    script_of,
    train_by_two,
    wait_for_checkpoint,
    wait_until,
)
from tests.tiny import environment

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")
STOP = 2 * EVERY
"""The update after whose checkpoint the first job is told that its time is over."""


def main() -> int:
    """Start the cluster, and run what is asked for."""
    reads = parser(__doc__, PARTS)
    reads.add_argument("--lines", type=int, default=2_000)
    reads.add_argument("--updates", type=int, default=400)
    asked = reads.parse_args()
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="mt-slurm-") as name, cluster(Path(name)) as variables:

        def do(part: str) -> Outcome:
            folder = Path(name) / part
            folder.mkdir()
            size = {"train": asked.updates, "translate": asked.lines}[part]
            return PARTS[part](folder, variables, size)

        return go_through(asked.parts or PARTS, do)


def missing() -> str | None:
    """Say why there can be no cluster here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "its services need Linux and root"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"SLURM is not installed: there is no program `{absent[0]}`" if absent else None


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start one, and give the environment in which its commands find it."""
    folder.chmod(0o755)
    (folder / "state").mkdir()
    key = folder / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    config = folder / "slurm.conf"
    config.write_text(configuration(folder), encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = environment() | {"SLURM_CONF": str(config), "PATH": path}
    files = {
        "socket": "socket",
        "pid-file": "munged.pid",
        "log-file": "munged.log",
        "seed-file": "seed",
    }
    munged = ["munged", "--foreground", f"--key-file={key}"]
    services = [[*munged, *(f"--{option}={folder / file}" for option, file in files.items())]]
    services += [["slurmctld", "-D", "-c"], *(["slurmd", "-D", "-N", node] for node in nodes())]
    started: list[subprocess.Popen[bytes]] = []
    with (folder / "services.log").open("wb") as log:
        try:
            for service in services:
                started.append(subprocess.Popen(service, env=variables, stdout=log, stderr=log))
                time.sleep(1)
            idle = ("sinfo", "-h", "-t", "idle", "-o", "%t")
            wait_until(lambda: "idle" in ask(variables, *idle), "nodes")
            yield variables
            ask(variables, "scancel", "--user", "root")
        except BaseException:
            print((folder / "services.log").read_text(errors="replace")[-3000:], flush=True)
            raise
        finally:
            for service in reversed(started):
                service.terminate()
                service.wait()


def nodes() -> tuple[str, str]:
    """Name the nodes; the first, where processes meet, by a name that this machine knows."""
    return platform.node(), f"{platform.node()}-2"


def configuration(folder: Path) -> str:
    """Describe two nodes that share this machine."""
    here = platform.node()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    lines = [
        f"NodeName={node} NodeHostname={here} NodeAddr=127.0.0.1 Port={port} "
        f"CPUs={os.cpu_count()} RealMemory={memory}"
        for port, node in enumerate(nodes(), 16_818)
    ]
    return "\n".join([
        "ClusterName=mt",
        f"SlurmctldHost={here}(127.0.0.1)",
        "SlurmctldPort=16817",
        "SlurmUser=root",
        f"AuthInfo=socket={folder}/socket",
        f"StateSaveLocation={folder}/state",
        f"SlurmctldPidFile={folder}/slurmctld.pid",
        f"SlurmdSpoolDir={folder}/spool-%n",
        f"SlurmdPidFile={folder}/slurmd-%n.pid",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "MpiDefault=none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core",
        "ReturnToService=2",
        *lines,
        "PartitionName=cpu Nodes=ALL Default=YES State=UP",
        "",
    ])  # fmt: skip


def train(folder: Path, variables: Mapping[str, str], updates: int) -> Outcome:
    """Submit a job, tell it that its time is over, submit it again, and compare."""
    undisturbed = train_by_two(folder, updates)
    run = undisturbed.path.with_name("slurm")
    job = folder / "job.sh"
    job.write_text(training_script(undisturbed.recipe, run), encoding="utf-8")
    try:
        first = submit(variables, job)
        wait_for_checkpoint(run, STOP)
        ask(variables, "scancel", "--signal", "TERM", first)
        wait_for_jobs(variables)
        last = last_checkpoint(run)
        submit(variables, job)
        wait_for_jobs(variables)
        stopped = Outcome("stopped by SIGTERM and submitted again")
        return all_of(stopped, resumed(run, last), compare(undisturbed, run))
    except Exception:
        print(job.with_suffix(".log").read_text(errors="replace")[-3000:], flush=True)
        raise


def translate(folder: Path, variables: Mapping[str, str], lines: int) -> Outcome:
    """Translate by the script for datatrove, and compare with a job of this machine."""
    text = write_text(folder / "text", lines, random.Random(1))
    whole = Job(BUNDLE, text, folder / "whole")
    assert whole.end() == 0
    ask(variables, sys.executable, "-c", translation_script(text, folder / "out"))
    wait_for_jobs(variables)
    found = summarise(str(folder / "out"))
    content = {path.name: path.read_bytes() for path in (folder / "out").glob("*.txt")}
    same = content == whole.content()
    shards = f"{found['done']} of {found['shards']} shards, {found['records']:,} lines"
    return all_of(Outcome(shards), Outcome("the same bytes" if same else "other bytes", same))


def training_script(recipe: Path, run: Path) -> str:
    """Return the job of the guide, for nodes without GPUs."""
    return script_of(
        "hosts.md", "#SBATCH",
        places={
            "--gpus-per-node 4 ": "",
            "--nproc-per-node 4": "--nproc-per-node 1",
            "/shared/recipe.yaml": str(recipe),
            "/shared/run": f"{run} --device cpu",
        },
    )  # fmt: skip


def translation_script(text: Path, output: Path) -> str:
    """Return the program of the guide, for small shards."""
    return script_of(
        "bulk.md", "plan_translation", "SlurmPipelineExecutor",
        places={
            '"MODEL"': repr(str(BUNDLE)),
            '"INPUT"': repr(str(text)),
            '"OUTPUT"': repr(str(output)) + ", shard_bytes=2_000",
            "source .venv/bin/activate; ": "",
            "tasks_per_job=20": "tasks_per_job=5",
        },
    )  # fmt: skip


PARTS: dict[str, Callable[[Path, Mapping[str, str], int], Outcome]] = {
    "train": train,
    "translate": translate,
}


def submit(variables: Mapping[str, str], job: Path) -> str:
    """Submit a script, and return the number of the job."""
    log = job.with_suffix(".log")
    return ask(variables, "sbatch", "--parsable", "--open-mode=append", f"--output={log}", str(job))


def ask(variables: Mapping[str, str], *command: str) -> str:
    """Return what a command answers."""
    done = subprocess.run(
        command, env=dict(variables), check=False, capture_output=True, encoding="utf-8"
    )
    assert not done.returncode or command[0] == "scancel", done.stderr
    return done.stdout.strip()


def wait_for_jobs(variables: Mapping[str, str]) -> None:
    """Wait until no job is left."""
    wait_until(lambda: not ask(variables, "squeue", "-h"), "jobs")


if __name__ == "__main__":
    sys.exit(main())
