"""Sentences as numbers of 64 bits, so that many millions can be compared in little memory.

Two different sentences get the same number with a probability of 2⁻⁶⁴; among 100 million
sentences some two do with a probability of 0.03 %.
"""

import re
import unicodedata
from functools import cache
from hashlib import blake2b

_ASCII_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())


def digest(text: str) -> int:
    """Return a number from 0 to 2⁶⁴ - 1 that equal texts share, in every process."""
    data = text.encode("utf-8", errors="surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def bare(text: str) -> str:
    """Strip a sentence to what makes it the same sentence for a reader: its letters, in lower case.

    Case, punctuation, digits, symbols and spaces are left out. Of a text without letters
    nothing would remain; it is returned as it is.
    """
    # What is no letter in ASCII goes first and as bytes, which takes a tenth of the time.
    kept = text.casefold().encode("utf-8", "surrogatepass").translate(None, _ASCII_NO_LETTERS)
    letters = kept.decode("utf-8", "surrogatepass")
    return (letters if kept.isascii() else _no_letters().sub("", letters)) or text


@cache
def _no_letters() -> re.Pattern[str]:
    """Match all but letters and their marks; what lies beyond the first plane is kept."""
    ranges: list[list[int]] = []
    for code in range(0x10000):
        if unicodedata.category(chr(code))[0] not in "LM" and not 0xD800 <= code < 0xE000:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    inner = "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b in ranges)
    return re.compile(f"[{inner}]+")
