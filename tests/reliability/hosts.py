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

import contextlib
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

from tests.reliability.disturbed import (
    EVERY,
    PATIENCE,
    Outcome,
    SharedRun,
    all_of,
    compare,
    compare_curves,
    go_through,
    last_checkpoint,
    parser,
    resumed,
    train_by_two,
    wait_for_checkpoint,
    wait_until,
)
from tests.tiny import environment

BRIDGE = "mt-bridge"
MEETING = 29_400
"""The port of the first host at which all meet."""


def main() -> int:
    """Go through what may happen, and compare each run with an undisturbed one."""
    reads = parser(__doc__, EVENTS)
    reads.add_argument("--updates", type=int, default=400)
    reads.add_argument("--seed", type=int, default=1)
    asked = reads.parse_args()
    if reason := missing():
        print(f"skipped: {reason}")
        return 0
    draw = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(prefix="mt-hosts-") as name, bridge():
        undisturbed = train_by_two(Path(name), asked.updates)

        def disturb(event: str) -> Outcome:
            with hosts(undisturbed, event) as both:
                return EVENTS[event](both, draw)

        return go_through(asked.parts or EVENTS, disturb)


def missing() -> str | None:
    """Say why there can be no hosts here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    for program in ("ip", "unshare", "mount"):
        if shutil.which(program) is None:
            return f"there is no program `{program}`"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], check=False)
    return "namespaces are not allowed here" if tried.returncode else None


class Host:
    """A machine: a network namespace, and processes that are born into it and die with it."""

    def __init__(self, undisturbed: SharedRun, number: int, run: Path) -> None:
        """Give it a disk; :meth:`appear` gives it a network."""
        self.undisturbed, self.run = undisturbed, run
        self.name, self.address = f"mt-host{number}", f"10.77.0.{number}"
        self.folder = undisturbed.folder / f"{run.name}-{self.name}"
        shutil.copytree(undisturbed.data, self.folder, ignore=shutil.ignore_patterns("prepared"))
        names = {f"mt-host{each}": f"10.77.0.{each}" for each in (1, 2)}
        names |= {"localhost": "127.0.0.1", self.name: "127.0.1.1"}  # the latter as in Debian
        lines = "".join(f"{address} {name}\n" for name, address in names.items())
        (self.folder / "hosts").write_text(lines, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def appear(self) -> None:
        """Plug it in."""
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
            "-m", "mt", "train", self.undisturbed.recipe, "--out", self.run, "--device", "cpu",
            "--resume",
        ]  # fmt: skip
        prepare = (
            f"hostname {self.name} && mount --bind {self.folder}/hosts /etc/hosts "
            f'&& mount --bind {self.folder} {self.undisturbed.data} && exec "$@"'
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
        if not self.log.exists():
            return ""
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

    def disappear(self) -> None:
        """Take away what there is of it."""
        if self.process is not None:
            self.die()
        _ip("link", "delete", self.name, check=False)  # the namespace takes it along, but later
        _ip("netns", "delete", self.name, check=False)


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
def hosts(undisturbed: SharedRun, event: str) -> Iterator[list[Host]]:
    """Plug two hosts in, and take them away in the end, whatever runs on them."""
    both: list[Host] = []
    try:
        run = undisturbed.path.with_name(event)
        both.extend(Host(undisturbed, number, run) for number in (1, 2))
        for host in both:
            host.appear()
        yield both
    except Exception:
        for host in both:
            print(f"--- {host.name}\n{host.said()[-5000:]}", flush=True)
        raise
    finally:
        for host in both:
            host.disappear()


def killed(both: list[Host], draw: random.Random) -> Outcome:
    """Kill the second host, and let it join again."""
    start(both, "2")
    last = wait_for_some_checkpoint(both[0], draw)
    both[1].die()
    noticed = wait_for(both[0], "has ended; start all again with --resume")
    both[1].start("2")
    return tell(both, f"killed and noticed in {noticed:.0f} s", last)


def silent(both: list[Host], draw: random.Random) -> Outcome:
    """Let the second host vanish without a word, and join again."""
    start(both, "2")
    last = wait_for_some_checkpoint(both[0], draw)
    both[1].plug("down")
    both[1].die()
    noticed = wait_for(both[0], "has ended; start all again with --resume")
    both[1].plug("up")
    both[1].start("2")
    return tell(both, f"silent and noticed in {noticed:.0f} s", last)


def alone(both: list[Host], draw: random.Random) -> Outcome:
    """Kill the second host for good, where one is enough."""
    start(both, "1:2")
    last = wait_for_some_checkpoint(both[0], draw)
    both[1].die()
    wait_for(both[0], "there were 2 and are 1")
    return tell(both[:1], "killed, one process went on", last, compare_curves)


def first(both: list[Host], draw: random.Random) -> Outcome:
    """Kill the first host, at which all meet, and start again on both."""
    start(both, "2")
    last = wait_for_some_checkpoint(both[0], draw)
    both[0].die()
    began = time.monotonic()
    code = both[1].wait()
    seconds = time.monotonic() - began
    start(both, "2")
    done = f"the meeting place was killed, torchrun of the other ended with {code} in {seconds:.0f}"
    return tell(both, f"{done} s", last)


EVENTS: dict[str, Callable[[list[Host], random.Random], Outcome]] = {
    "killed": killed,
    "silent": silent,
    "alone": alone,
    "first": first,
}


def start(both: list[Host], nodes: str) -> None:
    """Start torchrun on all."""
    for host in both:
        host.start(nodes)


def wait_for_some_checkpoint(host: Host, draw: random.Random) -> int:
    """Wait for a random checkpoint and some updates more; return the update of the last one."""
    update = draw.randrange(EVERY, host.undisturbed.updates // 2 + 1, EVERY)
    wait_for_checkpoint(host.run, update, lambda: host.has_ended)
    time.sleep(draw.uniform(0, 0.5))
    return last_checkpoint(host.run)


def wait_for(host: Host, words: str) -> float:
    """Wait until a host says something, and return the seconds that it took."""
    return wait_until(lambda: words in host.said(), words, lambda: host.has_ended)


def tell(
    left: list[Host],
    happened: str,
    last: int,
    compared: Callable[[SharedRun, Path], Outcome] = compare,
) -> Outcome:
    """Wait for the end, and say what came of it.

    Args:
        left: The hosts that are to end.
        happened: What happened before.
        last: The update of the last checkpoint before that.
        compared: Compares the run with the undisturbed one.
    """
    codes = [host.wait() for host in left]
    assert not any(codes), f"torchrun ended with {codes}"
    undisturbed, run = left[0].undisturbed, left[0].run
    return all_of(Outcome(happened), resumed(run, last), compared(undisturbed, run))


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
