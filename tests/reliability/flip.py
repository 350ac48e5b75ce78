"""Flip a random bit of what is on disk: it is noticed, mended or harmless, never believed."""

import random
import shutil
from pathlib import Path

from tests.reliability.common import Command, Found, train, train_undisturbed
from tests.tiny import write_untrained


def flip(folder: Path, rounds: int, seed: int) -> Found:
    """Flip a bit in a corpus, a store, a run that is resumed or a model that translates."""
    found, draw = Found(), random.Random(seed)
    pristine, place = folder / "pristine", folder / "place"
    place.mkdir()
    undisturbed = train_undisturbed(place)
    bundle = write_untrained(place)
    expected = _translate(bundle, folder)[1]
    run = place / "run"
    train(
        undisturbed.recipe, run, "--set", "training.updates=20", "--set", "training.average.count=1"
    ).end()
    # As a run that was killed after update 20: the recipe of the whole one goes on.
    (run / "config.yaml").write_bytes((undisturbed.path / "config.yaml").read_bytes())
    shutil.copytree(place, pristine)
    for _ in range(rounds):
        shutil.rmtree(place)
        shutil.copytree(pristine, place)
        path = _draw_file(place, draw)
        bit = _flip(path, draw)
        if bit is None:
            continue
        where = f"{path.relative_to(place)} bit {bit}"
        if path.is_relative_to(bundle):
            text, lines = _translate(bundle, folder)
            same, code = lines == expected, 0 if lines else 2
        else:
            ended = train(undisturbed.recipe, run, "--resume").end()
            text, code = ended.text, ended.code
            same = code == 0 and undisturbed.is_like(run)
            if code and not ended.refused:
                found.broken.append(f"{where}: {code} {text[-500:]}")
                continue
        said = "expected" in text
        if code:
            found.check(said, "refused", f"{where}: {text[-500:]}")
        elif said:
            found.add("mended" if same else "told")
        else:
            found.check(same, "harmless", f"{where}: silently another result")
    return found


def _draw_file(place: Path, draw: random.Random) -> Path:
    """Choose a file that is read, each of the rooms as often."""
    room = draw.choice(["run", "prepared", "bundle", "run/state", "run/bundles", "run/tokenizer"])
    files = [path for path in (place / room).rglob("*") if path.is_file()]
    files += [place / name for name in ("train.src", "dev.tgt")] if room == "prepared" else []
    return draw.choice(sorted(files))


def _flip(path: Path, draw: random.Random) -> int | None:
    content = bytearray(path.read_bytes())
    if not content:
        return None
    bit = draw.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    return bit


def _translate(bundle: Path, folder: Path) -> tuple[str, list[str]]:
    """Return what was said, and the translation, if there is one."""
    output = folder / "translation"
    output.unlink(missing_ok=True)
    ended = Command(
        "translate", bundle, bundle.parent / "dev.src", "--output", output, "--device", "cpu",
        output=folder / "translate.txt",
    ).end()  # fmt: skip
    assert ended.code == 0 or ended.refused, ended.text
    said = "\n".join(line for line in ended.text.splitlines() if line.startswith("mt: "))
    return said, output.read_text(encoding="utf-8").splitlines() if output.exists() else []
