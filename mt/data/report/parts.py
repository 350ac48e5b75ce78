"""Parts of a corpus that are measured apart, by whichever machine, saved, and put together."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Bool

from mt.data.corpora import Pair
from mt.data.filters import STANDARD
from mt.data.filters.contract import Sides
from mt.data.report.measures import Suspicious, measure
from mt.data.report.overlap import HeldOut
from mt.data.report.parallel import BLOCK, Languages, build
from mt.data.report.repeats import Repeats
from mt.data.report.shift import Outlines, ShiftDetector
from mt.data.report.survey import Survey, conclude
from mt.data.report.tally import Side, Tally
from mt.lines import LineNumbers

_SIDES = "source", "target"
_REPEATS = "sources", "targets", "pairs"


@dataclass(frozen=True)
class Part:
    """What was measured of pairs that follow each other."""

    tally: Tally
    outlines: tuple[Outlines, Outlines]
    """Of all lines: where sides are shifted can be told of a corpus in its order alone."""
    seen: list[Bool[np.ndarray, " sentences"]]
    """See :attr:`HeldOut.seen`, for each held-out corpus."""

    def save(self, file: BinaryIO) -> None:
        """Write it, without loss."""
        tally = self.tally
        arrays: dict[str, Any] = {"ratios": tally.ratios, "sample": tally.sample.numbers}
        for name, side, lines in zip(_SIDES, tally.sides, self.outlines, strict=True):
            arrays[f"{name} words"] = side.words
            arrays |= {f"{name} {each.name}": getattr(lines, each.name) for each in fields(lines)}
            arrays[f"{name} lengths"] = lines.lengths.astype(np.uint32)
        for name, repeats in zip(_REPEATS, tally.repeats, strict=True):
            arrays[f"repeats of {name}"] = repeats.numbers()
        for number, seen in enumerate(self.seen):
            arrays[f"seen {number}"] = seen
        text = json.dumps(_plain(tally)).encode()
        np.savez(file, text=np.frombuffer(text, np.uint8), **arrays)

    @classmethod
    def load(cls, file: BinaryIO) -> "Part":
        """Read what :meth:`save` has written."""
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        values = json.loads(arrays["text"].tobytes())
        tally = _tally(values, arrays)
        outlines = [
            Outlines(
                arrays[f"{name} lengths"].astype(np.int64),
                arrays[f"{name} ends"],
                arrays[f"{name} anchors"],
            )
            for name in _SIDES
        ]
        seen = [arrays[name] for name in arrays if name.startswith("seen ")]
        return cls(tally, (outlines[0], outlines[1]), seen)


def measure_part(
    pairs: Iterable[Sides], languages: Languages, held_out: Sequence[HeldOut] = (), seed: int = 1
) -> Part:
    """Measure pairs that follow each other as a survey does, by this process alone.

    Args:
        pairs: A stream.
        languages: Of source and target.
        held_out: Are told all pairs.
        seed: Draws the sample.
    """
    filters = build([each for each in STANDARD if not each.stateful], languages)
    tally, blocks, stream = Tally(), list[tuple[Outlines, Outlines]](), iter(pairs)
    while block := [(source, target) for source, target in islice(stream, BLOCK)]:
        measures = measure(block, filters)
        tally.merge(Tally.of(block, measures, seed))
        blocks.append((measures.source.outlines, measures.target.outlines))
        for each in held_out:
            each.look(measures)
    source, target = (
        Outlines.join([block[side] for block in blocks]) for side in range(len(_SIDES))
    )
    return Part(tally, (source, target), [each.seen for each in held_out])


def put_together(
    where: str, languages: Languages, parts: Iterable[Part], held_out: Sequence[HeldOut] = ()
) -> Survey:
    """Say what was found in a corpus, of which each part was measured apart.

    Args:
        where: How messages call it.
        languages: Of source and target.
        parts: In the order of the corpus; a stream.
        held_out: Are told what all parts have seen of them.
    """
    tally, shifts = Tally(), ShiftDetector()
    source = target = Outlines.join([])
    for part in parts:
        tally.merge(part.tally)
        for each, seen in zip(held_out, part.seen, strict=True):
            each.see(seen)
        source, target = source + part.outlines[0], target + part.outlines[1]
        # In blocks as those of a survey: at the end of one the detector learns its tables.
        end = len(source) // BLOCK * BLOCK
        for start in range(0, end, BLOCK):
            block = slice(start, start + BLOCK)
            shifts.add(source[block], target[block])
        source, target = source[end:], target[end:]
    if len(source):
        shifts.add(source, target)
    return conclude(where, languages, tally, shifts)


def _plain(tally: Tally) -> dict[str, Any]:
    """Write what is no array as JSON knows it."""
    return {
        "pairs": tally.pairs,
        "removed": tally.removed,
        "objections": tally.objections,
        "blank": asdict(tally.blank),
        "copies": asdict(tally.copies),
        "suspicious": {
            name: [[each.line, each.pair, each.reasons, each.weight] for each in group]
            for name, group in tally.suspicious.items()
        },
        "sample": tally.sample.pairs,
        "repeats": [repeats.state for repeats in tally.repeats],
        "sides": [
            {
                "characters": list(side.characters.items()),
                "total_words": side.total_words,
                "longest": side.longest,
                "blank": asdict(side.blank),
            }
            for side in tally.sides
        ],
    }


def _tally(values: dict[str, Any], arrays: dict[str, np.ndarray]) -> Tally:
    sides = [
        Side(
            characters=Counter(dict(side["characters"])),
            words=arrays[f"{name} words"],
            total_words=side["total_words"],
            longest=side["longest"],
            blank=LineNumbers(**side["blank"]),
        )
        for name, side in zip(_SIDES, values["sides"], strict=True)
    ]
    repeats = [
        Repeats.resume(state, arrays[f"repeats of {name}"])
        for name, state in zip(_REPEATS, values["repeats"], strict=True)
    ]
    tally = Tally(
        pairs=values["pairs"],
        source=sides[0],
        target=sides[1],
        blank=LineNumbers(**values["blank"]),
        copies=LineNumbers(**values["copies"]),
        ratios=arrays["ratios"],
        objections=Counter(values["objections"]),
        removed=values["removed"],
        suspicious={
            name: [
                Suspicious(line, Pair(*pair), tuple(reasons), weight)
                for line, pair, reasons, weight in group
            ]
            for name, group in values["suspicious"].items()
        },
        repeats=(repeats[0], repeats[1], repeats[2]),
    )
    tally.sample.add(arrays["sample"], [(source, target) for source, target in values["sample"]])
    return tally
