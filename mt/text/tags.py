"""Tags: words before a source that say what is wanted of the model, as in ``<2de> Good morning``.

Target languages of a multilingual model (Johnson et al. 2017), text that was back-translated
(Caswell et al. 2019), domains. Each tag of a recipe is one token of its model.
"""

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import Field

_MARK = r"[!-/:-@\[-`{-~]"
_PATTERN, _LONGEST = rf"^{_MARK}[!-~]*{_MARK}$", 64

Tag = Annotated[
    str,
    Field(max_length=_LONGEST, pattern=_PATTERN, examples=["<2de>", ">>de<<", "<bt>"]),
]
"""ASCII without spaces, between punctuation, so that no word is taken for one."""


def is_tag(word: str) -> bool:
    """Say whether a word could be a tag."""
    return len(word) <= _LONGEST and re.search(_PATTERN, word) is not None


def put_tag(tag: str | None, text: str) -> str:
    """Write a tag before a text."""
    return text if tag is None else f"{tag} {text}"


def take_tag(text: str, tags: Collection[str]) -> tuple[str | None, str]:
    """Split the tag off a text that begins with one of these and a space, or is nothing else."""
    first, _, rest = text.partition(" ")
    return (first, rest) if first in tags else (None, text)
