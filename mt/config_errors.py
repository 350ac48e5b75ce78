"""The errors of a validation as lines for the person who wrote the recipe.

pydantic locates an error by its schema: a location also holds the tags of unions and the names of
types, which nobody wrote. Here a location becomes the dotted path of the YAML file, and an error
becomes a line of our grammar.
"""

import re
import reprlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from mt.errors import did_you_mean

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a section",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "invalid_key": "text as a key",
    "list_type": "a list",
    "mapping_type": "a section",
    "model_attributes_type": "a section",
    "model_type": "a section",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}


class Truth:
    """Stands for true or false where neither may stand; pydantic would take them for 1 and 0."""

    def __init__(self, value: bool) -> None:
        self._value = value

    def __repr__(self) -> str:
        return repr(self._value)


_KINDS: dict[type, str] = {
    bool: "true or false",
    Truth: "true or false",
    dict: "a section",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "text",
    tuple: "a list",
    NoneType: "nothing",
}


def error_lines(cls: type[BaseModel], details: Iterable[ErrorDetails]) -> list[str]:
    """Turn the errors of a validation into lines, one each.

    Where a number or a word may stand, pydantic reports a wrong value once for each; these become
    one line.

    Args:
        cls: The class that was validated.
        details: What ``ValidationError.errors()`` returned.
    """
    lines: dict[tuple[str, str], str] = {}
    for detail in details:
        expected, found, path = _describe(cls, detail)
        key = (f"`{path}`: " if path else "", found)
        before = lines.get(key)
        lines[key] = f"{before} or {expected.removeprefix('expected ')}" if before else expected
    return [f"{where}{expected}{found}" for (where, found), expected in lines.items()]


def kind_of(value: object) -> str:
    """Name the kind of a value as a reader of YAML thinks of it."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def alternatives(annotation: Any) -> list[Any]:
    """List what may stand where a type is annotated: the members of a union, ``None`` left out."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return [inner for member in get_args(annotation) for inner in alternatives(member)]
    return [] if annotation is NoneType else [annotation]


def elements(annotation: Any) -> list[Any]:
    """List what may stand inside a list or a mapping; other types hold nothing."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if not isinstance(origin, type) or not issubclass(origin, Collection):
        return []
    if issubclass(origin, Mapping):
        inner = inner[1:]
    return [member for each in inner if each is not ... for member in alternatives(each)]


def sections(annotations: Iterable[Any]) -> list[type[BaseModel]]:
    """Pick the config classes."""
    return [each for each in annotations if isinstance(each, type) and issubclass(each, BaseModel)]


def tags(section: Any) -> tuple[str, ...]:
    """Return the values of ``kind`` that choose this member of a union."""
    field = section.model_fields.get("kind") if sections([section]) else None
    return get_args(field.annotation) if field else ()


def _describe(  # noqa: PLR0911 - one for each kind of error
    cls: type[BaseModel], detail: ErrorDetails
) -> tuple[str, str, str]:
    """Return what was expected, what came with what to do, and the dotted path."""
    path, here = _follow(cls, detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            known = [name for section in sections(here) for name in section.model_fields]
            hint = _nearest(detail["loc"][-1], known) or f"; known are {', '.join(known)}"
            return "expected a known key", f", but this one is not{hint}", path
        case "missing":
            return "expected a value", ", but none was given; add the key", path
        case "union_tag_invalid" | "union_tag_not_found":
            known = [tag for member in here for tag in tags(member)]
            section = detail["input"]
            tag = section.get("kind") if isinstance(section, Mapping) else None
            found = ", but none was given; add the key"
            if tag is not None:
                found = f", but found {_show(tag)}{_nearest(tag, known)}"
            return f"expected one of {', '.join(known)}", found, f"{path}.kind"
        case "literal_error" | "enum":
            known = re.findall("'([^']*)'", detail["ctx"]["expected"])
            found = f", but found {_show(detail['input'])}{_nearest(detail['input'], known)}"
            return f"expected {detail['ctx']['expected']}", found, path
        case "value_error" | "assertion_error":
            # A validator of ours says all of it, by the same grammar.
            return re.sub("^(Value|Assertion) error, ", "", detail["msg"]), "", path
        case "too_long":
            most, length = detail["ctx"]["max_length"], detail["ctx"]["actual_length"]
            return f"expected at most {most} values", f", but found {length}", path
        case known_type:
            message = re.sub(r"^Input should (be )?", "expected ", detail["msg"])
            message = re.sub(r"^(\w+) should ", r"expected \1 to ", message)
            expected = f"expected {_EXPECTED[known_type]}" if known_type in _EXPECTED else message
            return expected, f", but found {_show(detail['input'])}", path


def _follow(cls: type[BaseModel], location: Sequence[int | str]) -> tuple[str, list[Any]]:
    """Walk down from ``cls``.

    Returns:
        The dotted path as it was written, and the types that may stand where the known part of the
        path ends.
    """
    path: list[str] = []
    here: list[Any] = [cls]
    for part in location:
        chosen = [each for each in here if part in tags(each)]
        if len(here) > 1 and chosen:
            here = chosen
            continue
        fields = [each.model_fields[part] for each in sections(here) if part in each.model_fields]
        below = [each for field in fields for each in alternatives(field.annotation)]
        below += [inner for each in here for inner in elements(each)]
        if below:
            here = below
        elif not sections(here):
            break  # pydantic goes on with names of types
        path.append(str(part))
    return ".".join(path), here


def _nearest(word: object, known: Sequence[str]) -> str:
    suggestion = did_you_mean(word, known)
    return f"; {suggestion}" if suggestion else ""


def _show(value: object) -> str:
    if isinstance(value, dict | list | tuple | NoneType):
        return kind_of(value)
    return f"{reprlib.repr(value)} ({kind_of(value)})"
