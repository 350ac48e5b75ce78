"""Odd lines: as many out as in, in their order, none changed by its neighbours."""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mt.translation import Translator, load_translator
from mt.translation.config import GreedyConfig, TranslationConfig
from tests.engines import available_engines
from tests.reliability.common import Found
from tests.tiny import ROOT, mt

LINES = 10
"""Of a round."""

GREEDY = TranslationConfig(search=GreedyConfig())
PLAIN = "abcdefghij klmno pqrst uvwxyz ABC ,.;:!?'\"-()/&@#%0123456789 "
ODD = (
    *map(chr, range(1, 10)), "\v", "\f", *map(chr, range(0x0E, 0x20)),
    *"\x7f\x85\xa0\xad\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u2060\u2581\u2582\u3000\ufeff\ufffd",
    *"äßçñøşžαβγжщъ你好世界こんにちは한국어עבריתالعربيةहिन्दीไทย",
    *"🙂👩‍👩‍👧🇩🇪ﬁ①½™…！？。、「」«»„“”‚‘’–—\U0010ffff\ue000",
    "<s>", "</s>", "<unk>", "<pad>", "<0x0A>", "▁", "▁▁", "\t", "  ", "a\u0308", "&amp;", "%s",
    "{}", "\\n",
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What a run of the fuzz saw."""

    lines: int
    blank: int
    """Lines without a translation."""
    changed: int
    """Lines whose translation was another alone; with int8 there may be some."""


def odd_line(draw: random.Random) -> str:
    """Make a line that nobody would write on purpose."""
    kind = draw.random()
    if kind < 0.05:
        return draw.choice(["", " ", "\t", "\u3000"])
    length = draw.choice([1, 2, 5, 20, 60, 200] if kind < 0.98 else [2000])
    share = draw.choice([0.0, 0.05, 0.5, 1.0])
    return "".join(
        draw.choice(ODD) if draw.random() < share else draw.choice(PLAIN) for _ in range(length)
    )


def fuzz(bundle: Path, lines: int, seed: int, **asked: object) -> Seen:
    """Translate odd lines from a file, then each of them alone.

    Args:
        bundle: A model.
        lines: How many.
        seed: Chooses the lines.
        asked: Passed to :func:`load_translator`, such as ``engine``.

    Raises:
        AssertionError: If lines were lost, added or moved, or a translation is not one line.
    """
    draw = random.Random(seed)
    texts = [odd_line(draw) for _ in range(lines)]
    translator = load_translator(bundle, "cpu", **asked)  # type: ignore[arg-type]
    together = [each.text for each in translator.translate(texts, GREEDY)]
    assert len(together) == lines
    assert all(text.splitlines() in ([], [text]) for text in together)
    alone = [_alone(translator, text) for text in texts]
    changed = sum(one != other for one, other in zip(together, alone, strict=True))
    return Seen(lines, sum(not text for text in together), changed)


def odd(_: Path, rounds: int, seed: int) -> Found:
    """Fuzz a trained model with each engine in turn, and by the command line."""
    found, engines, bundle = Found(), available_engines(), ROOT / "tests" / "golden" / "bundle"
    for number in range(rounds):
        engine = engines[number % len(engines)]
        where = f"{engine}, seed {seed + number}"
        try:
            seen = fuzz(bundle, LINES, seed + number, engine=engine)
            different = fuzz_command(bundle, LINES, seed + number)
        except AssertionError as error:
            found.broken.append(f"{where}: {error!r}")
            continue
        found.counts["lines in and out"] += 3 * LINES
        found.counts["of them blank"] += seen.blank
        if engine != "ctranslate2" and seen.changed:
            found.broken.append(f"{where}: {seen.changed} changed by their neighbours")
        found.counts["changed by their neighbours"] += seen.changed
        if different:
            found.broken.append(f"{where}: {different} differ between file and pipe")
    return found


def _alone(translator: Translator, text: str) -> str:
    [translation] = translator.translate_all([text], GREEDY)
    return translation.text


def fuzz_command(bundle: Path, lines: int, seed: int) -> int:
    """Translate odd lines by the command line, from a file and from stdin.

    Returns:
        The lines that differ between the two.

    Raises:
        AssertionError: If lines were lost or added.
    """
    draw = random.Random(seed)
    text = "".join(odd_line(draw).replace("\r", " ") + "\n" for _ in range(lines))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.txt"
        path.write_text(text, encoding="utf-8", newline="\n")
        of_file = mt("translate", bundle, path)
        of_pipe = mt("translate", bundle, stdin=text)
    assert of_file.returncode == of_pipe.returncode == 0, of_file.stderr + of_pipe.stderr
    found = [done.stdout.split("\n") for done in (of_file, of_pipe)]
    assert [len(each) for each in found] == [lines + 1] * 2
    return sum(one != other for one, other in zip(*found, strict=True))
