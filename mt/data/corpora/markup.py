"""XML as a stream of elements; the one place that knows lxml.

Nothing but the file is read: entities are not expanded, and neither definitions of document types
nor addresses are followed. libxml2 bounds how deep elements nest and how long a text is.
"""

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, TypeAlias

from mt.errors import DataError
from mt.lines import Location, read_bytes

if TYPE_CHECKING:
    from lxml import etree

    Element: TypeAlias = etree._Element  # noqa: SLF001 - the class has no public name

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
"""The attribute ``xml:lang``."""
_BLANK = re.compile(r"[ \t\r\n]{2,}|[\t\r\n]")
"""White space of XML but for single spaces; others, as before a French question mark, are text."""


def read_elements(
    path: Location, wanted: Collection[str], others: Collection[str] = ()
) -> Iterator["Element"]:
    """Read a file as a stream of elements, in constant memory: each is forgotten with the next.

    Args:
        path: The file, in whatever encoding it declares.
        wanted: Local names of the elements to give, each as soon as it is complete.
        others: Local names of elements around them, which are forgotten too when they are complete.

    Raises:
        DataError: If it cannot be read, is not well-formed, or what it defines would not fit into
            memory; elements before that have been given.
    """
    from lxml import etree  # noqa: PLC0415 - it takes a moment, which not everybody should wait for

    parser = etree.XMLPullParser(
        events=("end",), tag=[f"{{*}}{name}" for name in (*wanted, *others)],
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    etree.clear_error_log()
    read = False
    try:
        for block in read_bytes(path):
            parser.feed(block)
            for _, element in parser.read_events():
                if name_of(element) in wanted:
                    yield element
                _forget(element)
            read = True
        if not read:
            raise DataError(f"{path}: expected XML, but the file is empty; check it")
        parser.close()
    except etree.XMLSyntaxError as error:
        reason = error.msg or "it is damaged"
        if error.lineno == 0 and error.error_log:  # an entity that is defined nowhere
            reason = f"{error.error_log[-1].message}, line {error.error_log[-1].line}"
        raise DataError(
            f"{path}: expected well-formed XML, but {' '.join(reason.split())}; mend it there, or "
            "export the file again"
        ) from None


def _forget(element: "Element") -> None:
    """Take an element out of the tree with what lies before it.

    Its own node stays until the next one comes: the white space behind it may not be complete, and
    would else gather in the parent.
    """
    element.clear(keep_tail=True)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def name_of(element: "Element") -> str:
    """Return the name of an element without its namespace; of an entity nothing."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def text_of(element: "Element", codes: Collection[str]) -> str:
    """Return the text of an element, its white space normalised.

    Args:
        element: The element.
        codes: Local names of elements that hold no text but codes of a format.

    Raises:
        ValueError: If it refers to an entity, which is not expanded.
    """
    text = "".join(_parts(element, codes)) if len(element) else element.text or ""
    return _BLANK.sub(" ", text).strip(" ")


def _parts(element: "Element", codes: Collection[str]) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        name = name_of(child)
        if not name:
            raise ValueError(f"text, but found {child.text}, which is not expanded")
        if name not in codes:
            yield from _parts(child, codes)
        yield child.tail or ""
