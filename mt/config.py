"""Strict configuration: YAML in, frozen and validated objects out, every error reported at once.

A section is a :class:`StrictConfig` defined beside the code that uses it. Values come from the
defaults in code, then the YAML file, then ``--set a.b=value``; later ones win. YAML is read by the
rules of YAML 1.2, so ``target: no`` stays a language tag and ``3e-4`` is a number.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent

from mt.config_errors import alternatives, error_lines, kind_of, sections, tags
from mt.errors import ConfigError
from mt.files import read_limited

_MOST_BYTES, _MOST_LEVELS, _MOST_VALUES, _MOST_CHARACTERS = 1 << 20, 50, 20_000, 3500
"""Bounds of what is read as YAML. Aliases count as what they stand for, and numbers of so many
digits are the longest that Python writes out again."""

Overrides = Sequence[str]

Count = Annotated[int, Field(gt=0, lt=2**31)]
"""A number of things, at least one, and no more than 32 bits count."""


class StrictConfig(BaseModel):
    """A frozen section of a recipe that refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _name_kinds(cls, values: Any) -> Any:
        """Where a section has a default, its ``kind`` need not be named to change other keys."""
        if not isinstance(values, Mapping):
            return values
        named = dict(values)
        for name, field in cls.model_fields.items():
            default = field.get_default(call_default_factory=True)
            if name in values and isinstance(default, BaseModel):
                members = sections(alternatives(field.annotation))
                named[name] = name_kind(values[name], type(default), members)
        return named

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate plain values.

        Args:
            values: What a YAML or JSON file held.
            where: The name shown before each error, usually the file.

        Raises:
            ConfigError: Naming every error with its dotted path, the value found and, for an
                unknown key, the nearest known one.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = error_lines(cls, error.errors())
            raise ConfigError("\n".join(f"{where}: {line}" for line in lines)) from None

    def to_yaml(self) -> str:
        """Write every value, defaults included, as YAML that :func:`load` reads back."""
        return dump_yaml(self.model_dump(mode="json"))


def name_kind(section: Any, default: type[BaseModel], members: Sequence[type[BaseModel]]) -> Any:
    """Add the ``kind`` of the default to a section that names none.

    Left as it is, so that the missing ``kind`` is reported, is a section with a key that only
    another member has.

    Args:
        section: What a recipe holds; returned as it is unless it is a mapping.
        default: What is meant where nothing is said.
        members: What may stand there.
    """
    if not isinstance(section, Mapping) or "kind" in section or not tags(default):
        return section
    others = {name for member in members for name in member.model_fields}
    if any(key in others and key not in default.model_fields for key in section):
        return section
    return {"kind": tags(default)[0], **section}


Config = TypeVar("Config", bound=StrictConfig)


def load(cls: type[Config], path: Path, overrides: Overrides = ()) -> Config:
    """Read a YAML file, apply ``a.b=value`` overrides, and validate the whole.

    Raises:
        ConfigError: If the file cannot be read, is not YAML, or does not fit ``cls``.
    """
    return cls.parse(apply_overrides(read_yaml(path), overrides), where=str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 mapping.

    Raises:
        ConfigError: If the file is missing, is not UTF-8 YAML, repeats a key, or holds no mapping.
    """
    try:
        text = read_limited(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a YAML file, but it cannot be read ({error.strerror}); "
            "check the path"
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: expected UTF-8, but byte {error.start} is 0x{error.object[error.start]:02x}; "
            "convert the file, for example with iconv"
        ) from None
    values = parse_yaml(text, where=str(path))
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: expected a mapping of sections, but found {kind_of(values)}; "
            "see `mt config schema`"
        )
    return values


def dump_yaml(values: Any) -> str:
    """Write plain values as YAML 1.2 in block style, keys in their order."""
    stream = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.dump(values, stream)
    return stream.getvalue()


def apply_overrides(values: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """Return a copy of ``values`` with each ``a.b=value`` set; values are read as YAML.

    Raises:
        ConfigError: If an override has no ``=``, its path runs through something that is no
            section, or its value is not YAML.
    """
    result = dict(values)
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise ConfigError(f"--set {override}: expected KEY=VALUE, as in training.updates=1000")
        section: dict[str, Any] = result
        for key in keys[:-1]:
            inner = section.get(key)
            if inner is not None and not isinstance(inner, Mapping):
                raise ConfigError(
                    f"--set {override}: expected `{key}` to be a section, "
                    f"but it is {kind_of(inner)}"
                )
            section[key] = dict(inner or {})
            section = section[key]
        section[keys[-1]] = parse_yaml(text, where=f"--set {override}")
    return result


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML 1.2 as plain values.

    Args:
        text: The YAML.
        where: Names it in messages.

    Raises:
        ConfigError: If it is not YAML, or holds what no recipe does.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _BoundedComposer
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" in line {mark.line + 1}" if mark else ""
        problem = " ".join(str(error.problem or error.context).split())[:200]
        raise ConfigError(f"{where}: expected YAML, but found{line}: {problem}") from None
    except (YAMLError, ValueError, LookupError) as error:  # such as a date that there is not
        problem = " ".join(str(error).split())[:200]
        raise ConfigError(f"{where}: expected YAML, but found: {problem}") from None


class _BoundedComposer(Composer):
    """Refuses what no recipe holds and no library bears, such as aliases of aliases."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._levels = self._values = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Read a node and what it holds; an alias counts as what it stands for."""
        event, before = self.parser.peek_event(), self._values
        self._levels += 1
        self._values += 1
        if self._levels > _MOST_LEVELS:
            self._refuse(event, f"{_MOST_LEVELS} levels of sections")
        if isinstance(event, ScalarEvent) and len(event.value) > _MOST_CHARACTERS:
            self._refuse(event, f"{_MOST_CHARACTERS:,} characters in a value")
        node = super().compose_node(parent, index)
        if isinstance(event, AliasEvent):  # one inside of what it stands for has no end
            self._values += self._sizes.get(id(node), _MOST_VALUES)
        else:
            self._sizes[id(node)] = self._values - before
        if self._values > _MOST_VALUES:
            self._refuse(event, f"{_MOST_VALUES:,} values, aliases written out")
        self._levels -= 1
        return node

    def _refuse(self, event: Any, most: str) -> NoReturn:
        raise MarkedYAMLError(problem=f"more than {most}", problem_mark=event.start_mark)
