"""Where sentence pairs come from: one small file for each format.

A corpus is whatever satisfies :class:`Corpus`; here it is a config too, so that a recipe may name
it. A new kind joins the union below.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mt.config import name_kind
from mt.data.corpora.contract import Corpus, Pair
from mt.data.corpora.huggingface import HuggingFaceConfig
from mt.data.corpora.plain import PlainTextConfig


def _plain_by_default(value: Any) -> Any:
    return name_kind(value, PlainTextConfig, (PlainTextConfig, HuggingFaceConfig))


CorpusConfig = Annotated[
    PlainTextConfig | HuggingFaceConfig,
    Field(discriminator="kind"),
    BeforeValidator(_plain_by_default),
]
"""A corpus of any kind; two text files need not name theirs."""

__all__ = ["Corpus", "CorpusConfig", "HuggingFaceConfig", "Pair", "PlainTextConfig"]
