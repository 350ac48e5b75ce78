"""Kill a translation at random moments, and resume it until it is done: no line lost or twice."""

import itertools
import json
import random
import time
from pathlib import Path

from tests.engines import available_engines
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.reliability.common import Command, Found

LINES = 700
"""Several pools of lines, each of which is written when it is translated."""
MOST = 30
"""Times that one translation is killed, at most."""
COMMANDS = {
    "text": ["translate"],
    "jsonl": ["translate", "--format", "jsonl", "--nbest", "2"],
    "tsv": ["translate", "--format", "tsv", "--nbest", "3"],
    "pairs": ["distill", "--nbest", "2"],
}


def resume(folder: Path, rounds: int, seed: int) -> Found:
    """Translate a text as often as there are rounds, by one engine after the other."""
    found, draw = Found(), random.Random(seed)
    lines = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]
    text = folder / "in.xx"
    text.write_text("".join(f"{draw.choice(lines)}\n" for _ in range(LINES)), encoding="utf-8")
    engines = itertools.cycle(available_engines())
    for number, engine in zip(range(rounds), engines, strict=False):
        form = draw.choice([*COMMANDS])
        # int8 does not promise the same translation in any company.
        asked = [*COMMANDS[form], "--engine", engine, "--set", "precision=float32"]
        whole, output = folder / f"whole{number}.jsonl", folder / f"out{number}.jsonl"
        began = time.monotonic()
        ended = _translate(text, whole, asked).end()
        longest = time.monotonic() - began
        assert ended.code == 0, ended.text
        for _ in range(MOST):
            command = _translate(text, output, [*asked, "--resume"])
            time.sleep(draw.uniform(0.3, 1.2) * longest)
            if command.kill():
                found.add("kills")
            if output.exists():
                break
        ended = (
            _translate(text, output, [*asked, "--resume"]).end() if not output.exists() else ended
        )
        same = output.exists() and output.read_bytes() == whole.read_bytes()
        found.check(same, "texts as undisturbed", f"{output}: {engine}, {form}: {ended.line}")
        if left := list(folder.glob(f"out{number}.jsonl.part*")):
            found.broken.append(f"{output}: left behind {left}")
    return found


def _translate(text: Path, output: Path, asked: list[str]) -> Command:
    command, *options = asked
    return Command(
        command, BUNDLE, text, "--output", output, "--device", "cpu", *options,
        output=output.with_suffix(".log"),
    )  # fmt: skip
