"""SentencePiece models whose pieces are numbered by a vocabulary of Marian's.

Marian cuts text by one SentencePiece model for each side, and numbers the pieces of both by a list
of its own, ``vocab.json``. Here a SentencePiece model is the list: so each is written anew, with
all tokens in one order, and those that it does not cut text into are marked as unused.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mt.errors import BundleError
from mt.text.tags import is_tag
from mt.text.tokenizer import END, PAD, START, UNKNOWN, Algorithm, Tokenizer, read_message

_NAMES = {PAD: "<pad>", UNKNOWN: "<unk>", START: "<s>", END: "</s>"}
_SPACE = "\u2581"
_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(256))
_UNKNOWN_PENALTY = 10.0
"""How much less likely an unknown character is than the least likely piece: SentencePiece's own."""
_ALGORITHMS: Mapping[int, Algorithm] = {1: "unigram", 2: "bpe"}
"""By their numbers in a SentencePiece model."""


class Marks(NamedTuple):
    """The numbers that a Marian model gives to what is no text."""

    pad: int
    unknown: int
    start: int
    """What its decoder reads first, usually its padding."""
    end: int


class Vocabulary(NamedTuple):
    """The tokens of a side in the order they have here."""

    names: tuple[str, ...]
    """Of all tokens, marks first, then tags."""
    rows: tuple[int, ...]
    """The number that each had."""
    tags: int
    """How many there are."""


def is_language_tag(name: str) -> bool:
    """Say whether ``MarianTokenizer`` takes a word off the beginning of a text, as ``>>de<<``."""
    return name.startswith(">>") and name.endswith("<<") and is_tag(name)


def order(numbers: Mapping[str, int], marks: Marks) -> Vocabulary:
    """Bring a vocabulary into the order that tokens have here, which is its own but for the first.

    Args:
        numbers: The content of ``vocab.json``.
        marks: What of it is no text; the name of a mark stands for nothing else.
    """
    own = {marks.pad, marks.unknown, marks.end}
    names = [
        name
        for name in sorted(numbers, key=numbers.__getitem__)
        if numbers[name] not in own and name not in _NAMES.values()
    ]
    tags = {name: f"{_SPACE}{name}" for name in names if is_language_tag(name)}
    # A model that was exported from here has its tags behind its marks, as SentencePiece has them.
    for name in names:
        if not (name.startswith(_SPACE) and is_tag(name.removeprefix(_SPACE))):
            break
        tags[name] = name
    others = [name for name in names if name not in {*tags, *tags.values()}]
    first = marks.pad, marks.unknown, marks.start, marks.end
    rows = [*first, *(numbers[name] for name in (*tags, *others))]
    return Vocabulary((*_NAMES.values(), *tags.values(), *others), tuple(rows), len(tags))


class Renumbered(NamedTuple):
    """A SentencePiece model whose pieces are the tokens of a vocabulary."""

    tokenizer: Tokenizer
    algorithm: Algorithm
    lacking: int
    """Pieces that the model had and the vocabulary has not. Marian reads them as unknown, while
    here text is cut into others."""


def renumber(path: Path, vocabulary: Vocabulary) -> Renumbered:
    """Write a SentencePiece model anew, with the tokens of a vocabulary as its pieces.

    Args:
        path: The model.
        vocabulary: Its new pieces. Text is cut into those that the model has too, and into single
            characters, which the model may know from the other side alone.

    Raises:
        BundleError: If the file is no such model, or its pieces cannot be renumbered.
        DataError: If the package that reads it is not installed.
    """
    model = read_message(path)
    kinds = type(model.pieces[0])
    learnt = {
        piece.piece: piece
        for piece in model.pieces
        if piece.type not in (kinds.UNKNOWN, kinds.CONTROL, kinds.UNUSED)
    }
    if not learnt:
        raise BundleError(f"{path}: expected pieces of text, but found none; copy it again")
    texts = vocabulary.names[len(_NAMES) + vocabulary.tags :]
    lacking = len(learnt.keys() - set(vocabulary.names))
    algorithm = _ALGORITHMS.get(model.trainer_spec.model_type)
    if algorithm is None or (algorithm == "bpe" and not learnt.keys() >= set(texts)):
        raise BundleError(
            f"{path}: expected a unigram model, or one of bpe with all pieces of vocab.json, but "
            "it is another; such a model cannot be imported"
        )
    # Marian looks up what a model does not know, too, so that it still reads a single character.
    unknown = min(piece.score for piece in learnt.values()) - _UNKNOWN_PENALTY
    has_bytes = set(texts) >= _BYTES and learnt.keys() >= _BYTES
    del model.pieces[:]
    for number, name in enumerate(vocabulary.names):
        piece = model.pieces.add(piece=name, score=0.0)
        if number < len(_NAMES):
            piece.type = kinds.UNKNOWN if number == UNKNOWN else kinds.CONTROL
        elif number < len(_NAMES) + vocabulary.tags:
            piece.type = kinds.USER_DEFINED
        elif name in learnt and (has_bytes or learnt[name].type != kinds.BYTE):
            piece.CopyFrom(learnt[name])
        elif len(name) == 1:
            piece.type, piece.score = kinds.NORMAL, unknown
        else:
            piece.type = kinds.UNUSED
    _describe(model.trainer_spec, vocabulary.names, has_bytes)
    model.DiscardUnknownFields()  # examples of how it cuts, by the old numbers
    try:
        return Renumbered(Tokenizer(model.SerializeToString()), algorithm, lacking)
    except RuntimeError as error:
        raise BundleError(
            f"{path}: expected pieces that SentencePiece can number as vocab.json does, but it "
            f"reports: {' '.join(str(error).split())}; such a model cannot be imported"
        ) from None


def _describe(spec: Any, names: Sequence[str], has_bytes: bool) -> None:
    """Say in a SentencePiece model which pieces are its marks."""
    spec.vocab_size = len(names)
    spec.byte_fallback = has_bytes
    for number, mark in ((PAD, "pad"), (UNKNOWN, "unk"), (START, "bos"), (END, "eos")):
        setattr(spec, f"{mark}_id", number)
        setattr(spec, f"{mark}_piece", _NAMES[number])
