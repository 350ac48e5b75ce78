"""Pairs of text files in one folder or ZIP archive, as OPUS hands them out in its Moses format."""

import lzma
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from mt.compression import decompressed
from mt.data.corpora.base import FileCorpusConfig
from mt.data.corpora.contract import Pair
from mt.data.corpora.languages import LanguageChoice, closest
from mt.data.corpora.plain import aligned
from mt.errors import DataError
from mt.lines import LineError, Location, each_line, read_bytes

COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst"})
"""Endings of names of compressed files."""
_BLOCK = 1 << 16
"""Bytes read at a time."""
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    NotImplementedError, RuntimeError,  # a method of compression that Python lacks, a password
)  # fmt: skip
_SHOWN = 10
"""Names that a message holds."""


class _Texts(NamedTuple):
    """The names of two files whose lines belong together."""

    source: str
    target: str


class MosesConfig(FileCorpusConfig):
    """A folder or ZIP archive with files such as ``NAME.de-en.de`` and ``NAME.de-en.en``."""

    kind: Literal["moses"] = "moses"
    """Chooses this kind."""
    name: str | None = None
    """What stands before the ending, where there are several such pairs of files, as in ``train``;
    all that fit are read, in the order of the alphabet: ``*`` stands for anything."""
    source: str | None = None
    """The ending of source files; null: the language."""
    target: str | None = None
    """The ending of target files; null: the language."""

    def files(self) -> Sequence[Location]:
        """List the archive, or the text files of the folder.

        Raises:
            DataError: If it cannot be read, or there are no such files.
        """
        folder = Path(self.path)
        if not folder.is_dir():
            return (self.path,)
        return [folder / name for texts in self._choose(_names(folder)) for name in texts]

    def reads_as(self) -> Sequence[object]:
        """List what chooses the files."""
        return self.name, self.source, self.target

    def records(self) -> Iterator[Pair | DataError]:
        """Read each two files in lock-step; an archive is not unpacked for that.

        Raises:
            DataError: If a file cannot be read, there are no such files, or one is longer than the
                other.
        """
        path = Path(self.path)
        if path.is_dir():
            for texts in self._choose(_names(path)):
                names = str(path / texts.source), str(path / texts.target)
                sources, targets = (each_line(read_bytes(name), name) for name in names)
                yield from aligned(sources, targets, names)
            return
        with ExitStack() as stack:
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
            except _DAMAGED as error:
                reason = getattr(error, "strerror", None) or error
                raise DataError(
                    f"{path}: expected a folder or a ZIP archive, but it cannot be read "
                    f"({reason}); check the path"
                ) from None
            members = [member.filename for member in archive.infolist() if not member.is_dir()]
            for texts in self._choose(members):
                names = f"{path}: {texts.source}", f"{path}: {texts.target}"
                sources = _lines(archive, texts.source, names[0])
                targets = _lines(archive, texts.target, names[1])
                yield from aligned(sources, targets, names)

    def _choose(self, names: Sequence[str]) -> list[_Texts]:
        """Pick pairs of files by the endings of their names.

        Raises:
            DataError: If there is none, or several and nothing says which.
        """
        source, target = self.source or "", self.target or ""
        choice = LanguageChoice(self.where, source, target)
        groups: dict[str, dict[str, str]] = defaultdict(dict)
        for name in sorted(names):
            whole = PurePosixPath(name)
            text = whole.with_suffix("") if whole.suffix in COMPRESSED else whole
            if not whole.name.startswith("."):  # as macOS adds to archives
                groups[str(text.with_suffix(""))].setdefault(text.suffix[1:], name)
        found: dict[str, _Texts] = {}
        for stem, endings in groups.items():
            if closest(source, endings) and closest(target, endings):
                tags = choice.of(endings)
                if tags:
                    found[stem] = _Texts(*(endings[tag] for tag in tags))
        wanted = [
            stem for stem in found
            if self.name is None or fnmatchcase(PurePosixPath(stem).name, self.name)
        ]  # fmt: skip
        if not wanted or (self.name is None and len(wanted) > 1):
            shown = ", ".join([*(found or names)][:_SHOWN]) or "no files"
            which = f"called {self.name} " if self.name else ""
            raise DataError(
                f"{self.path}: expected two files {which}that end with .{source} and .{target}, "
                f"but it holds {shown}; set name to what stands before the ending, or * for all"
            )
        choice.report()
        return [found[stem] for stem in wanted]


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        raise DataError(
            f"{folder}: expected a folder, but it cannot be read ({error.strerror}); check it"
        ) from None


def _lines(archive: zipfile.ZipFile, member: str, name: str) -> Iterator[str | LineError]:
    return each_line(decompressed(_blocks(archive, member, name), name), name)


def _blocks(archive: zipfile.ZipFile, member: str, name: str) -> Iterator[bytes]:
    """Read a member of an archive, and complain in our words."""
    try:
        with archive.open(member) as file:
            yield from iter(partial(file.read, _BLOCK), b"")
    except _DAMAGED as error:
        raise DataError(
            f"{name}: expected a file of the archive, but it is damaged ({error}); get it again"
        ) from None
