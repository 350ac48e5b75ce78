"""A recipe that learns from a synthetic corpus."""

from collections.abc import Mapping
from typing import Any


def with_corpus(
    recipe: Mapping[str, Any], section: Mapping[str, Any], *, replace: bool = False
) -> dict[str, Any]:
    """Add a corpus to what a recipe trains on.

    Args:
        recipe: What its file holds; it is valid.
        section: What it is to say of the corpus.
        replace: Train on this corpus alone.
    """
    train = recipe["data"]["train"]
    corpora = train if isinstance(train, list) else [train]
    kept = [] if replace else corpora
    return {**recipe, "data": {**recipe["data"], "train": [*kept, dict(section)]}}
