"""Text to score, out of the files that test sets come in.

Plain text, the SGML of WMT up to 2020, its XML since then, tables with tabs, and JSON Lines. Where
a file holds several texts, ``FILE:NAME`` is one of them.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mt.errors import DataError
from mt.lines import read_lines

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Side = Literal["source", "reference", "hypothesis"]

_TEST_SET = re.compile(
    r"\s*<(?:\?xml|!doctype|mteval|refset|srcset|tstset|dataset|collection|doc)\b", re.IGNORECASE
)
_SEGMENT = re.compile(
    r"<(?:doc|refset|srcset|tstset)\b([^>]*)>|<seg\b[^>]*>(.*?)</seg>", re.DOTALL | re.IGNORECASE
)
_SYSTEM = re.compile(r'\bsysid="([^"]*)"', re.IGNORECASE)
_WMT_XML = re.compile(r"<(?:src|ref|hyp)[\s>]")
_ESCAPES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
"""In the order in which they are undone."""
_OF_SIDE: dict[Side, Callable[[str], bool]] = {
    "source": lambda name: name == "src",
    "reference": lambda name: name.startswith("ref"),
    "hypothesis": lambda name: name != "src" and not name.startswith("ref"),
}
"""Which texts of a WMT file are of a side, by their names."""


def read_side(path: Path, side: Side) -> list[str]:
    """Read one text of a file.

    Args:
        path: The file; or a file, a colon and what to take of it: a column of a table by its number
            from 1 or by its name in the first line; a field of JSON objects, dotted inside a nested
            one; a translator's reference or a system of a WMT file, as in ``wmt.xml:ref:A``.
        side: What to take of a WMT file that is not named.

    Raises:
        DataError: If it cannot be read, or there is no such text in it.
    """
    file, name = _split(path)
    lines = list(read_lines(file))
    text = "\n".join(lines)
    if _TEST_SET.match(text) and re.search(r"<seg[\s>]", text) and "<tuv" not in text:
        texts = _wmt_xml(text, file) if _WMT_XML.search(text) else _wmt_sgml(text)
        return texts[_chosen(list(texts), name, side, file)]
    if name is None:
        return lines
    if text.lstrip().startswith("{"):
        return list(_field(lines, name, file))
    return list(_column(lines, name, file))


def _split(path: Path) -> tuple[Path, str | None]:
    """Split a name from behind a file that exists."""
    text = str(path)
    for place in (found.start() for found in re.finditer(":", text)):
        file = Path(text[:place])
        if not path.exists() and file.is_file():
            return file, text[place + 1 :]
    return path, None


def _wmt_sgml(text: str) -> dict[str, list[str]]:
    """Take the segments of a file of WMT up to 2020, which need not be well-formed."""
    texts: dict[str, list[str]] = {}
    name = "text"
    for attributes, segment in (found.groups() for found in _SEGMENT.finditer(text)):
        if segment is None:
            system = _SYSTEM.search(attributes)
            name = system[1] if system else name
        else:
            clean = " ".join(segment.split())
            for escape, sign in _ESCAPES.items():
                clean = clean.replace(escape, sign)
            texts.setdefault(name, []).append(clean)
    return texts


def _wmt_xml(text: str, file: Path) -> dict[str, list[str]]:
    """Take the segments of a file of WMT since 2021 as sacreBLEU does.

    Test suites are left out, and so are segments without any reference where there are references.
    """
    from xml.etree import ElementTree as ET  # noqa: PLC0415 - `mt --help` starts sooner without it

    try:
        root = ET.fromstring(text)  # noqa: S314 - Python's parser bounds what entities expand to
        documents = [
            {_name_of(part): {int(each.attrib["id"]): _text_of(each) for each in part.iter("seg")}
             for part in document if part.tag in {"src", "ref", "hyp"}}
            for document in root.iter("doc") if "testsuite" not in document.attrib
        ]  # fmt: skip
    except (ET.ParseError, KeyError, ValueError) as error:
        raise DataError(
            f"{file}: expected XML of WMT with numbered segments, but it is damaged ({error}); "
            "get it again"
        ) from None
    texts: dict[str, list[str]] = {name: [] for document in documents for name in document}
    references = [name for name in texts if name.startswith("ref")]
    for document in documents:
        for number in sorted({number for part in document.values() for number in part}):
            if references and not any(document.get(each, {}).get(number) for each in references):
                continue
            for name, lines in texts.items():
                lines.append(document.get(name, {}).get(number, ""))
    return texts


def _name_of(part: "Element") -> str:
    if part.tag == "hyp":
        return part.get("system", "hyp")
    translator = part.get("translator") if part.tag == "ref" else None
    return f"{part.tag}:{translator}" if translator else part.tag


def _text_of(segment: "Element") -> str:
    return " ".join("".join(segment.itertext()).split())


def _chosen(names: Sequence[str], name: str | None, side: Side, file: Path) -> str:
    """Return the name of the text that is meant."""
    if name is not None:
        found = [each for each in names if each in {name, f"ref:{name}"}]
    else:
        found = list(names) if len(names) == 1 else [*filter(_OF_SIDE[side], names)]
    if len(found) == 1:
        return found[0]
    raise DataError(
        f"{file}: expected one {side}{f' called {name}' if name else ''}, but it holds "
        f"{', '.join(names) or 'none'}; name one, as in {file}:{names[-1] if names else 'ref:A'}"
    )


def _column(lines: Sequence[str], name: str, file: Path) -> Iterator[str]:
    """Take a column of a table."""
    first = 0
    if name.isdecimal():
        index = int(name) - 1
    else:
        heads = lines[0].split("\t") if lines else []
        if name not in heads:
            raise DataError(
                f"{file}: expected a column {name}, but the first line holds "
                f"{', '.join(heads)[:80] or 'nothing'}; give its number from 1, or its name"
            )
        index, first = heads.index(name), 1
    for number, line in enumerate(lines[first:], start=first + 1):
        cells = line.split("\t")
        if not 0 <= index < len(cells):
            raise DataError(
                f"{file}: expected column {name}, but line {number:,} holds {len(cells)}; check "
                "the number, which counts from 1"
            )
        yield cells[index]


def _field(lines: Sequence[str], name: str, file: Path) -> Iterator[str]:
    """Take a field of JSON objects; blank lines are none."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            for key in name.split("."):
                value = value[key]
        except (ValueError, KeyError, TypeError, RecursionError):
            value = None
        if not isinstance(value, str):
            raise DataError(
                f"{file}: expected a JSON object with a text {name} in every line, but line "
                f"{number:,} holds none; check the name of the field"
            )
        yield " ".join(value.split("\n"))
