"""Turn raw text into piece ids and back, with SentencePiece.

Text goes in and comes out raw: there is no separate tokenisation, truecasing or detokenisation.
What no learnt piece covers is spelt in UTF-8 bytes, which are pieces themselves, so that every
sentence can be read and written and an unknown piece never occurs. Imported tokenizers may have no
bytes: what they do not cover is one unknown piece, which no translation holds.

Source: Kudo and Richardson (2018); unigram: Kudo (2018); BPE: Sennrich, Haddow and Birch (2016).
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sentencepiece
from pydantic import Field

from mt.config import Count, StrictConfig
from mt.errors import BundleError, DataError
from mt.files import atomic_file, read_limited
from mt.text.blanks import plain_blanks
from mt.text.tags import is_tag

PAD = 0
"""Fills rows of a batch; never part of a sentence."""
UNKNOWN = 1
"""What no piece covers; bytes make it impossible."""
START = 2
"""What a decoder reads first."""
END = 3
"""The last piece of every sentence."""

_MOST_BYTES = 1 << 28
"""Size of a SentencePiece model; the largest in use have a hundredth of it."""

SPACE = "\u2581"
"""How SentencePiece writes a space."""


Algorithm = Literal["unigram", "bpe"]


_MEND = "copy the bundle again, or train a new one"
"""What to do about a damaged tokenizer."""


class TokenizerConfig(StrictConfig):
    """Which pieces are learnt; unseen characters are always spelt in bytes."""

    vocabulary: Literal["joint", "separate"] = "joint"
    """One set of pieces for both languages, or one for each."""
    size: int = Field(default=8000, gt=0, le=1_000_000)
    """Pieces, the 256 bytes and 4 marks included; with separate vocabularies on each side."""
    algorithm: Algorithm = "unigram"
    """Prune likely pieces from a large set (unigram), or merge frequent pairs (bpe)."""
    character_coverage: float = Field(default=1.0, ge=0.98, le=1.0)
    """Share of the characters of the text that become pieces; the rarest rest is spelt in bytes.
    0.9995 saves vocabulary in languages with thousands of characters."""
    normalization: Literal["nmt_nfkc", "nfkc", "nfc", "identity"] = "nmt_nfkc"
    """What is made alike before learning; what it replaces, the model can never write again.
    nfc: canonical forms, as in e and ´ to é, marks in one order. nfkc: also compatibility forms, as
    in ！ to !, … to ..., ½ to 1⁄2, ™ to TM, and no-break to plain spaces. nmt_nfkc: also zero-width
    spaces to spaces, but no joiners and no marks of direction, which belong to words in Persian,
    Hindi and others. identity: nothing. All of them take tabs, other control characters and ▁
    (U+2581) for spaces, and squeeze runs of spaces."""
    quotes: Literal["keep", "plain"] = "keep"
    """plain: „“”«»〝〞 become " and ‘’‚‹› become ', on both sides and for good."""
    sample_lines: Count = 1_000_000
    """Lines learnt from at most, held in memory and drawn evenly by the seed; a joint vocabulary
    learns from half as many of each side. More lines hardly change the pieces."""


class Tokenizer:
    """The pieces of one language, or of two that share them."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        """The SentencePiece model, as in its file."""
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self._composes = self._processor.normalize("e\u0301").endswith("\u00e9")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read a SentencePiece model.

        Raises:
            BundleError: If it is missing, damaged, or numbers its special pieces otherwise.
        """
        try:
            model = read_limited(path, _MOST_BYTES)
        except OSError as error:
            raise BundleError(
                f"{path}: expected a tokenizer, but it cannot be read ({error.strerror}); "
                "check the path"
            ) from None
        try:
            if not model:
                raise BundleError(f"{path}: expected a tokenizer, but the file is empty; {_MEND}")
            tokenizer = cls(model)
        except RuntimeError:
            raise BundleError(
                f"{path}: expected a SentencePiece model, but the file is damaged; {_MEND}"
            ) from None
        processor = tokenizer._processor
        marks = processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()
        if marks != (PAD, UNKNOWN, START, END):
            raise BundleError(
                f"{path}: expected pad, unknown, start, end to be pieces 0, 1, 2, 3, but they "
                f"are {', '.join(map(str, marks))}; use a tokenizer trained by mt"
            )
        return tokenizer

    @property
    def size(self) -> int:
        """The number of pieces."""
        return int(self._processor.get_piece_size())

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Cut lines into pieces, without marks; a line of nothing visible becomes an empty list."""
        encoded: list[list[int]] = self._processor.encode([self._prepare(line) for line in lines])
        return encoded

    def _prepare(self, line: str) -> str:
        """Put characters and their marks into canonical form, where the model's rules want it.

        Those rules replace strings: they compose what is in order, but cannot bring into order.
        """
        plain = plain_blanks(line)
        return unicodedata.normalize("NFC", plain) if self._composes else plain

    def normalize(self, line: str) -> str:
        """Return what is cut into pieces, with ``▁`` for a space and before the first word."""
        return str(self._processor.normalize(self._prepare(line)))

    def spell(self, character: str) -> list[int]:
        """Spell a character that no piece covers in bytes, if there are any."""
        if not self._has_bytes:
            return [UNKNOWN]
        return [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in character.encode()]

    @cached_property
    def scores(self) -> dict[str, float]:
        """The score of each learnt piece, by name: its log-probability, or for BPE its rank."""
        is_byte, is_unused = self._processor.is_byte, self._processor.is_unused
        return {
            self.vocabulary[piece]: self._processor.get_score(piece)
            for piece in range(self.tag_tokens.stop, self.size)
            if not is_byte(piece) and not is_unused(piece)
        }

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """Join pieces to raw text, one line each.

        Marks are left out. A blank becomes a space, for bytes can spell a line break: N sequences
        make N lines in every file.

        Raises:
            IndexError: If an id is outside the vocabulary.
        """
        visible = [[int(piece) for piece in sequence if piece > END] for sequence in sequences]
        return [plain_blanks(text) for text in self._processor.decode(visible)]

    def lost(self, lines: Iterable[str]) -> tuple[int, Counter[str]]:
        """Find what normalization takes away: no sequence of pieces gives it back.

        Returns:
            How many lines are changed by more than their white space, and the characters that
            their changed form lacks, with their numbers.
        """
        lines = list(lines)
        changed, characters = 0, Counter[str]()
        for line, again in zip(lines, self.decode(self.encode(lines)), strict=True):
            before, after = "".join(line.split()), "".join(again.split())
            if before != after:
                changed += 1
                characters += Counter(before) - Counter(after)
        return changed, characters

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Name pieces, as in ``▁Hund``: ``▁`` is a space, ``<0xE2>`` a byte, ``</s>`` the end."""
        vocabulary = self.vocabulary
        return [vocabulary[piece] for piece in ids]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The tags of the corpora it was trained on; see :mod:`mt.text.tags`."""
        return tuple(name.removeprefix(SPACE) for name in self.tokens(self.tag_tokens))

    @cached_property
    def tag_tokens(self) -> range:
        """The ids of :attr:`tags`: they follow the marks, and what is not learnt scores 0."""
        first = END + 1
        while first < self.size and self._is_tag(first):
            first += 1
        return range(END + 1, first)

    def _is_tag(self, piece: int) -> bool:
        name = self._processor.id_to_piece(piece)
        return (
            self._processor.get_score(piece) == 0
            and name.startswith(SPACE)
            and is_tag(name.removeprefix(SPACE))
        )

    @property
    def _has_bytes(self) -> bool:
        return bool(self._processor.is_byte(self._processor.piece_to_id("<0x00>")))

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The names of all pieces, by id; no two are alike."""
        return tuple(map(self._processor.id_to_piece, range(self.size)))


@dataclass(frozen=True)
class Tokenizers:
    """The two sides of a translation direction; one and the same if the vocabulary is joint."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides have the same tokens, even if they cut text differently."""
        if self.source.model == self.target.model:
            return True
        if self.source.size != self.target.size:
            return False
        return self.source.vocabulary == self.target.vocabulary

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of both models, as hexadecimal digits."""
        digests = [hashlib.sha256(side.model).digest() for side in (self.source, self.target)]
        return hashlib.sha256(b"".join(digests)).hexdigest()

    def save(self, directory: Path) -> None:
        """Write ``tokenizer.model``, or ``source.model`` and ``target.model``."""
        models = {"tokenizer.model": self.source.model}
        if self.source.model != self.target.model:
            models = {"source.model": self.source.model, "target.model": self.target.model}
        for name, model in models.items():
            with atomic_file(directory / name) as scratch:
                scratch.write_bytes(model)
        for stale in {"tokenizer.model", "source.model", "target.model"} - models.keys():
            (directory / stale).unlink(missing_ok=True)

    @classmethod
    def load(cls, directory: Path) -> "Tokenizers":
        """Read what :meth:`save` wrote.

        Raises:
            BundleError: If a file is missing or damaged.
        """
        names = tokenizer_files(directory)
        if not any((directory / name).exists() for name in names):
            raise BundleError(
                f"{directory}: expected tokenizer.model, or source.model and target.model, "
                f"but found neither; {_MEND}"
            )
        sides = [Tokenizer.load(directory / name) for name in names]
        return cls(sides[0], sides[-1])


def read_message(path: Path) -> Any:
    """Read a SentencePiece model as a message of protobuf, whose pieces can be changed.

    Raises:
        BundleError: If it is missing or damaged.
        DataError: If protobuf is not installed.
    """
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415
        from sentencepiece import sentencepiece_model_pb2  # noqa: PLC0415
    except ImportError:
        raise DataError(
            f"{path}: expected the package protobuf, which reads its pieces, but it is not "
            "installed; run: pip install 'mt[import]'"
        ) from None
    try:
        parse = sentencepiece_model_pb2.ModelProto.FromString  # type: ignore[attr-defined]
        model: Any = parse(read_limited(path, _MOST_BYTES))
    except OSError as error:
        raise BundleError(
            f"{path}: expected a SentencePiece model, but it cannot be read ({error.strerror}); "
            "copy the whole directory of the model"
        ) from None
    except DecodeError:
        model = None
    if model is None or not model.pieces:
        raise BundleError(
            f"{path}: expected a SentencePiece model, but the file is damaged; copy it again"
        )
    return model


def tokenizer_files(directory: Path) -> tuple[str, ...]:
    """Name the files that :meth:`Tokenizers.load` reads in a directory."""
    if (directory / "tokenizer.model").exists():
        return ("tokenizer.model",)
    return "source.model", "target.model"
