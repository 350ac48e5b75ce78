"""Everything before the first update: the run directory, the tokenizer, the encoded pairs."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mt.bundle import CONFIG, Bundle, load_bundle
from mt.config import StrictConfig, flatten
from mt.data.augmentation.noise import recased
from mt.data.config import DataConfig
from mt.data.corpora import Corpus, Pair
from mt.data.filters import Selection
from mt.data.mixture import Mixture
from mt.data.pairs import PairCounts, read_pairs
from mt.errors import DataError, TrainingError
from mt.files import (
    atomic_directory,
    damaged_file,
    remove_directory,
    write_atomically,
    write_sums,
)
from mt.text.tokenizer import Tokenizer, TokenizerConfig, Tokenizers, tokenizer_files
from mt.text.tokenizer_training import RULES, train_tokenizers
from mt.training.checkpoints import saved_updates
from mt.training.encoding import encode_together
from mt.training.listeners import SECONDS_BETWEEN_LINES
from mt.training.validation import ValidationSet
from mt.training.world import SingleProcess, World
from mt.yaml import read_yaml

log = logging.getLogger(__name__)

MAY_CHANGE = (
    "training.updates",
    "training.budget",
    "training.distillation.teachers",
    "validation.patience",
    "validation.min_improvement",
    "data.store",
    "translation",
)
"""Keys that may differ when a run is resumed: they do not change what has been learnt so far.

Teachers may have been moved; they are known by their weights.
"""


_SHOWN = 5
"""Characters that a warning names."""


@dataclass(frozen=True)
class Prepared:
    """What a run trains on."""

    tokenizers: Tokenizers
    training: Mixture
    validation: Mixture
    validation_sets: tuple[ValidationSet, ...]

    @property
    def validation_pairs(self) -> list[Pair]:
        """The texts of all validation pairs."""
        return [pair for each in self.validation_sets for pair in each.pairs]


def open_run(recipe: StrictConfig, run: Path, resume: bool) -> bool:
    """Create the run directory, or check that it belongs to this recipe; say whether it is new.

    Raises:
        TrainingError: If it holds a run already and ``resume`` is not asked for, or holds a run of
            another recipe.
    """
    config = run / CONFIG
    is_new = not config.exists()
    if not resume:
        refuse_run(run)
    if not is_new:
        before, now = flatten(read_yaml(config)), flatten(recipe.model_dump(mode="json"))
        # Keys of both first: for another kind of section its `kind`, not the keys it brings.
        keys = [*sorted(before.keys() & now.keys()), *sorted(before.keys() ^ now.keys())]
        changed = [
            key for key in keys
            if before.get(key) != now.get(key) and not key.startswith(MAY_CHANGE)
        ]  # fmt: skip
        if changed:
            key = changed[0]
            raise TrainingError(
                f"{run}: expected the recipe of the run that is resumed, but `{key}` was "
                f"{before.get(key)!r} and is {now.get(key)!r}; restore it, or choose another --out"
            )
    write_atomically(config, recipe.to_yaml())
    return is_new


def refuse_run(run: Path) -> None:
    """Refuse a directory that holds a run already.

    Raises:
        TrainingError: If it does.
    """
    if (run / CONFIG).exists():
        raise TrainingError(
            f"{run}: expected a new run directory, but it holds a run; add --resume to go on with "
            "it, or choose another --out"
        )


def release_run(run: Path) -> None:
    """Let a run that failed before its first checkpoint begin anew, with whatever recipe."""
    if not saved_updates(run):
        (run / CONFIG).unlink(missing_ok=True)
        shutil.rmtree(run / "tokenizer", ignore_errors=True)


def prepare_run(  # noqa: PLR0917 - the recipe's parts that matter here
    data: DataConfig,
    tokenizer: TokenizerConfig,
    batch_tokens: int,
    seed: int,
    run: Path,
    tokenizer_from: Path | None = None,
    world: World | None = None,
) -> Prepared:
    """Obtain the tokenizers and encode every pair, reusing what an earlier run left.

    Args:
        data: Corpora, and where encoded pairs are kept.
        tokenizer: What is learnt if there are no tokenizers yet.
        batch_tokens: Most tokens of a batch; every training pair must fit.
        seed: Draws the sample that a tokenizer learns from.
        run: The run directory, which gets a copy of the tokenizers.
        tokenizer_from: The bundle whose tokenizers are kept, so that none are learnt.
        world: The processes that prepare together, each of which calls this; ``None``: this one.

    Raises:
        DataError: If a corpus cannot be used, or a pair fits into no batch.
        BundleError: If the bundle is damaged.
    """
    world = world or SingleProcess()
    tokenizers = world.main_first(
        lambda: _obtain_tokenizers(data, tokenizer, seed, run, tokenizer_from)
    )
    _refuse_unknown_tags("train", data.train, tokenizers.source, tokenizer_from)
    _refuse_unknown_tags("validation", data.validation, tokenizers.source, tokenizer_from)
    training = encode_together(
        "training", data.train, tokenizers, data.store, data.train_selections(), world,
        _LogEncoding(world.hosts.count),
        temperature=data.temperature,
    )  # fmt: skip
    validation = encode_together(
        "validation", data.validation, tokenizers, data.store, data.validation_selections(), world
    )
    for name, store in (("training", training), ("validation", validation)):
        log.info("%s pairs: %s%s", name, store.counts, " (reused)" if store.reused else "")
    _refuse_longer(training, batch_tokens)
    prepared = Prepared(tokenizers, training, validation, _validation_sets(data, validation))
    _warn_of_lost(tokenizers.target, prepared.validation_pairs, tokenizer)
    return prepared


def _validation_sets(data: DataConfig, stores: Mixture) -> tuple[ValidationSet, ...]:
    """Divide validation pairs into the sets that the recipe names, and read their texts."""
    sets = []
    for name in data.validation_sets or (None,):
        places = [place for place, corpus in enumerate(data.validation) if corpus.set == name]
        chosen = stores.of(places)
        pairs = chosen.texts([data.validation[place] for place in places])
        sets.append(ValidationSet(name, chosen, list(pairs)))
    return tuple(sets)


def _warn_of_lost(tokenizer: Tokenizer, pairs: Sequence[Pair], config: TokenizerConfig) -> None:
    """Tell what of the references no model with this tokenizer can write."""
    changed, characters = tokenizer.lost(pair.target for pair in pairs)
    if not changed:
        return
    commonest = ", ".join(
        f"{character} U+{ord(character):04X} ({number:,})"
        for character, number in characters.most_common(_SHOWN)
    )
    rules, keep = f"tokenizer.normalization={config.normalization}", "choose identity to keep it"
    if config.quotes == "plain":
        rules, keep = f"{rules} and quotes=plain", "choose identity and quotes=keep to keep it"
    elif config.normalization == "identity":
        keep = "write blanks and ▁ as spaces in the corpora"
    log.warning(
        "validation: %s of %s references hold what the model can never write, as %s replaces it: "
        "%s; %s",
        f"{changed:,}", f"{len(pairs):,}", rules, commonest or "other orders of marks", keep,
    )  # fmt: skip


def _refuse_unknown_tags(
    use: str, corpora: Sequence[Corpus], tokenizer: Tokenizer, bundle: Path | None
) -> None:
    """Refuse a tag that is no token of the tokenizers that are kept."""
    wanted = {corpus.tag for corpus in corpora if corpus.tag}
    if unknown := sorted(wanted - set(tokenizer.tags)):
        known = ", ".join(tokenizer.tags) or "none"
        raise DataError(
            f"data.{use}: expected tags that {bundle} knows ({known}), but found {unknown[0]}; "
            "leave it out, or learn tokenizers that know it, in a new model without that one"
        )


def _refuse_longer(pairs: Mixture, batch_tokens: int) -> None:
    """Refuse a pair that no batch can hold."""
    if pairs.longest > batch_tokens:
        corpus, row = pairs.longest_origin()
        raise DataError(
            f"training.batch_tokens: expected at least {pairs.longest}, the tokens of the longest "
            f"pair (number {row + 1:,} of {corpus}), but found {batch_tokens}; raise it, or lower "
            "data.max_tokens"
        )


class _LogEncoding:
    """Logs every few seconds how many pairs this process has read to encode them."""

    def __init__(self, hosts: int) -> None:
        self._share = "" if hosts == 1 else f" by the first of {hosts} hosts"
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def __call__(self, counts: PairCounts) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            log.info("encoding training pairs: %s read%s", f"{counts.read:,}", self._share)


def _obtain_tokenizers(
    data: DataConfig, config: TokenizerConfig, seed: int, run: Path, bundle: Path | None
) -> Tokenizers:
    """Load the run's tokenizers, else those of the bundle that a recipe names, else learn them."""
    own = run / "tokenizer"
    if _is_whole(own):
        return Tokenizers.load(own)
    if bundle is None:
        tokenizers = _learn_tokenizers(data, config, seed)
    else:
        tokenizers = load_bundle(bundle, partial(_kept_tokenizers, data))
    with atomic_directory(own) as scratch:
        tokenizers.save(scratch)
        write_sums(scratch)
    return tokenizers


def _kept_tokenizers(data: DataConfig, bundle: Bundle) -> Tokenizers:
    """Read the tokenizers of a bundle; each of two was learnt from one language."""
    tokenizers, (source, target) = bundle.tokenizers(), bundle.metadata.languages
    if (data.target, data.source) == (source, target) and not tokenizers.joint:
        raise DataError(
            f"{bundle.path}: expected tokenizers of {data.source} and {data.target}, but found "
            f"those of a model from {source} to {target}; choose a model of this direction, or one "
            "with a joint vocabulary"
        )
    return tokenizers


def _learn_tokenizers(data: DataConfig, config: TokenizerConfig, seed: int) -> Tokenizers:
    """Load the tokenizers that were learnt before on the same text, else learn them."""
    selections = [replace(each, max_tokens=None) for each in data.train_selections()]
    tags = sorted({corpus.tag for corpus in data.train if corpus.tag})
    wanted = {
        "rules": RULES,
        "tokenizer": config.model_dump(mode="json"),
        "corpora": [corpus.fingerprint() for corpus in data.train],
        "filters": [each.fingerprint() for each in selections],
        "tags": tags,
        "capitals": [data.augmentation.upper_case, data.augmentation.title_case],
        "seed": seed,
    }
    fingerprint = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    shared = data.store / f"tokenizer-{fingerprint[:16]}"
    if _is_whole(shared):
        log.info("tokenizer: reusing %s", shared)
    else:
        log.info("tokenizer: training %d tokens", config.size)
        with atomic_directory(shared, replace=False) as scratch:
            pairs = _learnable_pairs(data, selections, tags, seed)
            train_tokenizers(config, pairs, seed, scratch, tags)
            write_sums(scratch)
    return Tokenizers.load(shared)


def _learnable_pairs(
    data: DataConfig, selections: Sequence[Selection], tags: Sequence[str], seed: int
) -> Iterator[Pair]:
    """Read the pairs that a tokenizer learns from: with as many capitals as training shows."""
    pairs = read_pairs(data.train, selections)
    if not data.augmentation.changes_case:
        return pairs
    return recased(pairs, data.augmentation, (data.source, data.target), tags, seed)


def _is_whole(directory: Path) -> bool:
    """Say whether tokenizers are there; damaged ones are removed, with a warning."""
    if not directory.exists():
        return False
    damaged = damaged_file(directory, tokenizer_files(directory))
    if damaged is not None:
        log.warning(
            "%s: expected a tokenizer, but the file is missing or damaged; it is obtained again",
            directory / damaged,
        )
        remove_directory(directory)
    return damaged is None
