"""Where sentence pairs come from: one small file for each format.

A corpus is whatever satisfies :class:`Corpus`; here it is a config too, so that a recipe may name
it. A new kind joins the union below.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mt.data.corpora.contract import Corpus, Pair
from mt.data.corpora.huggingface import HuggingFaceConfig
from mt.data.corpora.plain import PlainTextConfig


def _plain_by_default(value: Any) -> Any:
    if isinstance(value, Mapping) and "kind" not in value:
        return {"kind": "plain", **value}
    return value


CorpusConfig = Annotated[
    PlainTextConfig | HuggingFaceConfig,
    Field(discriminator="kind"),
    BeforeValidator(_plain_by_default),
]
"""A corpus of any kind; two text files need not name theirs."""

__all__ = ["Corpus", "CorpusConfig", "HuggingFaceConfig", "Pair", "PlainTextConfig"]
