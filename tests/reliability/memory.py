"""Allow less and less memory: a command works, or says in one line that there is too little."""

import random
import resource
import subprocess
from pathlib import Path

from tests.reliability.common import Ended, Found
from tests.tiny import command, environment, write_corpus, write_recipe, write_untrained

LEAST, MOST = 64, 1600
"""MiB of addresses: what Python takes for the imports of the command line, and plenty."""


def memory(folder: Path, rounds: int, seed: int) -> Found:
    """Run commands with a limit on their addresses."""
    found, draw = Found(), random.Random(seed)
    write_corpus(folder)
    recipe, bundle = write_recipe(folder), write_untrained(folder)
    for number in range(rounds):
        name, *arguments = draw.choice(
            [
                ("train", recipe, "--out", folder / f"run{number}"),
                ("translate", bundle, folder / "dev.src"),
                ("translate", bundle, folder / "dev.src", "--engine", "torch"),
                ("explain", bundle, "ba"),
            ]
        )
        limit = round(LEAST * (MOST / LEAST) ** draw.random())
        ended = _limited(command(name, *arguments, "--device", "cpu"), limit << 20)
        if ended.code == 0:
            found.add("worked")
        else:
            found.check(
                ended.refused and ended.line.startswith("mt: memory: expected"),
                "told in a line", f"{name} with {limit} MiB: {ended.code} {ended.text[-500:]}",
            )  # fmt: skip
    return found


def _limited(words: list[str], limit: int) -> Ended:
    done = subprocess.run(
        words, env=environment(), encoding="utf-8", stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, timeout=120, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    return Ended(done.returncode, done.stderr)
