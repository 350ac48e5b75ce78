"""What text looks like on its surface: as people write it, or as a program left it.

Scores of anything else cannot be compared with anybody's, and nothing in the number shows it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from mt.errors import DataError
from mt.evaluation.score import TokenizerName

_SUBWORD = re.compile(r"@@(?: |$)|▁")
_TAG = re.compile(
    r"\s*</?(?:seg|doc|hl|(?:src|tst|ref)set|mteval|dataset|tuv?|tmx|trans-unit|source|target)\b"
)
_DOCUMENT = re.compile(r"\s*<(?:\?xml|!doctype|html)\b", re.IGNORECASE)
_JSON = re.compile(r'\s*\{\s*"[^"]*"\s*:')
# Only full stops and commas: French sets a space before other marks. The rest is Moses' escapes.
_TOKENIZED = re.compile(r"\w [.,](?: |$)|&(?:apos|quot|#91|#93|#124);| @-@ ")
_COLUMNS = re.compile(r"\S\t+\S")

_SCRIPTS: dict[str, tuple[str, TokenizerName]] = {
    "HIRAGANA": ("Japanese", "ja-mecab"),
    "KATAKANA": ("Japanese", "ja-mecab"),
    "CJK": ("Chinese", "zh"),
    "HANGUL": ("Korean", "ko-mecab"),
    "THAI": ("Thai", "char"),
    "LAO": ("Lao", "char"),
    "KHMER": ("Khmer", "char"),
    "MYANMAR": ("Burmese", "char"),
    "TIBETAN": ("Tibetan", "char"),
}
"""By the first word of a letter's Unicode name: a language, and sacreBLEU's tokenizer for it.

All but Korean are written without spaces between words; Korean words carry their particles.
"""


def refuse_unless_text(lines: Sequence[str], where: str) -> None:
    """Refuse what is not one sentence of plain text a line.

    Args:
        lines: The whole text; blank lines do not count.
        where: How the message calls it, such as the name of its file.

    Raises:
        DataError: If subword marks (``@@`` or ``▁``), tags of a test set or translation memory, or
            JSON objects stand in more than a tenth of the lines, or it begins as XML or HTML does.
    """
    first = next((line for line in lines if line.strip()), "")
    if _share(_SUBWORD.search, lines) > 0.1:
        found, remedy = "made of subword tokens (`@@` or `▁`)", "join the tokens first"
    elif _DOCUMENT.match(first) or _share(_TAG.match, lines) > 0.1:
        found, remedy = "SGML or XML", "take the text out of its segments first"
    elif _share(_JSON.match, lines) > 0.1:
        found, remedy = "JSON", "name a field, as in FILE:target"
    else:
        return
    raise DataError(f"{where}: expected text, one sentence a line, but it is {found}; {remedy}")


def doubts(lines: Sequence[str]) -> Iterator[str]:
    """Say what makes scores of a text doubtful, each as *expected, but; consequence*.

    A tokenizer seems to have split words and punctuation if more than a third of the lines that are
    not blank have a space before a full stop or a comma, or an escape of the Moses tokenizer.
    Lines are columns of a table if as many of them hold a tab. Subword marks stand in no text that
    people write; where more than a tenth of the lines have them, it is refused.
    """
    if count := sum(map(bool, map(_SUBWORD.search, lines))):
        yield (
            f"expected text, but {count:,} of {len(lines):,} lines hold subword tokens (`@@` or "
            "`▁`); join the tokens first"
        )
    if _share(_TOKENIZED.search, lines) > 1 / 3:
        yield (
            "expected text as people write it, but it looks tokenized; its scores cannot be "
            "compared with other people's"
        )
    if _share(_COLUMNS.search, lines) > 1 / 3:
        yield "expected one sentence a line, but lines hold tabs; of columns name one, as in FILE:2"


def doubts_between(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Iterator[str]:
    """Say what makes the comparison of a translation with references doubtful.

    Lines of which one side is blank; and sides that write the same letters differently: as one
    character or several (Unicode's normal forms C and D), or one without capitals.

    Args:
        hypotheses: A translation.
        references: Each a complete set with one line per hypothesis.
    """
    translated = [bool(line.strip()) for line in hypotheses]
    referenced = [any(map(str.strip, lines)) for lines in zip(*references, strict=True)]
    for alone, other, what in (
        (translated, referenced, "a translation but no reference: all their words count as wrong"),
        (referenced, translated, "a reference but no translation: all their words are missing"),
    ):
        if count := sum(one and not two for one, two in zip(alone, other, strict=True)):
            yield f"expected both sides of every line, but {count:,} have {what}"
    sides = hypotheses, list(chain.from_iterable(references))
    composed, decomposed = sorted(_share(_is_decomposed, lines) for lines in sides)
    if decomposed > 0.1 and composed < 0.01:
        yield (
            "expected the same letters in the same characters, but one side composes accents (NFC) "
            "and the other does not (NFD): equal words count as different; bring both into NFC"
        )
    cased, lower = sorted(_share(str.islower, lines) for lines in sides)
    if lower > 0.9 and cased < 0.1:
        yield (
            "expected capital letters as people write them, but one side has none: equal words "
            "count as different; score text as the model wrote it"
        )


def suited_tokenizer(lines: Iterable[str]) -> tuple[str, TokenizerName] | None:
    """Find a script that sacreBLEU's default tokenizer does not split into words.

    Returns:
        A language and the tokenizer for it, if more than a tenth of the letters are of such
        scripts: of the one with the most letters, and of Japanese where a tenth of them are kana.
    """
    counts: Counter[tuple[str, TokenizerName]] = Counter()
    letters = 0
    for character, count in Counter(chain.from_iterable(lines)).items():
        if character.isalpha():
            letters += count
            script = unicodedata.name(character, "").partition(" ")[0]
            if script in _SCRIPTS:
                counts[_SCRIPTS[script]] += count
    if 10 * counts.total() <= letters:
        return None
    japanese = _SCRIPTS["HIRAGANA"]
    return japanese if 10 * counts[japanese] > counts.total() else counts.most_common(1)[0][0]


def _is_decomposed(line: str) -> bool:
    return not unicodedata.is_normalized("NFC", line)


def _share(holds: Callable[[str], object], lines: Iterable[str]) -> float:
    """Return the share of the lines, blank ones left out, of which something holds."""
    found = [bool(holds(line)) for line in lines if line.strip()]
    return sum(found) / len(found) if found else 0.0
