"""The filter of text that was read in the wrong encoding, and of characters that are no text."""

import re

from mt.data.filters.contract import PairFilter, Reason

_NO_TEXT = "\x00-\x08\x0a-\x1f\x7f-\x9f\ue000-\uf8ff\ufff0-\uffff\U000f0000-\U0010ffff"
"""Control characters, those of private use, U+FFFD and others that stand for no character."""

_NEXT = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
"""What windows-1252 and ISO 8859-1 make of the second and later bytes of a character in UTF-8."""

_INSIDE = "[\x80-\x9f\xa1-\xaa\xac-\xba\xbc-\xbf€‚ƒ„…†‡ˆ‰ŠŒŽ•–—˜™šœžŸ]"
"""The same without what may follow the last letter of a word: quotation marks and their space."""

_PATTERNS = (
    f"[ÂÃ]{_NEXT}",  # western Europe
    f"[ÄÅ]{_INSIDE}",  # central Europe, Turkey
    f"(?:[ÎÏÐÑ×ØÙÚÛ]{_NEXT}){{2}}",  # Greek, Cyrillic, Hebrew, Arabic
    f"â[\x80\x82\x84€‚„]{_NEXT}",  # punctuation, the euro sign, the trade mark
    f"(?:[à-ï]{_NEXT}{{2}}){{2}}",  # India, China, Japan, Korea
    f"ð[Ÿ\x9f]{_NEXT}{{2}}",  # emoji
)
_MOJIBAKE = re.compile("|".join(_PATTERNS))
_SUSPECT = re.compile(f"[Â-ð]{_NEXT}")
"""Begins all mojibake, and is found several times as fast."""
_CONTROL = re.compile(f"[{_NO_TEXT}]")


class Encoding(PairFilter):
    """Drops pairs that hold no text: UTF-8 read in another encoding, control characters, U+FFFD."""

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell what was found: the code of a character, or what one has become."""
        found = _find(source) or _find(target)
        return Reason("broken encoding", found) if found else None


def _find(text: str) -> str | None:
    if text.isascii() and text.isprintable():
        return None
    if control := _CONTROL.search(text):
        return f"U+{ord(control[0]):04X}"
    mojibake = _MOJIBAKE.search(text) if _SUSPECT.search(text) else None
    return mojibake[0] if mojibake else None
