"""How translations are written, and JSON Lines read: one object for each line."""

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from mt.devices import OutputFormat
from mt.errors import DataError
from mt.text.words import WORD_START, join_tokens
from mt.translation.config import TranslationConfig
from mt.translation.constraints import ConstrainedLine
from mt.translation.contract import Translation

SOURCES = ("source", "text")
"""The fields of a JSON object that may hold the text to translate; the first one counts."""


def _is_text(found: object) -> bool:
    return isinstance(found, str) and bool(found.strip())


_CONSTRAINTS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "prefix": ("a text", lambda found: isinstance(found, str)),
    "terms": (
        "an object of source terms and their translations",
        lambda found: isinstance(found, dict) and all(map(_is_text, [*found, *found.values()])),
    ),
    "forbidden": (
        "a list of words and phrases",
        lambda found: isinstance(found, list) and all(map(_is_text, found)),
    ),
}
"""The fields of a JSON object that ask something of its translation; see :class:`ConstrainedLine`:
what each is, and whether a value is that."""


def read_objects(
    lines: Iterable[str], name: str, added: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Read JSON Lines, each an object with a text to translate.

    Args:
        lines: One object a line.
        name: How messages call the file.
        added: Fields that an object gets later, which it may not have.

    Raises:
        DataError: At the first line that is none, with its number.
    """
    for number, line in enumerate(lines, start=1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{name} line {number}: expected a JSON object, but {error}; mend the line"
            ) from None
        if not isinstance(found, dict) or not isinstance(source_of(found), str):
            raise DataError(
                f"{name} line {number}: expected a JSON object with a text as `source` or `text`, "
                f"but found {line.strip()[:40]}; add the field"
            )
        if taken := [field for field in added if field in found]:
            raise DataError(
                f"{name} line {number}: expected no field {taken[0]}, which the translation gets, "
                "but found one; rename it"
            )
        for field, (what, fits) in _CONSTRAINTS.items():
            if field in found and not fits(found[field]):
                raise DataError(
                    f"{name} line {number}: expected `{field}` to be {what}, but found "
                    f"{json.dumps(found[field], ensure_ascii=False)[:40]}; mend the line"
                )
        yield found


def line_of(fields: Mapping[str, Any]) -> str | ConstrainedLine:
    """Return what is translated, with the constraints that a JSON object may hold."""
    asked = {name: fields[name] for name in _CONSTRAINTS if name in fields}
    text: str = source_of(fields)
    return ConstrainedLine(text, **asked) if asked else text


def source_of(fields: Mapping[str, Any]) -> Any:
    """Return what of a JSON object is translated; ``None`` if there is nothing."""
    return next((fields[name] for name in SOURCES if name in fields), None)


def written_fields(config: TranslationConfig, scores: bool, alignment: bool) -> list[str]:
    """Name the fields that a JSON object gets with its translation."""
    fields = ["translation", *(("score", "log_probability", "words") if scores else ())]
    fields += ["alignment"] if alignment else []
    return [*fields, "alternatives"] if config.alternatives else fields


def write_lines(
    form: OutputFormat,
    number: int,
    fields: Mapping[str, Any],
    translation: Translation,
    alignment: str | None = None,
    *,
    scores: bool = False,
) -> str:
    """Write a translation and its alternatives.

    Args:
        form: How.
        number: Of the source line, from 1.
        fields: What a JSON object begins with: the source, and whatever came with it.
        translation: What is written.
        alignment: Links between the words of source and translation, in Pharaoh's format.
        scores: Add scores: the log-probability in nats, what search ranked by and, in JSON, each
            word with its probability.

    Returns:
        Whole lines: one, but in ``tsv`` one for each hypothesis.
    """
    if form == "text":
        return f"{translation.text}\n"
    if form == "jsonl":
        return _dump(_to_json(fields, translation, scores, alignment))
    rows = []
    for rank, each in enumerate([translation, *translation.alternatives], start=1):
        columns = [str(number), str(rank)]
        columns += [f"{each.score:.6f}", f"{each.log_probability:.6f}"] if scores else []
        columns += [] if alignment is None else [alignment if rank == 1 else ""]
        rows.append("\t".join([*columns, each.text]) + "\n")
    return "".join(rows)


def write_score(
    form: Literal["tsv", "jsonl"], pair: tuple[str, str], scored: Translation | None
) -> str:
    """Write the score of a given translation as one line; see :meth:`Translator.score`."""
    if form == "jsonl":
        scores = {"score": None, "log_probability": None} if scored is None else _scores(scored)
        return _dump({"source": pair[0], "target": pair[1], **scores})
    if scored is None:
        return "nan\tnan\n"
    return f"{scored.score:.6f}\t{scored.log_probability:.6f}\n"


def _dump(found: Mapping[str, Any]) -> str:
    """Write an object as it is read by people; what no UTF-8 can hold as JSON escapes."""
    line = json.dumps(found, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(found)
    return f"{line}\n"


def _to_json(
    fields: Mapping[str, Any], translation: Translation, scores: bool, alignment: str | None
) -> dict[str, Any]:
    found = {**fields, "translation": translation.text}
    if scores:
        found |= _scores(translation)
    if alignment is not None:
        found["alignment"] = alignment
    if translation.alternatives:
        found["alternatives"] = [
            {"translation": each.text, **(_scores(each) if scores else {})}
            for each in translation.alternatives
        ]
    return found


def _scores(translation: Translation) -> dict[str, Any]:
    """Return scores for JSON; a word's probability is that of its tokens one after the other."""
    return {
        "score": round(translation.score, 6),
        "log_probability": round(translation.log_probability, 6),
        "words": list(_words(translation.tokens, translation.token_log_probabilities)),
    }


def _words(tokens: Sequence[str], values: Sequence[float]) -> Iterator[dict[str, Any]]:
    start, total = 0, 0.0
    for word, count in join_tokens(tokens):
        total += sum(values[start : start + count])
        start += count
        if word != WORD_START:  # a space before the next word
            yield {"word": word, "probability": round(math.exp(total), 6)}
            total = 0.0
