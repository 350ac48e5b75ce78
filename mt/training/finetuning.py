"""A recipe that teaches a model a new domain, and lets it forget little of the old one.

Pairs of the old domain are mixed in (Chu, Dabre and Kurohashi 2017), training is short, and a
checkpoint is chosen by the new domain only among those that are still good at the old one.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from mt.bundle import Bundle
from mt.config import Overrides, apply_overrides
from mt.data.config import DataConfig
from mt.data.corpora import BaseCorpusConfig, parse_corpus
from mt.data.epochs import pairs_per_epoch
from mt.data.filters import Selection
from mt.errors import DataError
from mt.text.tags import take_tag
from mt.training.config import TrainingConfig
from mt.training.recipe import RecipeConfig, parse_recipe

log = logging.getLogger(__name__)

NEW, GENERAL, EARLIER = "new", "general", "earlier"
"""The sets of validation pairs: of the new domain, which leads, of the old one, unless the model's
recipe has divided these into sets of its own, and of what it was fine-tuned on before."""
_EPOCHS = 5
"""How often the pairs of the new domain are seen at most."""
_FEWEST_UPDATES, _MOST_UPDATES = 100, 20_000
_VALIDATIONS, _PATIENCE = 20, 5
_FORGOTTEN_POINTS, _FORGOTTEN_NATS = 1.0, 0.1
_RATE, _SHARE_OF_RATE = 1e-4, 0.1
"""The highest rate: this share of the one that all weights were trained with, if that is known."""
_SAMPLE = 2000
"""Pairs whose tokens are counted."""


@dataclass(frozen=True)
class Request:
    """What a model is to learn, and how."""

    train: Sequence[BaseCorpusConfig]
    """The new domain."""
    validation: Sequence[BaseCorpusConfig]
    """Pairs of the new domain that are not learnt from."""
    old: Sequence[BaseCorpusConfig]
    """What the model has learnt from; may be empty."""
    general: Sequence[BaseCorpusConfig]
    """What the model was validated on; may be empty."""
    temperature: float
    """How the old corpora share what there is of them; 1: by their weights."""
    share: float
    """Of the old domain in an epoch, in pairs."""
    max_forgetting: float | None
    """How much worse the model may become at the old domain, in the unit of its metric; ``None``:
    1 point of a score, 0.1 nats of the loss."""
    seed: int
    updates: int | None = None
    """At most; ``None``: as many as see the new pairs five times."""


def corpora_of(bundle: Bundle, use: str) -> list[BaseCorpusConfig]:
    """Return those corpora of a bundle's own recipe that are still there, and warn of the others.

    Args:
        bundle: The model.
        use: ``train`` or ``validation``.

    Raises:
        DataError: If the recipe is damaged.
    """
    corpora = [
        parse_corpus(each, *bundle.metadata.languages, f"{bundle.path}: data.{use}")
        for each in bundle.section("data").get(use) or ()
    ]
    missing = [corpus.where for corpus in corpora if not _is_here(corpus)]
    if missing:
        log.warning(
            "%s: expected the corpora of its recipe (data.%s), but %s is not there; it is left out",
            bundle.path, use, ", ".join(missing),
        )  # fmt: skip
    return [corpus for corpus in corpora if _is_here(corpus)]


def warn_of_missing(old: Sequence[BaseCorpusConfig], general: Sequence[BaseCorpusConfig]) -> None:
    """Say what it means that nothing of the old domain is there."""
    if not old:
        log.warning(
            "no text that the model has learnt from is mixed in, as none was found: it will forget "
            "more; name some by --mix"
        )
    if not general:
        log.warning(
            "what the model forgets is not measured, as its validation pairs were not found; name "
            "its recipe, or text that it knows, by --mix"
        )


def warn_of_no_tag(bundle: Bundle, corpora: Sequence[BaseCorpusConfig]) -> None:
    """Say so if new text begins without a tag, but all that the model has learnt from has one."""
    tags = [corpus.get("tag") for corpus in bundle.section("data").get("train") or ()]
    first = [(corpus.tag, pair) for corpus in corpora for pair in islice(corpus.pairs(), 1)]
    if tags and all(tags) and not all(tag or take_tag(pair.source, tags)[0] for tag, pair in first):
        log.warning(
            "%s: expected a tag, as all text that the model has learnt from has one (%s), but "
            "--tag is missing; the new text is learnt without",
            bundle.path, ", ".join(sorted(set(tags))),
        )  # fmt: skip


def finetuning_recipe(bundle: Bundle, request: Request, overrides: Overrides = ()) -> RecipeConfig:
    """Write a recipe; the corpora are read once, to count their pairs.

    Args:
        bundle: The model.
        request: What it is to learn.
        overrides: Other values of the recipe, as in ``training.batch_tokens=2000``.

    Raises:
        DataError: If a corpus cannot be read, or has no pairs.
        ConfigError: If the model cannot be trained so, as with tags that it does not know.
    """
    before = {name: bundle.config.get(name) or {} for name in ("data", "training", "validation")}
    data = _data(bundle, before["data"], request)
    sizes = [_count(corpus, each) for corpus, each in _counted(data)]
    weights = _weights(sizes, request)
    for corpus, weight in zip(data["train"], weights, strict=True):
        corpus["weight"] = weight
    new = sum(sizes[: len(request.train)])
    pairs = new / (1 - (request.share if request.old else 0.0))
    training = _training(before["training"], pairs, _mean_tokens(bundle, request), request.updates)
    values = {
        "seed": request.seed,
        "init_from": str(bundle.path),
        "data": data,
        "training": training,
        "validation": _validation(before["validation"], training["updates"], request),
        "translation": _translation(bundle, request),
    }
    return parse_recipe(apply_overrides(values, overrides), where="finetune")


def _data(bundle: Bundle, before: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """Write the section of the corpora, whose weights are still to be found."""
    source, target = bundle.metadata.languages
    kept = ("filters", "store", "max_tokens", "augmentation")
    validation = [(NEW, corpus) for corpus in request.validation]
    validation += [(_own_set(corpus), corpus) for corpus in request.general]
    return {
        "source": source,
        "target": target,
        "max_tokens": bundle.metadata.max_tokens,
        **{key: before[key] for key in kept if key in before},
        "train": [
            {**corpus.model_dump(mode="json"), "weight": 1.0}
            for corpus in (*request.train, *request.old)
        ],
        "validation": [
            {**corpus.model_dump(mode="json"), "weight": 1.0, "set": name}
            for name, corpus in validation
        ],
    }


def _own_set(corpus: BaseCorpusConfig) -> str:
    """Name the set of old pairs, as of a language; all without a name are one."""
    if corpus.set is None:
        return GENERAL
    return EARLIER if corpus.set == NEW else corpus.set


def _counted(data: Mapping[str, Any]) -> list[tuple[BaseCorpusConfig, Selection]]:
    config = DataConfig.parse(data, where="finetune")
    return list(zip(config.train, config.train_selections(), strict=True))


def _count(corpus: BaseCorpusConfig, selection: Selection) -> int:
    """Count the pairs that filters leave of a corpus."""
    count = sum(1 for _ in selection.select(corpus.pairs()))
    if not count:
        raise DataError(
            f"{corpus.where}: expected sentence pairs, but found none to keep; check the file"
        )
    return count


def _weights(sizes: Sequence[int], request: Request) -> list[float]:
    """Weigh the old corpora so that their pairs have their share of an epoch."""
    new = len(request.train)
    if not request.old:
        return [1.0] * new
    old = sizes[new:]
    drawn = pairs_per_epoch(old, [corpus.weight for corpus in request.old], request.temperature)
    wanted = request.share / (1 - request.share) * sum(sizes[:new])
    scale = wanted / float(sum(drawn, Fraction(0)))
    weights = [float(each) / size * scale for each, size in zip(drawn, old, strict=True)]
    return [1.0] * new + [min(1000.0, float(f"{weight:.6g}")) for weight in weights]


def _training(
    before: Mapping[str, Any], pairs: float, tokens: float, updates: int | None
) -> dict[str, Any]:
    """Keep how a model was trained, but for a short time and with a small, falling rate."""
    known = TrainingConfig.parse({**before, "consistency": None}, where="finetune")
    batch = known.batch_tokens * known.accumulate
    if updates is None:
        wanted = _EPOCHS * pairs * tokens / batch
        updates = round(min(_MOST_UPDATES, max(_FEWEST_UPDATES, wanted)))
    of_all_weights = bool(before) and known.lora is None
    rate = _SHARE_OF_RATE * known.optimizer.learning_rate if of_all_weights else _RATE
    consistency = before.get("consistency")
    return {
        **before,
        "lora": None,
        "freeze": [],
        "budget": None,
        "distillation": None,
        "consistency": consistency and {**consistency, "from_update": 1},
        "updates": updates,
        "optimizer": {
            **known.optimizer.model_dump(mode="json"),
            "learning_rate": float(f"{rate:.3g}"),
        },
        "schedule": {"kind": "cosine", "warmup": updates // 20, "floor": 0.1},
        "average": {"count": 1},
        "report_every": min(known.report_every, max(5, updates // _VALIDATIONS)),
    }


def _validation(before: Mapping[str, Any], updates: int, request: Request) -> dict[str, Any]:
    """Measure both domains often, and stop when the new one is learnt."""
    kept = {key: before[key] for key in ("metric", "search") if key in before}
    allowed = request.max_forgetting
    if allowed is None:
        allowed = _FORGOTTEN_NATS if kept.get("metric") == "loss" else _FORGOTTEN_POINTS
    return kept | {
        "every": max(5, updates // _VALIDATIONS),
        "patience": _PATIENCE,
        "lead": NEW,
        "max_forgetting": allowed if request.general else None,
    }


def _translation(bundle: Bundle, request: Request) -> dict[str, Any]:
    """Translate as before; a shortlist is learnt only where it knows the old domain too."""
    values = bundle.section("translation")
    return values if request.old and request.general else {**values, "shortlist": "never"}


def _mean_tokens(bundle: Bundle, request: Request) -> float:
    """Return the mean tokens of the longer side of a pair, the end mark included."""
    tokenizers = bundle.tokenizers()
    pairs = list(islice(request.train[0].pairs(), _SAMPLE))
    sides = zip(
        tokenizers.source.encode([pair.source for pair in pairs]),
        tokenizers.target.encode([pair.target for pair in pairs]),
        strict=True,
    )
    return sum(max(map(len, both)) + 1 for both in sides) / max(1, len(pairs))


def _is_here(corpus: BaseCorpusConfig) -> bool:
    """Say whether the files of a corpus are there; of addresses and the hub that is not asked."""
    return all(not isinstance(path, Path) or path.exists() for path in corpus.files())
