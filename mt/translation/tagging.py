"""Tags before lines that are to be translated."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mt.errors import DataError, did_you_mean
from mt.text.tags import put_tag, take_tag

if TYPE_CHECKING:
    from mt.text.tokenizer import Tokenizer
    from mt.translation.constraints import ConstrainedLine


def tagger(
    tokenizer: "Tokenizer", tag: str | None
) -> "Callable[[str | ConstrainedLine], str | ConstrainedLine]":
    """Return what puts a tag before a line that begins with none.

    Raises:
        DataError: If the model was trained without this tag.
    """
    if tag is not None and tag not in tokenizer.tags:
        known = ", ".join(tokenizer.tags) or "none"
        more = did_you_mean(tag, tokenizer.tags) or "a tag is put before the sources of a corpus"
        raise DataError(
            f"--tag: expected a tag that the model was trained with ({known}), but found {tag}; "
            f"{more}"
        )

    def tagged(line: "str | ConstrainedLine") -> "str | ConstrainedLine":
        text = line if isinstance(line, str) else line.text
        if take_tag(text.strip(), tokenizer.tags)[0] is None:
            text = put_tag(tag, text)
        return text if isinstance(line, str) else replace(line, text=text)

    return tagged
