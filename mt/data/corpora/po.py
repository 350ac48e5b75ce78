"""PO, the catalogues of GNU gettext, in which the messages of programs are translated.

The grammar stands in the manual of gettext, in its section on the format of PO files. A reader of
ours, since the libraries load the whole file and end a line at U+2028 and its kin inside a text.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from gettext import c2py
from itertools import chain
from typing import Literal

from mt.data.corpora.base import FileCorpusConfig, one_line, warn_once
from mt.data.corpora.contract import Pair
from mt.data.corpora.languages import closest
from mt.errors import DataError
from mt.lines import LineError, each_line, read_bytes, transcoded

_TEXT = re.compile(
    r'(msgctxt|msgid|msgid_plural|msgstr(?:\[\d{1,3}\])?)?\s*"([^"\\]*(?:\\.[^"\\]*)*)"'
)
"""A text that begins or, without a keyword, goes on."""
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CHARSET = re.compile(rb"charset=([\w.:-]+)")
_LANGUAGE = re.compile(r"^Language:[ \t]*(\S+)", re.MULTILINE)
_PLURAL = re.compile(r"^Plural-Forms:.*\bplural=([^;\n]+)", re.MULTILINE)
_ONE, _MANY = 1, 100
"""Numbers of things that stand for the singular and the plural of a message."""

PluralForm = Callable[[int], int]
"""Gives the number of the translation for so many things."""


@dataclass
class _Message:
    """A message with its translations, while it is read."""

    left_out: str = ""
    """Why it is no pair: ``fuzzy``, ``obsolete``, or ``damaged``, which has been told."""
    parts: dict[str, list[str]] = field(default_factory=dict)
    """What is written of its texts, by keywords such as ``msgid`` and ``msgstr[0]``."""

    @property
    def is_header(self) -> bool:
        return not self.text("msgid") and "msgctxt" not in self.parts

    def text(self, keyword: str) -> str:
        """Return a text; one that is not there is empty."""
        return _ESCAPE.sub(_unescaped, "".join(self.parts.get(keyword, ())))


class PoConfig(FileCorpusConfig):
    """Messages of a program and their translations; fuzzy and obsolete ones are left out."""

    kind: Literal["po"] = "po"
    """Chooses this kind."""
    source: str | None = None
    """The tag of the source language; null: ``data.source``. If the file says that it translates
    into this language, its sides change places."""
    target: str | None = None
    """The tag of the target language; null: ``data.target``."""

    def reads_as(self) -> Sequence[object]:
        """List the languages."""
        return self.source, self.target

    def records(self) -> Iterator[Pair | DataError]:
        """Read the messages; one with a plural form gives two pairs.

        Raises:
            DataError: If the file cannot be read, or says that it is in another language.
        """
        left_out: Counter[str] = Counter()
        swapped, plural_form = False, _plural_form("")
        for message in self._messages():
            if isinstance(message, DataError):
                yield message
            elif message.left_out == "damaged":
                continue
            elif message.is_header:
                header = message.text("msgstr")
                swapped, plural_form = self._is_swapped(header), _plural_form(header)
            elif message.left_out or not (pairs := list(_pairs(message, plural_form))):
                left_out[message.left_out or "untranslated"] += 1
            else:
                yield from (Pair(*pair[::-1]) if swapped else pair for pair in pairs)
        if left_out:
            told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items()))
            warn_once(f"{self.path}: messages left out: {told}")

    def _messages(self) -> Iterator[_Message | DataError]:
        """Split the lines into messages, with an error for each line that belongs to none."""
        message, keyword = _Message(), ""
        for number, line in enumerate(self._lines(), start=1):
            if isinstance(line, LineError):
                yield line
                message.left_out = "damaged"
                continue
            text = line.removeprefix("#~").strip()
            if text.startswith(("#", "|")):
                if message.parts:
                    yield message
                    message = _Message()
                if text.startswith("#,") and "fuzzy" in text:
                    message.left_out = "fuzzy"
            elif text:
                found = _TEXT.fullmatch(text)
                if found is None or not (found[1] or message.parts):
                    yield DataError(
                        f"{self.path}: line {number:,}: expected a keyword with text in quotes, "
                        f"but found {text[:40]}; mend the line"
                    )
                    message.left_out = "damaged"
                    continue
                if found[1] in {"msgctxt", "msgid"} and "msgid" in message.parts:
                    yield message
                    message = _Message()
                keyword = found[1] or keyword
                message.parts.setdefault(keyword, []).append(found[2])
                if line.startswith("#~"):
                    message.left_out = "obsolete"
        if message.parts:
            yield message

    def _lines(self) -> Iterator[str | LineError]:
        """Read lines in the encoding that the header names."""
        blocks = read_bytes(self.path)
        first = next(blocks, b"")
        named = _CHARSET.search(first)
        blocks = chain([first], blocks)
        if named and named[1].lower() not in {b"utf-8", b"utf8", b"ascii", b"us-ascii", b"charset"}:
            blocks = transcoded(blocks, named[1].decode(), self.where)
        return each_line(blocks, self.where)

    def _is_swapped(self, header: str) -> bool:
        """Say whether the file translates into the language that is the source here.

        Raises:
            DataError: If it translates into neither language.
        """
        named = _LANGUAGE.search(header)
        if not named:
            warn_once(
                f"{self.path}: expected `Language:` in the header, but found none; the "
                f"translations are taken for {self.target}"
            )
            return False
        if closest(self.target or "", named.groups()):
            return False
        if closest(self.source or "", named.groups()):
            return True
        raise DataError(
            f"{self.path}: expected translations into {self.target} or {self.source}, but found "
            f"{named[1]}; set target to it if that is right"
        )


def _pairs(message: _Message, plural_form: PluralForm) -> Iterator[Pair]:
    """Pair the texts of a message that are translated."""
    translations = [
        ("msgid", "msgstr"),
        ("msgid", f"msgstr[{plural_form(_ONE)}]"),
        ("msgid_plural", f"msgstr[{plural_form(_MANY)}]"),
    ]
    for text, translation in translations:
        pair = Pair(*(one_line(message.text(each).strip("\n")) for each in (text, translation)))
        if pair.source and pair.target:
            yield pair


def _germanic(number: int) -> int:
    return int(number != 1)


def _plural_form(header: str) -> PluralForm:
    """Read which translation is for how many; a rule that is none counts as not there."""
    rule = _PLURAL.search(header)
    try:
        form: PluralForm = c2py(rule[1]) if rule else _germanic
        form(_ONE), form(_MANY)
    except (ValueError, ZeroDivisionError):
        return _germanic
    return form


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return chr(int(code, 8)) if code.isdecimal() else _ESCAPED.get(code, code)
