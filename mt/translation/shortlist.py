"""A lexical shortlist: which target tokens may occur in a translation, judged by its source.

The output layer compares a state with every token of the vocabulary, which for a small model is
half of the work. A shortlist names a few candidates for each source token; a sentence is then
translated with those of its own tokens (by CTranslate2: of all tokens of its batch), and those that
are frequent everywhere.

Source: Jean et al. (2015), "On Using Very Large Target Vocabulary for Neural Machine Translation",
section 3.2, with the candidates of IBM model 1 (Brown et al. 1993), learnt over tokens.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from mt.bundle import Bundle, extend_bundle, open_bundle
from mt.data.corpora import Pair
from mt.data.mixture import Mixture
from mt.evaluation import evaluate
from mt.text.tokenizer import END
from mt.translation.config import GreedyConfig, TranslationConfig
from mt.translation.engines import load_fast_engine, why_only_torch
from mt.translation.translator import Translator

MOST_LINKS = 20_000_000
"""Pairs of a source and a target token of one sentence that are learnt from: 500 MB at most."""
SIZES = ((10, 50), (25, 100), (50, 100), (100, 1000))
"""Candidates of a token, and frequent tokens that are always allowed, of the shortlists tried."""
MOST_COST = 0.1
"""BLEU that a shortlist may cost on the validation pairs if it is to be used by default: the mean
of greedy search and the bundle's own, since a sentence more or less moves either by as much."""
VALIDATION_PAIRS = 2000
"""Pairs on which the cost is measured at most: the first ones."""
_ITERATIONS = 4
_DEPTH = 64
"""Candidates kept of each source token."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lexicon:
    """The target tokens that translate each source token, most probable first."""

    candidates: dict[int, list[int]]
    """Of each source token that was seen."""
    frequent: list[int]
    """Target tokens, most frequent first."""

    def write(
        self, vocabularies: tuple[Sequence[str], Sequence[str]], size: int, always: int
    ) -> str:
        """Write a shortlist as CTranslate2 reads it.

        A token that both sides share is a candidate for itself, so that names can be copied.

        Args:
            vocabularies: The tokens of source and target, by id.
            size: Most candidates of a source token.
            always: How many frequent tokens are always allowed.

        Returns:
            A line for each source token: the token, a tab, its candidates with blanks between; the
            first line, without a token, has those that are always allowed.
        """
        source, target = vocabularies
        known = set(target)
        lines = ["\t" + " ".join(target[token] for token in self.frequent[:always])]
        for token, candidates in self.candidates.items():
            names = [target[candidate] for candidate in candidates[:size]]
            if source[token] in known and source[token] not in names:
                names.append(source[token])
            lines.append(f"{source[token]}\t{' '.join(names)}")
        return "".join(f"{line}\n" for line in lines)


def learn_lexicon(pairs: Iterable[tuple[ArrayLike, ArrayLike]]) -> Lexicon:
    """Learn which tokens translate which, by IBM model 1 without an empty word.

    Args:
        pairs: Sources and targets as token ids, with or without end marks. Those after the first
            :data:`MOST_LINKS` links are left aside.
    """
    links, lengths = _collect_links(pairs)
    sources, targets, which = _number(links)
    probabilities = _estimate(which, lengths, sources)
    order = np.lexsort((targets, -probabilities, sources))
    candidates: dict[int, list[int]] = {}
    for source, target in zip(sources[order].tolist(), targets[order].tolist(), strict=True):
        mine = candidates.setdefault(source, [])
        if len(mine) < _DEPTH:
            mine.append(target)
    counts = np.bincount(targets[which][np.cumsum(lengths) - 1]) if len(which) else np.array([])
    frequent = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return Lexicon(candidates, frequent.tolist())


def add_shortlist(
    path: Path, pairs: Mixture, validation: Sequence[Pair], seed: int
) -> float | None:
    """Learn a shortlist and put it into a bundle: the smallest that costs hardly any BLEU.

    Args:
        path: The bundle, or a run directory whose best bundle is meant.
        pairs: What is learnt from, in a random order, as far as :data:`MOST_LINKS` reach.
        validation: Those on which the cost is measured, as far as :data:`VALIDATION_PAIRS`.
        seed: Chooses the order.

    Returns:
        The cost in BLEU, at most :data:`MOST_COST`, negative if translations became better.
        ``None`` if every shortlist costs more, or only torch can run the model, which then is
        left as it was.
    """
    bundle = open_bundle(path)
    if reason := why_only_torch(bundle):
        log.info("no shortlist: %s", reason)
        return None
    sources = [pair.source for pair in validation[:VALIDATION_PAIRS]]
    references = [pair.target for pair in validation[:VALIDATION_PAIRS]]
    tokenizers = bundle.tokenizers()
    vocabularies = tokenizers.source.vocabulary, tokenizers.target.vocabulary
    lexicon = learn_lexicon(pairs.in_random_order(seed))
    whole = _mean_bleu(bundle, None, sources, references)
    for size, always in SIZES:
        text = lexicon.write(vocabularies, size, always).encode()
        cost = whole - _mean_bleu(bundle, text, sources, references)
        log.info("shortlist of %d candidates a token: %+.2f BLEU", size, -cost)
        if cost <= MOST_COST:
            extend_bundle(bundle, text, replace(bundle.metadata, shortlist_cost=cost))
            return cost
    log.info("no shortlist: each costs more than %s BLEU", MOST_COST)
    return None


def _mean_bleu(
    bundle: Bundle, shortlist: bytes | None, sources: Sequence[str], references: Sequence[str]
) -> float:
    """Score translations by greedy search and by the bundle's own, and take the mean."""
    tokenizers = bundle.tokenizers()
    config = TranslationConfig.parse(bundle.section("translation"), where=str(bundle.path))
    engine = load_fast_engine(bundle, tokenizers, config, shortlist)
    metadata = bundle.metadata
    translator = Translator(engine, tokenizers, config, metadata.max_tokens, metadata.languages)
    scores = []
    for search in (config, TranslationConfig(search=GreedyConfig())):
        found = [translation.text for translation in translator.translate_all(sources, search)]
        scores += evaluate(found, [references], ["bleu"], bootstrap=0)
    return sum(score.value for score in scores) / len(scores)


_BASE = 1 << 32


def _collect_links(
    pairs: Iterable[tuple[ArrayLike, ArrayLike]],
) -> tuple[Int64[np.ndarray, " links"], Int64[np.ndarray, " targets"]]:
    """Link every target token to the different source tokens of its sentence.

    Returns:
        The links of one target token after the other, as source times 2^32 plus target, and how
        many each has.
    """
    blocks, lengths, total = [], [], 0
    for source, target in pairs:
        left, right = (np.asarray(side, np.int64) for side in (source, target))
        left, right = np.unique(left[left != END]), right[right != END]
        if not len(left) or not len(right):
            continue
        blocks.append((left * _BASE + right[:, None]).ravel())
        lengths.append(np.full(len(right), len(left), np.int64))
        total += blocks[-1].size
        if total >= MOST_LINKS:
            break
    if not blocks:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(blocks), np.concatenate(lengths)


def _number(
    links: Int64[np.ndarray, " links"],
) -> tuple[Int64[np.ndarray, " kinds"], Int64[np.ndarray, " kinds"], Int64[np.ndarray, " links"]]:
    """Return the source and the target of each kind of link, and the kind of each link."""
    kinds, which = np.unique(links, return_inverse=True)
    return kinds // _BASE, kinds % _BASE, which


def _estimate(
    which: Int64[np.ndarray, " links"],
    lengths: Int64[np.ndarray, " targets"],
    sources: Int64[np.ndarray, " kinds"],
) -> Float64[np.ndarray, " kinds"]:
    """Estimate the probability of each kind's target given its source, by EM."""
    probabilities = np.ones(len(sources))
    starts = np.cumsum(lengths) - lengths
    for _ in range(_ITERATIONS if len(which) else 0):
        expected = probabilities[which]
        expected /= np.repeat(np.add.reduceat(expected, starts), lengths)
        counts = np.bincount(which, weights=expected, minlength=len(sources))
        probabilities = counts / np.bincount(sources, weights=counts)[sources]
    return probabilities
