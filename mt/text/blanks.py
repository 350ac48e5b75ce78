"""What counts as a blank: one table for encoding, decoding and the words of a line."""

import re

BLANKS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)))
"""The control characters and the separators of lines and paragraphs of Unicode. None of them can
be seen or belongs to a word, and some end a line for some program. What takes up room on the line,
such as the no-break space, is left to the normalization of a tokenizer."""

_FOREIGN = re.compile(f"[{re.escape(BLANKS)}\ud800-\udfff]")


def plain_blanks(text: str) -> str:
    """Put a space in place of each blank, and U+FFFD in place of each lone surrogate.

    The text keeps its length, holds no line break, and can be written as UTF-8.
    """
    return _FOREIGN.sub(lambda found: " " if found[0] in BLANKS else "\ufffd", text)
