"""Beam search whose hypotheses must hold given phrases (Post and Vilar 2018)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from mt.translation.contract import Hypothesis
from mt.translation.search.contract import Limits, Score
from mt.translation.search.greedy import finished
from mt.translation.search.processors import Processor, process

Phrases = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Coverage:
    """Which phrases a hypothesis holds, and which one it is writing."""

    unmet: Phrases
    """Those that are still to be written, without the one begun."""
    begun: tuple[int, ...] = ()
    """The rest of the phrase that is being written."""
    whole: tuple[int, ...] = ()
    """All of that phrase, which is unmet again if another token follows."""
    complete: bool = False
    """Whether the last token has completed a phrase."""

    @property
    def left(self) -> int:
        """How many tokens are still to be written."""
        return sum(map(len, self.unmet)) + len(self.begun)

    def wanted(self) -> Iterator[int]:
        """Give the tokens that write more of a phrase."""
        if self.begun:
            yield self.begun[0]
        else:
            yield from (phrase[0] for phrase in self.unmet)

    def after(self, token: int) -> "Coverage":
        """Return the coverage when one more token is written."""
        if self.begun and token == self.begun[0]:
            return _begun(self.unmet, self.begun[1:], self.whole)
        unmet = (*self.unmet, self.whole) if self.begun else self.unmet
        for index, phrase in enumerate(unmet):
            if phrase[0] == token:
                return _begun((*unmet[:index], *unmet[index + 1 :]), phrase[1:], phrase)
        return Coverage(unmet)


def _begun(unmet: Phrases, rest: tuple[int, ...], whole: tuple[int, ...]) -> Coverage:
    return Coverage(unmet, rest, whole) if rest else Coverage(unmet, complete=True)


@dataclass(frozen=True)
class _Row:
    tokens: tuple[int, ...]
    total: float
    coverage: Coverage


@dataclass(frozen=True)
class _Extension:
    origin: int
    token: int
    total: float
    coverage: Coverage


def constrained_search(  # noqa: PLR0917 - all that a search depends on
    scorer: Any,
    state: Any,
    limits: Limits,
    phrases: Sequence[Sequence[int]],
    beam: int,
    device: torch.device,
    processors: Sequence[Processor],
    score: Score,
    after: Bool[Tensor, " vocabulary"],
) -> list[Hypothesis]:
    """Translate one sentence so that the translation holds all phrases.

    Extensions are the likeliest tokens, the likeliest one of each hypothesis, and all tokens that
    begin or go on with a phrase. The beam is shared out evenly among hypotheses that have as many
    tokens of phrases still to write, so that unlikely phrases are not crowded out. No hypothesis
    ends without all of them; where there is just enough room left, nothing else is written.

    Args:
        scorer: Scores the next token.
        state: Before the first step, ``beam`` equal rows.
        limits: Marks, and one length; it is raised if the phrases need more.
        phrases: As tokens, none empty, in whatever order.
        beam: Hypotheses kept.
        device: Where the scorer's tensors are.
        processors: Change the log-probabilities of every step, in this order.
        score: Gives the reported score.
        after: The tokens that may follow a phrase, such as those that begin a word.

    Returns:
        Finished hypotheses that hold all phrases, at least one, the most probable first: by the
        mean over tokens, an unlikely phrase would cost least at the end of a long translation.
    """
    rows = [_Row((), 0.0, Coverage(tuple(map(tuple, phrases))))]
    [length] = limits.lengths
    length = max(length, rows[0].coverage.left + 1)
    banks = rows[0].coverage.left + 1
    found: list[Hypothesis] = []
    tokens = torch.full((beam,), limits.start, device=device)
    written = torch.empty(beam, 0, dtype=torch.long, device=device)
    for step in range(length):
        logits, state = scorer.step(tokens, state)
        log_probabilities = process(logits, written, processors)[: len(rows)]
        room = length - step - 1
        complete = torch.tensor([row.coverage.complete for row in rows], device=device)
        log_probabilities.masked_fill_(complete[:, None] & ~after, -torch.inf)
        last = limits.end if room == 0 else None
        extensions = list(_extensions(rows, log_probabilities, beam, last))
        found += [
            finished(rows[each.origin].tokens, each.total, score)
            for each in extensions
            if each.token == limits.end and not rows[each.origin].coverage.left
        ]
        going = [
            each
            for each in extensions
            if each.token != limits.end and each.coverage.left < room and each.total > -torch.inf
        ]
        if not going or len(found) >= beam:
            break
        kept = _share_out(going, beam, banks)
        rows = [_Row((*rows[e.origin].tokens, e.token), e.total, e.coverage) for e in kept]
        origins = torch.tensor([e.origin for e in kept], device=device)
        tokens = torch.tensor([e.token for e in kept], device=device)
        spare = beam - len(kept)
        origins = torch.cat((origins, origins[:1].expand(spare)))
        tokens = torch.cat((tokens, tokens[:1].expand(spare)))
        written = torch.cat((written[origins], tokens[:, None]), dim=1)
        state = state.select(origins, None)
        processors = [processor.select(origins) for processor in processors]
    return sorted(found, key=lambda each: -each.log_probability)[:beam]


def _extensions(
    rows: Sequence[_Row], log_probabilities: Tensor, beam: int, last: int | None
) -> Iterator[_Extension]:
    """Give the extensions worth looking at, each once; at the last step, the end of all."""
    totals = log_probabilities + torch.tensor(
        [row.total for row in rows], device=log_probabilities.device
    ).unsqueeze(1)
    size = totals.size(1)
    flat = totals.flatten().topk(min(beam, totals.numel())).indices.tolist()
    pairs = {divmod(index, size) for index in flat}
    pairs |= set(enumerate(totals.argmax(dim=1).tolist()))
    for origin, row in enumerate(rows):
        pairs |= {(origin, token) for token in row.coverage.wanted()}
        if last is not None:
            pairs.add((origin, last))
    origins, tokens = (list(column) for column in zip(*sorted(pairs), strict=True))
    values = totals[origins, tokens].tolist()
    for origin, token, total in zip(origins, tokens, values, strict=True):
        yield _Extension(origin, token, total, rows[origin].coverage.after(token))


def _share_out(extensions: Sequence[_Extension], beam: int, banks: int) -> list[_Extension]:
    """Keep the best of each bank, as many of one as of another as long as there are some."""
    queues: list[list[_Extension]] = [[] for _ in range(banks)]
    for each in sorted(extensions, key=lambda each: each.total):
        queues[each.coverage.left].append(each)
    kept: list[_Extension] = []
    while len(kept) < beam and any(queues):
        for queue in queues:
            if queue and len(kept) < beam:
                kept.append(queue.pop())
    return kept
