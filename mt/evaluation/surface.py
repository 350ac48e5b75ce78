"""What text looks like on its surface: as people write it, or as a preprocessor left it.

BLEU over preprocessed text cannot be compared with anybody's, and nothing in the number shows it.
"""

import re
from collections.abc import Iterable

from mt.errors import DataError

_SUBWORD = re.compile(r"@@(?: |$)|▁")
# Only full stops and commas: French sets a space before other marks. The rest is Moses' escapes.
_TOKENIZED = re.compile(r"\w [.,](?: |$)|&(?:apos|quot|#91|#93|#124);| @-@ ")


def looks_like_subwords(lines: Iterable[str]) -> bool:
    """Say whether subword marks (``@@`` or ``▁``) stand in more than a tenth of the lines.

    Blank lines do not count. The share leaves room for a stray mark in honest text.
    """
    return _share(_SUBWORD, lines) > 0.1


def refuse_subwords(lines: Iterable[str], where: str) -> None:
    """Refuse text that is made of subword tokens.

    Args:
        lines: The text.
        where: How the message calls it, such as the name of its file.

    Raises:
        DataError: If it :func:`looks_like_subwords`.
    """
    if looks_like_subwords(lines):
        raise DataError(
            f"{where}: expected text, but it is made of subword tokens (`@@` or `▁`); "
            "join the tokens first"
        )


def looks_tokenized(lines: Iterable[str]) -> bool:
    """Say whether a tokenizer seems to have split words and punctuation.

    True if more than a third of the lines that are not blank have a space before a full stop or a
    comma, or an escape of the Moses tokenizer.
    """
    return _share(_TOKENIZED, lines) > 1 / 3


def _share(pattern: re.Pattern[str], lines: Iterable[str]) -> float:
    found = [pattern.search(line) is not None for line in lines if line.strip()]
    return sum(found) / len(found) if found else 0.0
