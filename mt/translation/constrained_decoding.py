"""Translations as constraints ask for: of a line in text, of a search in tokens."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mt.text.sentences import puts_spaces
from mt.text.tokenizer import END, Tokenizers
from mt.translation.config import SearchConfig
from mt.translation.constraints import (
    ConstrainedLine,
    Constraints,
    Forbidden,
    TokenConstraints,
    spellings,
    wanted_terms,
)
from mt.translation.contract import Hypothesis
from mt.translation.glossary import Glossary, holds_term

if TYPE_CHECKING:
    from mt.translation.engines.torch import TorchEngine


_MOST_OF_TERMS, _MOST_OF_PREFIX = 50, 500
"""Tokens that the terms of a sentence and a prefix may have to be searched for: the beam is twice
as wide as terms are long, and a prefix is read token by token."""


@dataclass(frozen=True)
class CommonConstraints:
    """What is asked of the translations of all lines."""

    glossary: Glossary | None = None
    forbidden: Sequence[str] = ()


class ConstrainedDecoding:
    """Finds translations that begin with a prefix, use terms and hold no forbidden words.

    What a translation without constraints does by itself is left as it is.
    """

    def __init__(
        self,
        tokenizers: Tokenizers,
        languages: tuple[str, str],
        torch_engine: "Callable[[], TorchEngine]",
    ) -> None:
        """Put the parts together.

        Args:
            tokenizers: Turn text into tokens and back.
            languages: Tags of source and target: they say where words end.
            torch_engine: Gives the engine that searches under constraints; loaded when needed.
        """
        self._tokenizers = tokenizers
        self._source_spaced, self._target_spaced = map(puts_spaces, languages)
        self._torch_engine = torch_engine

    def constraints(
        self, line: ConstrainedLine, sentences: Sequence[str], common: CommonConstraints
    ) -> tuple[list[Constraints | None], bool]:
        """Say what is asked of each sentence of a line, and whether all its own terms are used."""
        if not (line.prefix or line.terms or line.forbidden or common != CommonConstraints()):
            return [None] * len(sentences), True
        wanted, all_used = wanted_terms(line, sentences, common.glossary, self._source_spaced)
        words = (*common.forbidden, *line.forbidden)
        forbidden = Forbidden([*words, *self._as_written(words)], self._target_spaced)
        [prefix] = self._as_written([line.prefix])
        if prefix and self._target_spaced and line.prefix[-1].isspace():
            prefix += " "
        found = [
            Constraints(forbidden, "" if number else prefix, tuple(terms))
            for number, terms in enumerate(wanted)
        ]
        return [each if each.any else None for each in found], all_used

    def search_for(
        self,
        constraints: Mapping[int, Constraints],
        found: list[list[Hypothesis]],
        sources: Sequence[Sequence[int]],
        search: SearchConfig,
        best: int,
    ) -> set[int]:
        """Leave the translations that are as asked, and search for such where there are none.

        Args:
            constraints: What is asked, by the index of the source.
            found: Translations of each source, best first; changed in place.
            sources: Token ids without marks.
            search: How to search.
            best: How many translations of a source are wanted.

        Returns:
            The indices of sources without such a translation; what was found for them stays. So it
            does where more is asked for than can be searched for.
        """
        failed = set()
        for index, asked in constraints.items():
            fit = self._kept(found[index], asked)
            if not fit and _can_be_searched_for(wanted := self._in_tokens(asked)):
                again = self._torch_engine().search_constrained(sources[index], wanted, search)
                fit = self._kept(again, asked)[:best]
            if fit:
                found[index] = fit
            else:
                failed.add(index)
        return failed

    def _kept(self, found: list[Hypothesis], constraints: Constraints) -> list[Hypothesis]:
        """Return the hypotheses whose text is as asked."""
        texts = self._tokenizers.target.decode([each.tokens for each in found])
        pairs = zip(found, texts, strict=True)
        return [each for each, text in pairs if constraints.kept_by(text, self._target_spaced)]

    def _as_written(self, texts: Sequence[str]) -> list[str]:
        """Return texts as the target tokenizer can write them."""
        target = self._tokenizers.target
        return target.decode(target.encode(texts))

    def _in_tokens(self, constraints: Constraints) -> TokenConstraints:
        """Say the same in tokens: of a prefix all but the last word, which may be cut otherwise."""
        target, spaced = self._tokenizers.target, self._target_spaced
        words, space, last = constraints.prefix.rpartition(" " if spaced else "\n")
        whole, ending = target.encode([words, last])
        written = self._spellings
        terms = [
            term for term in constraints.terms if not holds_term(constraints.prefix, term, spaced)
        ]
        return TokenConstraints(
            written,
            self._word_breaks,
            constraints.forbidden,
            whole,
            b"".join(written[token] for token in ending) or space.encode(),
            [phrase for phrase in target.encode(terms) if phrase],
        )

    @cached_property
    def _spellings(self) -> list[bytes]:
        return spellings(self._tokenizers.target.vocabulary, END + 1)

    @cached_property
    def _word_breaks(self) -> list[int]:
        """The target tokens that may stand behind a word: those that do not go on with it."""
        return [
            token for token, each in enumerate(self._spellings)
            if not self._target_spaced or re.match(r"[^\w\ufffd]", each.decode(errors="replace"))
        ]  # fmt: skip


def _can_be_searched_for(constraints: TokenConstraints) -> bool:
    """Say whether no more is asked for than can be searched for in a bearable time."""
    of_terms = sum(map(len, constraints.phrases))
    return of_terms <= _MOST_OF_TERMS and len(constraints.prefix) <= _MOST_OF_PREFIX
