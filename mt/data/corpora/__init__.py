"""Where sentence pairs come from: one small file for each format.

A corpus is a config with ``pairs()``, which reads it from the start; ``fingerprint()``, which
changes with its content; and ``where``, which messages begin with. A new one joins the union below.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mt.data.corpora.huggingface import HuggingFaceConfig
from mt.data.corpora.pair import Pair
from mt.data.corpora.plain import PlainTextConfig


def _plain_unless_told(value: Any) -> Any:
    if isinstance(value, Mapping) and "kind" not in value:
        return {"kind": "plain", **value}
    return value


CorpusConfig = Annotated[
    PlainTextConfig | HuggingFaceConfig,
    Field(discriminator="kind"),
    BeforeValidator(_plain_unless_told),
]
"""A corpus of any kind; two text files need not name theirs."""

__all__ = ["CorpusConfig", "HuggingFaceConfig", "Pair", "PlainTextConfig"]
