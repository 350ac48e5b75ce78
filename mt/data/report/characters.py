"""What the characters of a text say about it: scripts, and characters that are no text."""

import unicodedata
from collections import Counter
from collections.abc import Mapping

_TOGETHER = {
    "CJK": "Han", "HIRAGANA": "Japanese kana", "KATAKANA": "Japanese kana",
    "FULLWIDTH": "Latin", "HALFWIDTH": "Japanese kana", "HANGUL": "Korean",
}  # fmt: skip
"""First words of names of Unicode, and what people call these scripts."""


def scripts(characters: Mapping[int, int]) -> dict[str, float]:
    """Return the share of the letters that each script has, the commonest first."""
    counts: Counter[str] = Counter()
    for code, count in characters.items():
        if chr(code).isalpha():
            word = unicodedata.name(chr(code), "OTHER").split()[0].split("-")[0]
            counts[_TOGETHER.get(word, word.title())] += count
    total = counts.total()
    return {name: count / total for name, count in counts.most_common()}


def odd_characters(characters: Mapping[int, int]) -> dict[int, int]:
    """Return the characters that hardly belong into a text, the commonest first.

    These are control characters, U+FFFD, which stands for what could not be read, private use, and
    what has no width: the soft hyphen, zero-width spaces and byte-order marks within the text.
    """
    found = {code: count for code, count in characters.items() if _is_odd(code)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def name(code: int) -> str:
    """Name a character for people, as in ``U+00AD SOFT HYPHEN``."""
    kinds = {
        "Cc": "control character",
        "Co": "private use",
        "Cn": "no character",
        "Cs": "surrogate",
    }
    character = chr(code)
    called = unicodedata.name(character, kinds.get(unicodedata.category(character), ""))
    return f"U+{code:04X} {called}".strip()


def _is_odd(code: int) -> bool:
    if code in {0xFFFD, 0x00AD, 0x200B, 0x2060, 0xFEFF, 0x2028, 0x2029}:
        return True
    return code != 9 and unicodedata.category(chr(code)) in {"Cc", "Co", "Cn", "Cs"}
