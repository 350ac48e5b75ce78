"""Find where one side of a corpus runs ahead of the other: a line too many, or one missing.

A shift by a single line makes every pair behind it wrong, and nothing else in the text shows it.
What is compared are things that survive translation: lengths (Gale and Church 1993), numbers, names
and other words that both sides write alike, and how a line ends. The evidence that line *i* of the
source belongs to line *i + k* of the target is a log-likelihood ratio, whose tables are learnt from
the corpus itself: lines that belong together against lines a few places apart. Where the evidence
for another *k* than so far piles up, the shift has changed; that is Page's test (1954), which also
tells where it began. It takes one pass and constant memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8, UInt64

OFFSETS = tuple(range(-3, 4))
"""How far the target may be ahead of the source, in lines."""

_CHANCE = (-7, -6, -5, 5, 6, 7)
"""Offsets at which lines belong together by chance only, though to the same document."""
_REACH = 7
_LEARNT_FROM = 50_000
"""Lines that the tables are learnt from."""
_FEWEST = 40
"""Lines below which nothing can be said."""
_WINDOW = 200
"""Lines that are taken to have the same offset while the tables are learnt."""
_ROUNDS = 3
_ALARM = 40.0
"""Nats of evidence for another offset at which it is believed: by chance once in e⁴⁰ lines."""
_LOST = 150.0
"""Nats of evidence against every offset; more, since free translations count here too."""
_MOST = 4.0
"""Nats that one observation of a line may count for at most."""
_LONGEST = np.array([0.35, 0.7, 1.1, 1.6, 2.2, 3.0, 4.5])
"""Borders between classes of how much the lengths of two lines differ, in standard deviations."""
_NONE = len(OFFSETS)
"""The row of the hypothesis that lines belong together at no offset."""
_BITS = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Outlines:
    """What of the lines of one side can be compared across languages."""

    lengths: Int[np.ndarray, " lines"]
    """Characters."""
    ends: UInt8[np.ndarray, " lines"]
    """The kind of the last character, below :data:`KINDS`."""
    anchors: UInt64[np.ndarray, " lines"]
    """A set of numbers, names and the like; each is one of 64 bits."""

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, lines: slice) -> "Outlines":
        return Outlines(self.lengths[lines], self.ends[lines], self.anchors[lines])

    def __add__(self, other: "Outlines") -> "Outlines":
        return Outlines.join([self, other])

    @classmethod
    def join(cls, parts: "Sequence[Outlines]") -> "Outlines":
        """Put lines that follow each other together."""
        parts = parts or [_no_lines()]
        columns = [[getattr(part, each.name) for part in parts] for each in fields(cls)]
        return cls(*map(np.concatenate, columns))


KINDS = 8
"""Kinds of last characters that :class:`Outlines` may tell apart."""


@dataclass(frozen=True)
class Shift:
    """From a line on, the sides belong together in another way."""

    line: int
    """The first line, from 1; a few lines more or less."""
    offset: int | None
    """Line *i* of the source belongs to line *i + offset* of the target; ``None``: the sides
    hardly look like translations of each other."""


class ShiftDetector:
    """Reads the outlines of a corpus in its order, and notes where the sides begin to shift.

    Attributes:
        shifts: What was found so far; none in a corpus that is in order.
    """

    def __init__(self) -> None:
        self.shifts: list[Shift] = []
        self._model: _Evidence | None = None
        self._source = self._target = _no_lines()
        self._line = 0  # of the first that waits, from 0
        self._waiting = 0  # where it stands: what is before it was looked at, and is context
        self._current = OFFSETS.index(0)
        self._test = _PageTest()

    def add(self, source: Outlines, target: Outlines) -> None:
        """Take the next lines of both sides."""
        self._source += source
        self._target += target
        if len(self._source) - self._waiting >= (_REACH if self._model else _LEARNT_FROM):
            self._go_on(end=False)

    def finish(self) -> list[Shift]:
        """Take note that there are no more lines, and return all shifts."""
        if len(self._source) >= _FEWEST or self._model:
            self._go_on(end=True)
        return self.shifts

    @property
    def information(self) -> float | None:
        """Nats by which a line shows, on average, where it belongs; ``None`` for too few lines.

        Near 0 where the sides are no translations of each other, or were shuffled.
        """
        return self._model.information if self._model else None

    def _go_on(self, end: bool) -> None:
        if self._model is None:
            self._model = _Evidence.learn(self._source, self._target)
        done = len(self._source) - (0 if end else _REACH)
        evidence = self._model.of(self._source, self._target)[:, self._waiting : done]
        self._look(evidence, self._line)
        self._line += done - self._waiting
        self._waiting = min(done, _REACH)
        kept = slice(done - self._waiting, None)
        self._source, self._target = self._source[kept], self._target[kept]

    def _look(self, evidence: Float[np.ndarray, "hypotheses lines"], first: int) -> None:
        """Follow the evidence of some lines, and begin anew behind each change."""
        place = 0
        while place < evidence.shape[1]:
            found = self._test.follow(evidence[:, place:], self._current, first + place)
            if found is None:
                return
            self._current, begin, seen = found
            offset = None if self._current == _NONE else OFFSETS[self._current]
            self.shifts.append(Shift(begin + 1, offset))
            self._test = _PageTest()
            place = seen - first + 1


class _PageTest:
    """Sums, for each hypothesis, its evidence since the place from which it speaks for it most.

    A hypothesis is believed when it explains the text much better than the current one does, and
    better than chance: where the current one is wrong, one of the others is the least wrong.
    """

    def __init__(self) -> None:
        hypotheses = len(OFFSETS) + 1
        self._better = _RunningSums(hypotheses)
        self._own = _RunningSums(hypotheses)
        self._enough = np.full((hypotheses, 1), _ALARM)
        self._enough[_NONE] = _LOST
        self._enough_alone = np.full((hypotheses, 1), _ALARM / 2)
        self._enough_alone[_NONE] = 0.0

    def follow(
        self, evidence: Float[np.ndarray, "hypotheses lines"], current: int, first: int
    ) -> tuple[int, int, int] | None:
        """Add the evidence of some lines.

        Args:
            evidence: How much each line speaks for each hypothesis.
            current: The hypothesis that is believed so far.
            first: The number of the first of these lines.

        Returns:
            The hypothesis to believe from now on, the line at which it began to be true, and the
            line at which this was noticed; ``None`` if all remains as it is.
        """
        better = self._better.add(evidence - evidence[current], first)
        own = self._own.add(evidence, first)
        alarms = (better >= self._enough) & (own >= self._enough_alone)
        if not alarms.any():
            return None
        seen = int(alarms.any(axis=0).argmax())
        excess = np.where(alarms[:, seen], better[:, seen] - self._enough[:, 0], -np.inf)
        hypothesis = int(excess.argmax())
        return hypothesis, self._better.begin(hypothesis, first + seen), first + seen


class _RunningSums:
    """Sums that never fall below 0, each with the line at which it last rose from there."""

    def __init__(self, rows: int) -> None:
        self._last = np.zeros(rows)
        self._begins = np.zeros(rows, np.int64)
        self._sums: Float[np.ndarray, "rows lines"] = np.zeros((rows, 0))
        self._first = 0

    def add(
        self, gains: Float[np.ndarray, "rows lines"], first: int
    ) -> Float[np.ndarray, "rows lines"]:
        """Go on with the gains of the lines from ``first``, and return the sum at each."""
        if self._sums.shape[1]:
            last = self._first + self._sums.shape[1] - 1
            self._begins = np.array([self.begin(row, last) for row in range(len(self._last))])
            self._last = self._sums[:, -1]
        else:
            self._begins[:] = first
        totals = np.cumsum(gains, axis=1)
        self._sums = totals - np.minimum.accumulate(
            np.minimum(totals, -self._last[:, None]), axis=1
        )
        self._first = first
        return self._sums

    def begin(self, row: int, last: int) -> int:
        """Return the line behind the last one, up to ``last``, at which the sum of a row was 0."""
        [zeros] = np.nonzero(self._sums[row, : last - self._first + 1] <= 0)
        return self._first + int(zeros[-1]) + 1 if len(zeros) else int(self._begins[row])


@dataclass(frozen=True)
class _Evidence:
    """Tables of how much an observation speaks for two lines belonging together, in nats."""

    ratio: float
    """Characters of a target line for one of the source."""
    spread: float
    """Standard deviation of the difference of lengths, divided by the root of their sum."""
    lengths: Float[np.ndarray, " length_classes"]
    ends: Float[np.ndarray, " end_classes"]
    anchors: Float[np.ndarray, " anchor_classes"]
    information: float

    @classmethod
    def learn(cls, source: Outlines, target: Outlines) -> "_Evidence":
        """Learn the tables from lines whose offsets are guessed, and guess these anew, in turn."""
        seen = source.lengths > 0, target.lengths > 0
        ratio = float(target.lengths[seen[1]].mean() / source.lengths[seen[0]].mean())
        difference = _difference(source, target, ratio)
        spread = max(0.2, float(np.median(np.abs(difference)) / 0.6745))  # as of a normal one
        model = cls(ratio, spread, _BY_LENGTH, _BY_END, _BY_ANCHORS, 0.0)
        lines = np.arange(len(source))
        for _ in range(_ROUNDS):
            offsets, credible = _best_by_window(model.of(source, target)[:_NONE])
            partners = lines + offsets
            inside = (partners >= 0) & (partners < len(lines)) & credible
            together = model._observe(source, target, lines[inside], partners[inside])
            apart = [
                model._observe(source, target, *_partners(lines, offset)) for offset in _CHANCE
            ]
            tables = [
                _log_ratio(one, np.concatenate(others), size)
                for one, *others, size in zip(together, *apart, _CLASSES, strict=True)
            ]
            means = [table[one].mean() for table, one in zip(tables, together, strict=True)]
            lengths, ends, anchors = tables
            model = cls(ratio, spread, lengths, ends, anchors, float(sum(means)))
        return model

    def of(self, source: Outlines, target: Outlines) -> Float[np.ndarray, "hypotheses lines"]:
        """Return, for each offset, what speaks for it in each line; 0 where the text ends."""
        lines = np.arange(len(source))
        evidence = np.zeros((len(OFFSETS) + 1, len(lines)))
        for row, offset in enumerate(OFFSETS):
            ones, others = _partners(lines, offset)
            lengths, ends, anchors = self._observe(source, target, ones, others)
            evidence[row, ones] = self.lengths[lengths] + self.ends[ends] + self.anchors[anchors]
        return evidence

    def _observe(
        self,
        source: Outlines,
        target: Outlines,
        lines: Int[np.ndarray, " pairs"],
        partners: Int[np.ndarray, " pairs"],
    ) -> tuple[Shaped[np.ndarray, " pairs"], ...]:
        """Return the classes of what is seen where lines are put beside partners."""
        ones, others = _take(source, lines), _take(target, partners)
        lengths = np.digitize(np.abs(_difference(ones, others, self.ratio)) / self.spread, _LONGEST)
        shared = _count_bits(ones.anchors & others.anchors)
        fewer = np.minimum(_count_bits(ones.anchors), _count_bits(others.anchors))
        anchors = np.minimum(shared, 2) * 4 + np.minimum(fewer - shared, 3)
        return lengths, ones.ends.astype(np.int64) * KINDS + others.ends, anchors


_CLASSES = len(_LONGEST) + 1, KINDS * KINDS, 3 * 4
_BY_LENGTH = np.linspace(1.0, -2.0, _CLASSES[0])
_BY_END = np.where(np.eye(KINDS, dtype=bool), 0.3, -0.7).ravel()
_BY_ANCHORS = np.array([0.0, -0.2, -0.4, -0.6, 1.0, 0.8, 0.6, 0.4, 2.0, 1.8, 1.6, 1.4])
"""Guesses of the three tables, from which learning them begins."""


def _difference(source: Outlines, target: Outlines, ratio: float) -> Float[np.ndarray, " lines"]:
    """Measure how much longer target lines are than expected (Gale and Church 1993, section 3)."""
    expected = source.lengths * ratio
    return np.asarray((target.lengths - expected) / np.sqrt(expected + target.lengths + 1))


def _best_by_window(
    evidence: Float[np.ndarray, "offsets lines"],
) -> tuple[Int[np.ndarray, " lines"], Bool[np.ndarray, " lines"]]:
    """Return for each line the best offset of its window, and whether anything speaks for it."""
    starts = np.arange(0, evidence.shape[1], _WINDOW)
    sums = np.add.reduceat(evidence, starts, axis=1)
    best = sums.max(axis=0)
    credible = best > 0 if (best > 0).any() else best >= np.median(best)
    window = np.arange(evidence.shape[1]) // _WINDOW
    return np.array(OFFSETS)[sums.argmax(axis=0)][window], credible[window]


def _log_ratio(
    together: Int[np.ndarray, " pairs"], apart: Int[np.ndarray, " others"], classes: int
) -> Float[np.ndarray, " classes"]:
    """Compare how often classes occur; rare ones are smoothed by what both have in common."""
    ones, others = (np.bincount(each, minlength=classes) for each in (together, apart))
    common = (ones + others + 1.0) / (ones + others + 1.0).sum()
    weight = 10.0
    rates = [(each + weight * common) / (each.sum() + weight) for each in (ones, others)]
    return np.asarray(np.clip(np.log(rates[0] / rates[1]), -_MOST, _MOST))


def _partners(
    lines: Int[np.ndarray, " lines"], offset: int
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Return the lines that have a partner at an offset, and their partners."""
    if offset >= 0:
        return lines[: max(0, len(lines) - offset)], lines[offset:]
    return lines[-offset:], lines[:offset]


def _take(side: Outlines, lines: Int[np.ndarray, " pairs"]) -> Outlines:
    return Outlines(side.lengths[lines], side.ends[lines], side.anchors[lines])


def _count_bits(sets: UInt64[np.ndarray, " sets"]) -> Int[np.ndarray, " sets"]:
    """Count the members of sets, which are bits."""
    halves = np.ascontiguousarray(sets).view(np.uint16).reshape(-1, 4)
    return np.asarray(_BITS[halves].sum(axis=1, dtype=np.int64))


def _no_lines() -> Outlines:
    return Outlines(np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.uint64))
