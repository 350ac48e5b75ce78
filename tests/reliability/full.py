"""Let files grow no further than to a random size: one line, and the last checkpoint is whole."""

import random
import resource
from pathlib import Path

from mt.bundle import open_bundle
from tests.reliability.common import Command, Found, train, train_undisturbed
from tests.tiny import write_untrained

LEAST, MOST = 4 << 10, 4 << 20
"""Bytes: less than the smallest file of a run, and more than its largest."""


def full(folder: Path, rounds: int, seed: int) -> Found:
    """Stop runs for want of room, at first and after some checkpoints, and let them go on."""
    found, draw = Found(), random.Random(seed)
    undisturbed = train_undisturbed(folder, dim=128, feed_forward=256)
    bundle = write_untrained(folder)
    for number in range(rounds):
        run = folder / f"run{number}"
        before = draw.choice([0, 5, 15])
        if before:
            train(undisturbed.recipe, run, "--set", f"training.updates={before}").end()
        size = round(LEAST * (MOST / LEAST) ** draw.random())
        ended = train(
            undisturbed.recipe, run, "--resume", limits={resource.RLIMIT_FSIZE: size}
        ).end()
        where = f"{run} with files of {size:,} bytes"
        if ended.code == 0:
            found.add("had room enough")
        else:
            found.check(
                ended.refused and "expected room to write" in ended.line,
                "told in a line", f"{where}: {ended.code} {ended.text[-500:]}",
            )  # fmt: skip
        if before and open_bundle(run).metadata.update < before:
            found.broken.append(f"{where}: the checkpoint of before is gone")
        ended = train(undisturbed.recipe, run, "--resume").end()
        if ended.code:
            found.broken.append(f"{where}: cannot go on, {ended.line}")
        else:
            found.check(
                undisturbed.is_like(run), "ended as undisturbed", f"{where}: another result"
            )
        _translate(bundle, folder, size // 100, found)
    return found


def _translate(bundle: Path, folder: Path, size: int, found: Found) -> None:
    """Translate into a file that may not hold it all; an old one stays."""
    output = folder / "translation"
    output.write_text("old\n", encoding="utf-8")
    ended = Command(
        "translate", bundle, folder / "train.src", "--output", output, "--device", "cpu",
        "--beam", "1", "--engine", "torch",
        output=folder / "translate.txt", limits={resource.RLIMIT_FSIZE: max(size, 1 << 10)},
    ).end()  # fmt: skip
    text = output.read_text(encoding="utf-8")
    kept = text == "old\n" if ended.code else text.count("\n") == 300
    found.check(
        kept and (ended.refused or not ended.code),
        "outputs old or complete", f"translate: {ended.code} {ended.text[-500:]}",
    )  # fmt: skip
    for part in folder.glob("translation*"):
        part.unlink()
