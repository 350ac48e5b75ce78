"""Pages that a browser opens from disk: complete in themselves, and allowed to load nothing."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from mt.errors import DataError
from mt.files import write_atomically


def save_page(path: Path, page: str) -> None:
    """Write a page that is complete or absent.

    Raises:
        DataError: If the file cannot be written.
    """
    try:
        write_atomically(path.resolve(), page)
    except OSError as error:
        raise DataError(
            f"{path}: expected a file to write, but it cannot be opened ({error.strerror}); "
            "check the path"
        ) from None


def refuse_other_suffix(path: Path) -> None:
    """Refuse a name that no browser takes for a page.

    Raises:
        DataError: If it does not end with ``.html``.
    """
    if path.suffix.lower() not in {".html", ".htm"}:
        raise DataError(
            f"{path}: expected a file ending with .html, but it ends with "
            f"{f'`{path.suffix}`' if path.suffix else 'no suffix'}; name it otherwise"
        )


def policy_digest(text: str) -> str:
    """Return the SHA-256 of an inline element as a policy spells it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def common_style() -> str:
    """Return what pages look like: colours for light and dark, sections, tables, charts."""
    return files(__name__).joinpath("style.css").read_text(encoding="utf-8")


def table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; cells are HTML, the first of a row names it."""
    head = "".join(f"<th scope=col>{cell}</th>" for cell in heads)
    body = "".join(
        f"<tr><th scope=row>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
