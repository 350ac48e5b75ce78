"""What the measuring programs share: cold processes in turn, medians, and a record of it all."""

import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

Measurement = dict[str, Any]
"""What a measured process says about itself in its last line of stdout, as JSON."""


@dataclass(frozen=True)
class Contender:
    """A program to be measured, as a command of its own process."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]


@dataclass
class Contest:
    """Some contenders at the same work, and what was measured of each, round by round."""

    title: str
    baseline: str
    """The contender that the others are divided by."""
    rate: str
    """Which value of a measurement is compared; larger is better."""
    contenders: Sequence[Contender]
    rounds: list[dict[str, Measurement]] = field(default_factory=list)

    def run_round(self, timeout: float) -> None:
        """Measure each contender once; every other round in the opposite order, against drift."""
        order = self.contenders if len(self.rounds) % 2 == 0 else self.contenders[::-1]
        measured: dict[str, Measurement] = {}
        self.rounds.append(measured)
        for contender in order:
            result = run(contender, timeout)
            if result is None:
                continue
            measured[contender.name] = result
            say(f"{self.title}: {contender.name}: {result[self.rate]:,.1f} {self.rate}")

    def values(self, name: str, key: str) -> list[float]:
        """Return one value of a contender over the rounds in which it was measured."""
        found = (measured.get(name, {}).get(key) for measured in self.rounds)
        return [float(value) for value in found if value is not None]

    def ratios(self, name: str, baseline: str = "") -> list[float]:
        """Divide a contender's rate by another's, within each round that has both.

        Args:
            name: The contender.
            baseline: The other; empty: the baseline of the contest.
        """
        other = baseline or self.baseline
        return [
            measured[name][self.rate] / measured[other][self.rate]
            for measured in self.rounds
            if name in measured and other in measured
        ]

    def to_json(self) -> dict[str, Any]:
        """Write everything that was measured."""
        names = ("title", "baseline", "rate", "rounds")
        return {name: getattr(self, name) for name in names}


def measure_command(command: Sequence[str], lines: int) -> None:
    """Run a command to its end, and print what it took as a line of JSON."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"lines a second": lines / seconds, "seconds": seconds, "peak_rss_mb": peak}))


def run(contender: Contender, timeout: float) -> Measurement | None:
    """Run a process to its end; return its measurement, or ``None``, with a word on stderr."""
    command = [str(part) for part in contender.command]
    try:
        done = subprocess.run(
            command, env=dict(contender.environment), capture_output=True, text=True,
            timeout=timeout, check=True, cwd=ROOT,
        )  # fmt: skip
        measured = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        say(f"{contender.name}: expected an end within {timeout:g} s, but found none; left out")
        return None
    except subprocess.CalledProcessError as error:
        say(f"{contender.name}: failed with {error.returncode}; left out\n{error.stderr[-2000:]}")
        return None
    except (IndexError, ValueError):
        say(f"{contender.name}: expected a line of JSON last, but found {done.stdout[-200:]!r}")
        return None
    assert isinstance(measured, dict)
    threads = contender.environment["OMP_NUM_THREADS"]
    if str(measured.get("threads", threads)) != threads:
        say(f"{contender.name}: expected {threads} threads, but it used {measured['threads']}")
        return None
    return measured


def environment(threads: int, **more: str) -> dict[str, str]:
    """Return the environment of a measured process: the same number of threads for everyone.

    What is imported is compiled once and kept, as for users.
    """
    count = str(threads)
    left_out = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    return inherited | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "THREADS": count} | more


def our_command(*arguments: str | Path) -> list[str | Path]:
    """Return a command of our side (``benchmarks/ours.py``)."""
    return [sys.executable, "-m", "benchmarks.ours", *arguments]


def our_environment(threads: int) -> dict[str, str]:
    """Return the environment of our side: this checkout, and no other ``mt``.

    Its modules are compiled once, like those of packages that are installed: else every process
    would do so anew where somebody has told Python to keep no bytecode.
    """
    return environment(threads, PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="")


def facts(threads: int) -> dict[str, str]:
    """Say when, where and on what the measurement is made."""
    changed = bool(_git("status", "--porcelain", "--", "mt", "benchmarks"))
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "hardware": f"{_processor()}, {os.cpu_count()} cores, {_memory_gib()} GiB",
        "threads of every process": str(threads),
        "load before (1, 5, 15 minutes)": load,
        "system": f"{platform.platform()}, Python {platform.python_version()}",
        "commit": (_git("rev-parse", "HEAD") or "unknown")
        + (", with uncommitted changes" if changed else ""),
        "command": shown_command(),
    }


def shown_command() -> str:
    """Return the command that is running, with full paths cut to their last name."""
    parts = [Path(part).name if Path(part).is_absolute() else part for part in sys.argv[1:]]
    return f"`python -m benchmarks.{Path(sys.argv[0]).stem} {shlex.join(parts)}`"


def middle(values: Sequence[float], digits: int = 0) -> str:
    """Write the median, and the least and the most where they differ."""
    if not values:
        return "failed"
    text = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return text
    return f"{text} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_record(
    output: Path, title: str, about: Mapping[str, str], contests: Sequence[Contest], text: str
) -> None:
    """Write the record as Markdown, and beside it, as JSON, what the contests measured, if any."""
    output.parent.mkdir(parents=True, exist_ok=True)
    listed = "\n".join(f"- {name}: {value}" for name, value in about.items())
    if contests:
        numbers = output.with_suffix(".json")
        raw = {"about": dict(about), "contests": [contest.to_json() for contest in contests]}
        numbers.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        listed += f"\n- every single number: `{numbers.name}`"
    output.write_text(f"# {title}\n\n{listed}\n\n{text}\n", encoding="utf-8")


def say(message: str) -> None:
    """Tell the person who waits."""
    print(message, file=sys.stderr, flush=True)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
