"""Train on two hosts, of which one dies: the run ends as if nothing had happened.

    python -m tests.reliability.hosts [killed|silent|alone|first]... [--updates 400] [--seed 1]

Hosts are network namespaces of this machine, joined by a bridge. Each has its own name, processes,
/etc/hosts, copy of the corpora and store; they share the run directory alone. Needs Linux, root and
the programs ``ip`` and ``unshare``.

    killed    all processes of the second host are killed, and it joins again
    silent    its network goes first, so that nobody tells the other; it joins again
    alone     it is killed and does not come back, and one host may go on (``--nnodes 1:2``)
    first     the host is killed where all meet; torchrun is started again on both
"""
# ruff: noqa: T201

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from mt.bundle import open_bundle, read_index
from tests.tiny import command, environment, recipe_of, write_corpus

BRIDGE = "mt-bridge"
MEETING = 29_400
"""The port of the first host at which all meet."""
PATIENCE = 300.0
"""Seconds that a host has for the next thing that it should do."""


def main() -> int:
    """Go through what may happen, and compare each run with an undisturbed one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("events", nargs="*", metavar="EVENT", help=f"of {', '.join(EVENTS)}")
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    draw = random.Random(asked.seed)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="mt-hosts-") as name, bridge():
        world = World(Path(name), asked.updates)
        for event in asked.events or EVENTS:
            began = time.monotonic()
            with hosts(world, event) as both:
                found = EVENTS[event](world, both, draw)
            print(f"{event}: {found} ({time.monotonic() - began:.0f} s)", flush=True)
            broken += "ANOTHER" in found
    return int(broken > 0)


def missing() -> str | None:
    """Say why there can be no hosts here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    for program in ("ip", "unshare", "mount"):
        if shutil.which(program) is None:
            return f"there is no program `{program}`"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], check=False)
    return "namespaces are not allowed here" if tried.returncode else None


class World:
    """A recipe whose corpora each host has for itself, and the result of two undisturbed processes.

    What is at ``own`` is another folder on each host.
    """

    def __init__(self, folder: Path, updates: int) -> None:
        """Write it, and train on this machine."""
        self.folder = folder
        self.own, self.shared = folder / "own", folder / "shared"
        self.own.mkdir()
        self.shared.mkdir()
        self.corpora = folder / "corpora"
        self.corpora.mkdir()
        write_corpus(self.corpora)
        recipe = recipe_of(self.own)
        recipe["model"]["dropout"] = 0.0  # so that runs of one and of two processes are alike
        recipe["training"] |= {"updates": updates, "report_every": 10}
        recipe["validation"] |= {"every": 50}
        self.recipe = self.shared / "recipe.yaml"
        self.recipe.write_text(json.dumps(recipe, indent=2), encoding="utf-8")
        shutil.copytree(self.corpora, self.own, dirs_exist_ok=True)
        call = command("train", self.recipe, "--out", self.whole, "--device", "cpu")
        subprocess.run(
            [*call, "--processes", "2"], env=environment(), check=True, capture_output=True
        )

    @property
    def whole(self) -> Path:
        """The run of two processes on one machine."""
        return self.shared / "whole"

    def run(self, event: str) -> Path:
        """Name the run that something happens to."""
        return self.shared / event

    def compare(self, event: str) -> str:
        """Say how a run differs from the undisturbed one."""
        mine, theirs = (_weights(run) for run in (self.run(event), self.whole))
        if mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine):
            return "the same weights, bit for bit"
        largest = max(float((mine[k] - theirs[k]).abs().max()) for k in mine)
        return f"ANOTHER RESULT: weights differ by up to {largest:.1e}"

    def compare_curves(self, event: str) -> str:
        """Say how far the losses of a run are from the undisturbed ones.

        Sums in another order differ by rounding, which training enlarges; other pairs, or another
        learning rate, would show in every report.
        """
        mine, theirs = (_curve(run) for run in (self.run(event), self.whole))
        if [each[:3] for each in mine] != [each[:3] for each in theirs]:
            return "ANOTHER RESULT: other epochs or learning rates"
        largest = max(abs(a[3] / b[3] - 1) for a, b in zip(mine, theirs, strict=True))
        found = f"losses differ by at most {largest:.0e} of themselves"
        return found if largest < 1e-3 else f"ANOTHER RESULT: {found}"


def _curve(run: Path) -> list[tuple[int, int, float, float]]:
    """Load update, epoch, learning rate and loss of each report."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    reports = [report for report in map(json.loads, lines) if "loss" in report]
    return [tuple(each[key] for key in ("update", "epoch", "rate", "loss")) for each in reports]


def _weights(run: Path) -> dict[str, torch.Tensor]:
    """Load the last weights, and the best."""
    return {
        f"{name} {key}": weight
        for name in ("best", "last")
        for key, weight in open_bundle(read_index(run)[name]).weights().items()
    }


class Host:
    """A machine: a network namespace, and processes that are born into it and die with it."""

    def __init__(self, world: World, number: int, run: Path) -> None:
        """Plug it in."""
        self.world, self.run = world, run
        self.name, self.address = f"mt-host{number}", f"10.77.0.{number}"
        self.folder = world.folder / f"{run.name}-{self.name}"
        shutil.copytree(world.corpora, self.folder)
        names = {f"mt-host{each}": f"10.77.0.{each}" for each in (1, 2)}
        names |= {"localhost": "127.0.0.1", self.name: "127.0.1.1"}  # the latter as in Debian
        lines = "".join(f"{address} {name}\n" for name, address in names.items())
        (self.folder / "hosts").write_text(lines, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        _ip("netns", "add", self.name)
        _ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self.name, "master", BRIDGE, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        _ip("-n", self.name, "link", "set", "eth0", "up")
        _ip("-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0")

    def start(self, nodes: str) -> None:
        """Start torchrun with one process."""
        torchrun = [
            sys.executable, "-m", "torch.distributed.run",
            "--nnodes", nodes, "--nproc-per-node", "1", "--max-restarts", "3",
            "--rdzv-backend", "c10d", "--rdzv-id", self.run.name,
            "--rdzv-endpoint", f"mt-host1:{MEETING}",
            "-m", "mt", "train", self.world.recipe, "--out", self.run, "--device", "cpu",
            "--resume",
        ]  # fmt: skip
        prepare = (
            f"hostname {self.name} && mount --bind {self.folder}/hosts /etc/hosts "
            f'&& mount --bind {self.folder} {self.world.own} && exec "$@"'
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, "unshare", "--uts", "--mount", "--pid", "--fork",
                 "--kill-child", "--mount-proc", "sh", "-c", prepare, "sh", *map(str, torchrun)],
                env=environment() | {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
                stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def log(self) -> Path:
        """What torchrun and the processes say."""
        return self.folder / "log"

    def said(self) -> str:
        """Return what they have said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def die(self) -> None:
        """Kill all processes at once: they end with the first of them."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def plug(self, state: str) -> None:
        """Set the cable ``up`` or ``down``."""
        _ip("link", "set", self.name, state)

    def wait(self) -> int:
        """Wait for torchrun, and return its code."""
        assert self.process is not None
        return self.process.wait(PATIENCE)

    @property
    def has_ended(self) -> bool:
        """Whether torchrun has."""
        return self.process is None or self.process.poll() is not None

    def unplug(self) -> None:
        """Take it away."""
        if self.process is not None:
            self.die()
        _ip("netns", "delete", self.name)


@contextlib.contextmanager
def bridge() -> Iterator[None]:
    """Lay the cable between the hosts."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("link", "set", BRIDGE, "up")
    try:
        yield
    finally:
        _ip("link", "delete", BRIDGE)


@contextlib.contextmanager
def hosts(world: World, event: str) -> Iterator[list[Host]]:
    """Plug two hosts in, and take them away in the end, whatever runs on them."""
    both: list[Host] = []
    try:
        both.extend(Host(world, number, world.run(event)) for number in (1, 2))
        yield both
    except Exception:
        for host in both:
            print(f"--- {host.name}\n{host.said()[-5000:]}", flush=True)
        raise
    finally:
        for host in both:
            host.unplug()


def killed(world: World, both: list[Host], draw: random.Random) -> str:
    """Kill the second host, and let it join again."""
    start(both, "2")
    update = wait_for_checkpoint(both[0], draw)
    both[1].die()
    noticed = wait_for(both[0], "has ended; start all again with --resume")
    both[1].start("2")
    return tell(both, f"killed after update {update}, noticed in {noticed:.0f} s", world.compare)


def silent(world: World, both: list[Host], draw: random.Random) -> str:
    """Let the second host vanish without a word, and join again."""
    start(both, "2")
    update = wait_for_checkpoint(both[0], draw)
    both[1].plug("down")
    both[1].die()
    noticed = wait_for(both[0], "has ended; start all again with --resume")
    both[1].plug("up")
    both[1].start("2")
    return tell(both, f"silent after update {update}, noticed in {noticed:.0f} s", world.compare)


def alone(world: World, both: list[Host], draw: random.Random) -> str:
    """Kill the second host for good, where one is enough."""
    start(both, "1:2")
    update = wait_for_checkpoint(both[0], draw)
    both[1].die()
    wait_for(both[0], "there were 2 and are 1")
    happened = f"killed after update {update}, one process went on"
    return tell(both[:1], happened, world.compare_curves)


def first(world: World, both: list[Host], draw: random.Random) -> str:
    """Kill the first host, at which all meet, and start again on both."""
    start(both, "2")
    update = wait_for_checkpoint(both[0], draw)
    both[0].die()
    began = time.monotonic()
    code = both[1].wait()
    seconds = time.monotonic() - began
    start(both, "2")
    done = f"the meeting place was killed after update {update}"
    return tell(
        both, f"{done}, torchrun of the other ended with {code} in {seconds:.0f} s", world.compare
    )


EVENTS: dict[str, Callable[[World, list[Host], random.Random], str]] = {
    "killed": killed,
    "silent": silent,
    "alone": alone,
    "first": first,
}


def start(both: list[Host], nodes: str) -> None:
    """Start torchrun on all."""
    for host in both:
        host.start(nodes)


def wait_for_checkpoint(host: Host, draw: random.Random) -> int:
    """Wait until a random checkpoint has been written and some updates more; return its update."""
    updates = json.loads(host.world.recipe.read_text())["training"]["updates"]
    update = draw.randrange(50, updates // 2 + 1, 50)
    wait_for(host, f"update {update}  validation")
    time.sleep(draw.uniform(0, 0.5))
    return update


def wait_for(host: Host, words: str) -> float:
    """Wait until a host says something, and return the seconds that it took."""
    began = time.monotonic()
    while words not in host.said():
        assert not host.has_ended, f"ended before: {words}"
        assert time.monotonic() - began < PATIENCE, f"never said: {words}"
        time.sleep(0.05)
    return time.monotonic() - began


def tell(left: list[Host], happened: str, compare: Callable[[str], str]) -> str:
    """Wait for the end, and say what came of it."""
    codes = [host.wait() for host in left]
    assert not any(codes), f"torchrun ended with {codes}"
    resumed = sum(host.said().count("resuming after update") for host in left)
    return f"{happened}; resumed {resumed} times; {compare(left[0].run.name)}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
