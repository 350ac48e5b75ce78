"""Kill a training at random moments, and resume it: it ends as if nothing had happened."""

import random
import time
from pathlib import Path

from tests.reliability.common import Found, train, train_undisturbed


def kill(folder: Path, rounds: int, seed: int) -> Found:
    """Kill each of some runs up to four times."""
    found, draw = Found(), random.Random(seed)
    undisturbed = train_undisturbed(folder)
    began = time.monotonic()
    train(undisturbed.recipe, folder / "timed").end()
    longest = time.monotonic() - began
    for number in range(rounds):
        run = folder / f"run{number}"
        for _ in range(draw.randint(1, 4)):
            moment = draw.uniform(0, 0.6 * longest)
            command = train(undisturbed.recipe, run, "--resume")
            time.sleep(moment)
            if command.kill():
                found.add("kills")
        ended = train(undisturbed.recipe, run, "--resume").end()
        if ended.code:
            found.broken.append(f"{run}: {ended.line}")
        else:
            found.check(undisturbed.is_like(run), "runs as undisturbed", f"{run}: another result")
            left = [path for name in ("bundles", "state") for path in (run / name).glob(".*")]
            if left:
                found.broken.append(f"{run}: left behind {left}")
    return found
