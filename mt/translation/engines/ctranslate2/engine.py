"""The engine that runs Transformers on CPUs, several times as fast as that of torch."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import ctranslate2

from mt.bundle import Bundle
from mt.data.lengths import group_by_length
from mt.devices import EnginePrecision
from mt.errors import ConfigError
from mt.processor import count_threads
from mt.text.tokenizer import Tokenizers
from mt.translation.config import BeamConfig, SearchConfig
from mt.translation.contract import NEVER, Hypothesis, Pending
from mt.translation.engines.ctranslate2.conversion import convert_bundle
from mt.translation.engines.ctranslate2.environment import fast_environment

log = logging.getLogger(__name__)

BATCH_TOKENS = 448
"""Padded source tokens times hypotheses translated at once: few enough for what the decoder
remembers of them to stay in a processor's cache, and for their common shortlist to be short;
measured, see docs/experiments.md."""


class CTranslate2Engine:
    """Searches batches of sentences of similar length; see :class:`Engine`.

    As many batches as there are replicas are searched at once, each by one thread.
    """

    def __init__(
        self,
        translator: ctranslate2.Translator,
        vocabularies: tuple[Sequence[str], Sequence[str]],
        shortlist: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            translator: The converted model.
            vocabularies: The tokens of source and target, by id.
            shortlist: Use the model's shortlist; it must have one.
        """
        self.translator = translator
        self._source, self._target = vocabularies
        self._shortlist = shortlist
        self._ids = {token: number for number, token in enumerate(self._target)}
        self._never = [[self._target[token]] for token in sorted(NEVER)]

    def submit(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int = 1
    ) -> Pending:
        """Begin to translate sentences; see :meth:`Engine.submit`.

        A hypothesis that reaches its greatest length is cut there, and scored with an end mark.

        Raises:
            ConfigError: If the search is none that CTranslate2 can do.
        """
        beam = _beam(config)
        lengths = [len(source) + 1 for source in sources]
        groups = list(group_by_length(lengths, budget=BATCH_TOKENS // beam.size))
        waiting = [self._submit([sources[i] for i in group], beam, best) for group in groups]

        def collect() -> list[list[Hypothesis]]:
            results: dict[int, list[Hypothesis]] = {}
            for group, batch in zip(groups, waiting, strict=True):
                for index, each in zip(group, batch, strict=True):
                    results[index] = self._hypotheses(each.result(), beam, best)
            found = [
                self._mended(source, results[index], beam, best)
                for index, source in enumerate(sources)
            ]
            # What is forbidden is taken out before probabilities are normalised.
            forbids = beam.no_repeat_ngram or beam.min_length_ratio
            inexact = [i for i, pool in enumerate(found) if forbids or pool is not results[i]]
            self._score_again(sources, found, inexact, beam)
            return found

        return collect

    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Score given translations, all tokens being candidates; see :meth:`Engine.score`."""
        if not sources:
            return []
        results = self.translator.score_batch(
            [[self._source[token] for token in source] for source in sources],
            [[self._target[token] for token in target] for target in targets],
            max_batch_size=BATCH_TOKENS,
            batch_type="tokens",
            max_input_length=0,
        )
        return [list(result.log_probs) for result in results]

    def _mended(
        self, source: Sequence[int], found: list[Hypothesis], beam: BeamConfig, best: int
    ) -> list[Hypothesis]:
        """Search once more if something in a batch is too short or long, or holds a mark.

        In a batch, the least and greatest length of any sentence are those of all.
        """
        fewest, most = beam.shortest(len(source)), beam.longest(len(source))
        if all(
            fewest <= len(each.tokens) <= most and NEVER.isdisjoint(each.tokens) for each in found
        ):
            return found
        [alone] = self._submit([source], beam, best, suppress=True)
        return [
            replace(each, tokens=each.tokens[:most])
            for each in self._hypotheses(alone.result(), beam, best)
        ]

    def _score_again(
        self,
        sources: Sequence[Sequence[int]],
        found: list[list[Hypothesis]],
        indices: Sequence[int],
        beam: BeamConfig,
    ) -> None:
        """Give some hypotheses the log-probability that the model gives their tokens."""
        read = [sources[index] for index in indices for _ in found[index]]
        totals = map(sum, self.score(read, [e.tokens for i in indices for e in found[i]]))
        for index in indices:
            scored = [
                Hypothesis(each.tokens, total, beam.score(total, len(each.tokens) + 1))
                for each, total in zip(found[index], totals, strict=False)
            ]
            found[index] = sorted(scored, key=lambda each: -each.score)

    def _submit(
        self,
        sources: Sequence[Sequence[int]],
        beam: BeamConfig,
        best: int,
        suppress: bool = False,
    ) -> list[ctranslate2.AsyncTranslationResult]:
        """Begin to translate sentences of similar length.

        Marks, and the end as the first token, are suppressed only where a model writes one, which
        is hardly ever: CTranslate2 does so before it normalises probabilities, which changes those
        of all other tokens.
        """
        fewest = min(beam.shortest(len(source)) for source in sources)
        submitted: list[ctranslate2.AsyncTranslationResult] = self.translator.translate_batch(
            [[self._source[token] for token in source] for source in sources],
            asynchronous=True,
            beam_size=beam.size,
            num_hypotheses=min(best, beam.size) if beam.length_norm == "power" else beam.size,
            length_penalty=_exponent(beam),
            max_decoding_length=max(beam.longest(len(source)) for source in sources) + 1,
            max_input_length=0,
            min_decoding_length=fewest if suppress or fewest > 1 else 0,
            no_repeat_ngram_size=beam.no_repeat_ngram,
            suppress_sequences=self._never if suppress else None,
            return_scores=True,
            use_vmap=self._shortlist,
        )
        return submitted

    def _hypotheses(
        self, result: ctranslate2.TranslationResult, beam: BeamConfig, best: int
    ) -> list[Hypothesis]:
        """Rank what was found: CTranslate2 knows one way to count the length."""
        found = []
        for tokens, score in zip(result.hypotheses, result.scores, strict=True):
            ids = tuple(map(self._ids.__getitem__, tokens))
            log_probability = score * (len(ids) + 1) ** _exponent(beam)
            score_of_ours = beam.score(log_probability, len(ids) + 1)
            found.append(Hypothesis(ids, log_probability, score_of_ours))
        return sorted(found, key=lambda each: -each.score)[:best]


def _exponent(beam: BeamConfig) -> float:
    """Return the exponent of the length that CTranslate2 divides by."""
    return beam.length_penalty if beam.length_norm == "power" else 1.0


def _beam(config: SearchConfig) -> BeamConfig:
    """Express a search as a beam search."""
    if config.torch_only:
        raise ConfigError(
            f"search: expected one that ctranslate2 can do, but found {config.kind}: "
            f"{config.torch_only}; choose the torch engine"
        )
    if isinstance(config, BeamConfig):
        return config
    return BeamConfig(size=1, **config.model_dump(exclude={"kind"}))


def load_ctranslate2(
    bundle: Bundle,
    tokenizers: Tokenizers,
    precision: EnginePrecision = "auto",
    shortlist: bytes | None = None,
) -> CTranslate2Engine:
    """Convert the model in a bundle, in memory, and load it: a replica on each processor.

    Args:
        bundle: Holds a model that :func:`inexpressible` finds nothing in.
        tokenizers: Those of the bundle.
        precision: The numbers that are multiplied.
        shortlist: As :meth:`Lexicon.write` wrote it; ``None``: all tokens are candidates.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    files = convert_bundle(bundle, tokenizers)
    if shortlist is not None:
        files["vmap.txt"] = shortlist
    with fast_environment():
        translator = ctranslate2.Translator(
            "bundle",  # of no meaning, as the files are given; a path need not be UTF-8
            files=files,
            compute_type=_compute_type(precision),
            inter_threads=count_threads(),
            intra_threads=1,
            max_queued_batches=-1,  # else `submit` waits until there is room in a short queue
        )
    vocabularies = tokenizers.source.vocabulary, tokenizers.target.vocabulary
    return CTranslate2Engine(translator, vocabularies, shortlist is not None)


def _compute_type(precision: EnginePrecision) -> str:
    supported = ctranslate2.get_supported_compute_types("cpu")
    if precision in supported:
        return precision
    taken = "int8" if "int8" in supported else "float32"
    if precision != "auto":
        log.warning(
            "precision: CTranslate2 does not multiply in %s on this processor, and takes %s",
            precision, taken,
        )  # fmt: skip
    return taken
