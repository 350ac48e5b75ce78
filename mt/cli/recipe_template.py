"""A recipe with every key, its type, its default and its reason, as YAML to copy and to trim.

The docstrings that explain a field to a reader of the code explain it here.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from mt.config_errors import alternatives, elements, sections
from mt.yaml import dump_yaml

_WIDTH = 88
_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_WORDS = {
    bool: "true | false",
    float: "number",
    int: "whole number",
    str: "text",
    Path: "path",
    NoneType: "null",
}


def describe(cls: type[BaseModel]) -> None:
    """Give the fields of a config class, and of all sections in it, their docstrings.

    Pydantic can do so for every class when it is made, which would read all source files again
    whenever any command starts.
    """
    for field in cls.model_fields.values():
        for each in alternatives(field.annotation):
            for section in sections([each, *elements(each)]):
                describe(section)
    for base in reversed(cls.__mro__[: cls.__mro__.index(BaseModel)]):
        for name, text in _attribute_docstrings(base):
            if name in cls.model_fields:
                cls.model_fields[name].description = text
    cls.model_rebuild(force=True)


def _attribute_docstrings(cls: type) -> Iterator[tuple[str, str]]:
    """Find the texts that stand below the fields of a class."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    for field, below in pairwise(tree.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                yield name, inspect.cleandoc(text)


def recipe_template(cls: type[BaseModel]) -> str:
    """Write a config class as YAML that is valid once its required keys have values.

    Where one of several sections may stand, the default is written out and the others follow as
    comments.
    """
    lines = [*_comment(cls.__doc__), *_section(cls, PydanticUndefined, set())]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _section(cls: type[BaseModel], default: Any, told: set[tuple[type, ...]]) -> Iterator[str]:
    for name, field in cls.model_fields.items():
        value = field.get_default(call_default_factory=True)
        if isinstance(default, cls):
            value = getattr(default, name)
        yield from _entry(name, field, value, told)


def _entry(name: str, field: FieldInfo, value: Any, told: set[tuple[type, ...]]) -> Iterator[str]:
    """Write a key; sections that may be left out are explained where they come first."""
    here = alternatives(field.annotation)
    blocks, item = sections(here), ""
    if not blocks:
        blocks = sections(inner for each in here for inner in elements(each))
        item = "NAME:" if any(_is_mapping(each) for each in here) else "-"
    chosen = type(value) if isinstance(value, BaseModel) else None
    if value is PydanticUndefined and blocks:
        chosen = blocks[0]
    yield ""
    yield from _comment(field.description or (blocks[0].__doc__ if len(blocks) == 1 else None))
    yield f"{name}:{'' if chosen else _plain(value)}{_meaning(field, value, chosen)}"
    if chosen is None and len(blocks) > 1 and tuple(blocks) in told:
        return
    told.add(tuple(blocks))
    for block in sorted(blocks, key=lambda each: each is not chosen):
        lines = [line for line in _section(block, value, told) if line]
        if len(blocks) > 1:
            lines = [*_comment(_first_paragraph(block.__doc__)), *lines]
        if item:
            lines = [item, *_indented(lines)]
        if block is not chosen:
            lines = [f"# {line}" for line in (["or", *lines] if len(blocks) > 1 else lines)]
        yield from _indented(lines)


def _meaning(field: FieldInfo, value: Any, chosen: type[BaseModel] | None) -> str:
    """Describe the values of a key, unless the lines below it do."""
    required = value is PydanticUndefined
    if chosen:
        return "  # required" if required else ""
    if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
        return ""
    return f"  # {_type(field.annotation, field.metadata)}{', required' if required else ''}"


def _plain(value: Any) -> str:
    if value is PydanticUndefined:
        return ""
    plain = to_jsonable_python(value)
    if isinstance(plain, list | dict):
        return f" {json.dumps(plain, ensure_ascii=False)}"
    return f" {dump_yaml([plain]).removeprefix('- ').rstrip()}"


def _type(annotation: Any, limits: Iterable[Any] = ()) -> str:
    """Describe a type and its limits in one line."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0], inner[1:])
    if origin is Literal:
        words = " | ".join(str(to_jsonable_python(value)) for value in inner)
    elif elements(annotation):
        is_mapping = _is_mapping(annotation)
        held = [each for each in inner[is_mapping:] if each is not ...]
        words = "mapping of " if is_mapping else "list of "
        words += " | ".join(dict.fromkeys(_type(each) for each in held))
    elif inner:
        words = " | ".join(dict.fromkeys(_type(each) for each in inner))
    elif sections([annotation]):
        words = "section"
    else:
        words = _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
    bounds = [
        f"{sign} {getattr(limit, name)}"
        for group in limits
        for limit in getattr(group, "metadata", [group])
        for name, sign in _SIGNS.items()
        if getattr(limit, name, None) is not None
    ]
    return " ".join([words, " and ".join(bounds)]).strip()


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _comment(text: str | None) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(_first_paragraph(text), _WIDTH)]


def _first_paragraph(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" if line else line for line in lines)
