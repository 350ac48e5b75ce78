"""Cut a line that is too long for a model into parts that are not."""

import re
from collections.abc import Callable

_SEAMS = (
    r"[.!?…]+[\"'”“»)]*\s+|[。！？]+[\"'”“»)」』）]*\s*",
    r"[,;:]\s+|[–—、，；：]\s*",
    r"\s+",
    r"",
)
"""Where a line may be cut, best first: after a sentence, after a clause, after a word, anywhere."""


def split_long(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Cut ``text`` into parts that fit, near the middle of what is too long, at a good seam.

    The parts, joined, hold every character of the text but the white space at the cuts.

    Args:
        text: One line.
        fits: Says whether a part is short enough; must accept a single character.
    """
    text = text.strip()
    if not text:
        return []
    if fits(text) or len(text) == 1:
        return [text]
    middle = len(text) / 2
    for seam in _SEAMS:
        ends = [match.end() for match in re.finditer(seam, text)]
        inside = [end for end in ends if len(text) / 4 <= end <= 3 * len(text) / 4]
        if inside:
            cut = min(inside, key=lambda end: abs(end - middle))
            break
    return split_long(text[:cut], fits) + split_long(text[cut:], fits)
