"""Raw text in, translations out: N lines in, N lines out, in order."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mt.text.casing import truecase, upper_case
from mt.text.sentences import puts_spaces
from mt.text.tokenizer import Tokenizers
from mt.translation.config import (
    BeamConfig,
    SamplingConfig,
    SearchConfig,
    TranslationConfig,
)
from mt.translation.constrained_decoding import CommonConstraints, ConstrainedDecoding
from mt.translation.constraints import ConstrainedLine
from mt.translation.contract import Engine, Hypothesis, Pending, Translation
from mt.translation.glossary import Glossary
from mt.translation.pool import Again, Pool, Searched
from mt.translation.remarks import Remarks, runs_on
from mt.translation.segments import Segment, join, segment_lines
from mt.translation.stream import POOL, pools

if TYPE_CHECKING:
    from mt.translation.engines.torch import TorchEngine


class Translator:
    """An engine with the tokenizers around it.

    Example:
        >>> translator = load_translator(Path("checkpoints/multi30k-en-de"))  # doctest: +SKIP
        >>> [translation] = translator.translate(["A man rides a bicycle."])  # doctest: +SKIP
        >>> translation.text  # doctest: +SKIP
        'Ein Mann fährt Fahrrad.'
    """

    def __init__(
        self,
        engine: Engine,
        tokenizers: Tokenizers,
        config: TranslationConfig,
        max_tokens: int,
        languages: tuple[str, str],
        *,
        torch_engine: "Callable[[], TorchEngine] | None" = None,
        weights: Sequence[str] = (),
    ) -> None:
        """Put the parts together.

        Args:
            engine: Turns source tokens into target tokens.
            tokenizers: Turn text into tokens and back.
            config: How to translate where a call does not say otherwise.
            max_tokens: Source tokens that are translated at once, the end mark included; longer
                sentences are cut into parts.
            languages: Tags of source and target: they say how lines are split, and joined again.
            torch_engine: Gives the engine that finds translations as constraints ask for, where
                those of ``engine`` are not so; loaded when it is needed.
            weights: The SHA-256 of those of each model, if they come from bundles.
        """
        self.engine = engine
        self.tokenizers = tokenizers
        self.config = config
        self.max_tokens = max_tokens
        self.languages = languages
        self.weights = tuple(weights)
        self._load_torch_engine = torch_engine
        self._constrained = ConstrainedDecoding(tokenizers, languages, self._torch_engine)

    def translate(
        self,
        lines: Iterable[str | ConstrainedLine],
        config: TranslationConfig | None = None,
        numbers: Iterable[int] | None = None,
        glossary: Glossary | None = None,
        forbidden: Iterable[str] = (),
    ) -> Generator[Translation, None, None]:
        """Translate a stream of lines, giving each translation as soon as its batch is done.

        A line of several sentences is translated sentence by sentence, if the config says so; what
        holds no word, such as a number or an address, is copied. A blank line stays blank. Lines
        that come slowly are not waited for; memory does not grow with their number.

        At the end, or where reading stops, warnings count the lines whose translation may not be
        what it should.

        Args:
            lines: Raw text, one line each, or with what is asked of its translation alone.
            config: How to translate these; ``None``: as the translator usually does.
            numbers: Those of the lines, for warnings; ``None``: they count from 1.
            glossary: Terms that the translations must use.
            forbidden: Words and phrases that they must not hold; see :class:`Forbidden`.

        Raises:
            TypeError: If ``lines`` is one string, or something in it is none.
        """
        config = config or self.config
        common = CommonConstraints(glossary, tuple(forbidden))
        remarks = Remarks() if numbers is None else Remarks(iter(numbers))
        return self._translate(_checked(lines), config, remarks, common)

    def translate_all(
        self,
        lines: Sequence[str | ConstrainedLine],
        config: TranslationConfig | None = None,
        remarks: Remarks | None = None,
    ) -> list[Translation]:
        """Translate lines that are all there, without warnings; see :meth:`translate`.

        The same lines get the same translations, however fast they come.

        Args:
            lines: Raw text, one line each.
            config: How to translate these; ``None``: as the translator usually does.
            remarks: Counts the lines whose translation may not be what it should.
        """
        pool = self._begin(list(_checked(lines)), config or self.config, CommonConstraints())
        return self._finish(self._collect(pool), Remarks() if remarks is None else remarks)

    def _translate(
        self,
        lines: Iterable[str | ConstrainedLine],
        config: TranslationConfig,
        remarks: Remarks,
        common: CommonConstraints,
    ) -> Generator[Translation, None, None]:
        """Keep a second pool ready while one is searched, as long as there are lines.

        A pool of which something is searched for again waits for that until the next is searched.
        """
        begun, searched = deque[Pool](), deque[Searched]()
        try:
            for pool in pools(lines):
                if pool:
                    begun.append(self._begin(pool, config, common))
                while len(begun) > bool(pool):
                    searched.append(self._collect(begun.popleft()))
                waits = bool(pool and searched and searched[-1].again.indices)
                while len(searched) > waits:
                    yield from self._finish(searched.popleft(), remarks)
        finally:
            remarks.log(self.max_tokens)

    def search(
        self, source: Sequence[int], config: TranslationConfig | None = None
    ) -> list[Hypothesis]:
        """Translate one sentence as tokens without marks, just as a line would be."""
        config = config or self.config
        found = self._submit([source], config, config.search)()
        self._search_again(found, [source], config).replace(found)
        return found[0]

    def _begin(
        self,
        lines: Sequence[str | ConstrainedLine],
        config: TranslationConfig,
        common: CommonConstraints,
    ) -> Pool:
        asked = [ConstrainedLine(line) if isinstance(line, str) else line for line in lines]
        language = self.languages[0] if config.split_sentences else None
        segments = segment_lines(
            [line.text for line in asked],
            self.tokenizers.source,
            language,
            self.max_tokens - 1,
            whole={index for index, line in enumerate(asked) if line.prefix},
            recase=self._truecase if config.truecase else str,
        )
        sources = [each.tokens for line in segments for each in line if each.tokens]
        search = self._submit(sources, config, config.search)
        pool = Pool(segments, sources, config, search)
        first = 0
        for index, (line, parts) in enumerate(zip(asked, segments, strict=True)):
            texts = [part.text for part in parts if part.tokens]
            constraints, all_used = self._constrained.constraints(line, texts, common)
            begins_otherwise = line.prefix and not (parts and parts[0].tokens)
            if begins_otherwise or not all_used:
                pool.unmet.add(index)
            numbered = enumerate(constraints, first)
            pool.constraints.update((number, each) for number, each in numbered if each)
            first += len(texts)
        return pool

    def _collect(self, pool: Pool) -> Searched:
        found = pool.search()
        return Searched(pool, found, self._search_again(found, pool.sources, pool.config))

    def _finish(self, searched: Searched, remarks: Remarks) -> list[Translation]:
        pool, found = searched.pool, searched.found
        searched.again.replace(found)
        ran_on = set(searched.again.indices)
        best = pool.config.alternatives + 1
        failed = self._constrained.search_for(
            pool.constraints, found, pool.sources, pool.config.search, best
        )
        found = [group[:best] for group in found]  # to decide, more may have been asked for
        texts = iter(self._texts(pool.sources, found, pool.config))
        parts = iter(self._ranked([next(texts) for _ in group], pool) for group in found)
        number, translations = -1, []
        for index, line in enumerate(pool.lines):
            candidates, runaway, unmet = [], False, index in pool.unmet
            for segment in line:
                if segment.tokens:
                    number += 1
                    runaway = runaway or number in ran_on
                    unmet = unmet or number in failed
                    found_here = next(parts)
                    if segment.capitals:
                        found_here = [self._in_capitals(each) for each in found_here]
                    candidates.append(found_here)
                else:
                    candidates.append([Translation(segment.text)])
            gaps = [self._gap(segment) for segment in line]
            translation = join(candidates, gaps, pool.config)
            translations.append(translation)
            remarks.see(line, translation, ran_on=runaway, unmet=unmet)
        return translations

    def _submit(
        self, sources: Sequence[Sequence[int]], config: TranslationConfig, search: SearchConfig
    ) -> Pending:
        """Begin to search for translations, which are ranked as the config decides."""
        pending = self.engine.submit(sources, search, config.wanted)
        if config.decision == "map":
            return pending
        return lambda: [self._by_expected_chrf(found, search) for found in pending()]

    def _by_expected_chrf(
        self, found: Sequence[Hypothesis], search: SearchConfig
    ) -> list[Hypothesis]:
        """Rank hypotheses for minimum Bayes risk, and leave the first of each text."""
        from mt.translation.mbr import by_expected_chrf, shares  # noqa: PLC0415 - loads NumPy

        texts = self.tokenizers.target.decode([each.tokens for each in found])
        if isinstance(search, SamplingConfig):
            weights = [1.0] * len(found)  # samples are as frequent as they are likely
        else:
            weights = shares([(each.log_probability, each.score) for each in found])
        ranked: dict[str, Hypothesis] = {}
        for index in by_expected_chrf(texts, weights):
            ranked.setdefault(texts[index], found[index])
        return list(ranked.values())

    def _search_again(
        self,
        found: list[list[Hypothesis]],
        sources: Sequence[Sequence[int]],
        config: TranslationConfig,
    ) -> Again:
        """Begin to search for translations that repeat nothing, in place of those that run on."""
        indices = [
            index
            for index, (source, group) in enumerate(zip(sources, found, strict=True))
            if runs_on(source, group[0].tokens)
        ]
        if not indices:
            return Again([], list)
        ran_on = [sources[index] for index in indices]
        search = config.search.without_repetition()
        return Again(indices, self._submit(ran_on, config, search))

    def _torch_engine(self) -> "TorchEngine":
        if self._load_torch_engine is None:
            raise TypeError(
                "constraints: expected a translator with a `torch_engine`, but found none"
            )
        return self._load_torch_engine()

    def _ranked(self, translations: list[Translation], pool: Pool) -> list[Translation]:
        """Leave different translations of a segment; samples may all be wanted as they are."""
        drawn = isinstance(pool.config.search, SamplingConfig)
        return translations if drawn else _distinct(translations)

    def _texts(
        self,
        sources: Sequence[Sequence[int]],
        found: Sequence[Sequence[Hypothesis]],
        config: TranslationConfig,
    ) -> list[Translation]:
        """Turn hypotheses into text, those of one source behind the other."""
        target = self.tokenizers.target
        hypotheses = [hypothesis for group in found for hypothesis in group]
        texts = target.decode([hypothesis.tokens for hypothesis in hypotheses])
        if config.token_log_probabilities:
            read = [source for source, group in zip(sources, found, strict=True) for _ in group]
            return self._scored(read, [each.tokens for each in hypotheses], texts, config.search)
        return [
            Translation(
                text,
                tuple(target.tokens(each.tokens)),
                each.log_probability,
                each.score,
                coverage=each.coverage,
            )
            for text, each in zip(texts, hypotheses, strict=True)
        ]

    def _scored(
        self,
        sources: Sequence[Sequence[int]],
        targets: Sequence[Sequence[int]],
        texts: Sequence[str],
        search: SearchConfig,
    ) -> list[Translation]:
        """Read given translations once more, for the log-probability of each token."""
        scored = []
        found = self.engine.score(sources, targets)
        coverage = [0.0] * len(targets)
        if isinstance(search, BeamConfig) and search.coverage_penalty:
            coverage = self._torch_engine().coverage(sources, targets, search)
        for text, tokens, values, covered in zip(texts, targets, found, coverage, strict=True):
            total, names = sum(values), tuple(self.tokenizers.target.tokens(tokens))
            score = search.score(total, len(values)) + covered
            scored.append(
                Translation(
                    text,
                    names,
                    total,
                    score,
                    token_log_probabilities=tuple(values[:-1]),
                    coverage=covered,
                )
            )
        return scored

    def score(
        self, pairs: Iterable[tuple[str, str]], config: TranslationConfig | None = None
    ) -> Iterator[Translation | None]:
        """Score given translations of single sentences (forced decoding).

        Args:
            pairs: Sources with their translations, as raw text.
            config: Says how the length matters; ``None``: as the translator usually does.

        Returns:
            Of each pair, in order: its target with the log-probability of each token; ``None`` if a
            side is blank, or has more tokens than the model was trained for.
        """
        search = (config or self.config).search
        stream = iter(pairs)
        while pool := list(itertools.islice(stream, POOL)):
            read, written = zip(*pool, strict=True)
            sources = self.tokenizers.source.encode(read)
            targets = self.tokenizers.target.encode(written)
            fit = [
                index
                for index, sides in enumerate(zip(sources, targets, strict=True))
                if all(0 < len(side) < self.max_tokens for side in sides)
            ]
            scored = self._scored(
                [sources[index] for index in fit],
                [targets[index] for index in fit],
                [written[index] for index in fit],
                search,
            )
            found = dict(zip(fit, scored, strict=True))
            yield from map(found.get, range(len(pool)))

    def _truecase(self, text: str) -> str:
        return truecase(text, self.tokenizers.source, self.languages[0])

    def _in_capitals(self, translation: Translation) -> Translation:
        return replace(translation, text=upper_case(translation.text, self.languages[1]))

    def _gap(self, segment: Segment) -> str:
        """Say what follows the translation of a segment, if another one does."""
        return segment.gap or " " if puts_spaces(self.languages[1]) else ""


def _distinct(translations: Iterable[Translation]) -> list[Translation]:
    """Leave the first of each text: the same words can be spelt by other tokens."""
    found: dict[str, Translation] = {}
    for each in translations:
        found.setdefault(each.text, each)
    return list(found.values())


def _checked(lines: Iterable[str | ConstrainedLine]) -> Iterator[str | ConstrainedLine]:
    """Refuse a single string at once, and in a stream what is no text when it comes."""
    if isinstance(lines, str):
        raise TypeError("lines: expected several lines, but got one string; put it in a list")
    return map(_check_text, itertools.count(), lines)


def _check_text(index: int, line: object) -> str | ConstrainedLine:
    text = line.text if isinstance(line, ConstrainedLine) else line
    if not isinstance(text, str):
        raise TypeError(
            f"lines: expected text, but item {index} is {text!r} ({type(text).__name__}); "
            "drop it, or turn it into text"
        )
    assert isinstance(line, str | ConstrainedLine)
    return line
