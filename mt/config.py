"""Strict configuration: YAML in, frozen and validated objects out, every error reported at once.

A section is a :class:`StrictConfig` defined beside the code that uses it. Values come from the
defaults in code, then the YAML file, then ``--set a.b=value``; later ones win. YAML is read by the
rules of YAML 1.2, so ``target: no`` stays a language tag and ``3e-4`` is a number.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mt.config_errors import Truth, alternatives, elements, error_lines, kind_of, sections, tags
from mt.errors import ConfigError

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
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_as_written(cls, values: Any) -> Any:
        """Name the ``kind`` of sections that have a default, and let true be no number.

        Where a section has a default, its kind need not be named to change other keys.
        """
        if not isinstance(values, Mapping):
            return values
        read = dict(values)
        for name, field in cls.model_fields.items():
            if name not in values:
                continue
            members = alternatives(field.annotation)
            default = field.get_default(call_default_factory=True)
            if isinstance(default, BaseModel):
                read[name] = name_kind(values[name], type(default), sections(members))
            else:
                inner = [each for member in members for each in elements(member)]
                read[name] = _no_truth(values[name], members, inner)
        return read

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
        from mt.yaml import dump_yaml  # noqa: PLC0415

        return dump_yaml(self.model_dump(mode="json"))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested sections into dotted keys, as in ``model.dim``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


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


def _no_truth(value: Any, members: Sequence[Any], inner: Sequence[Any] = ()) -> Any:
    """Replace true and false, also in a list, where they may not stand."""
    if isinstance(value, bool) and bool not in members:
        return Truth(value)
    if isinstance(value, list | tuple) and inner:
        return [_no_truth(each, inner) for each in value]
    return value


Config = TypeVar("Config", bound=StrictConfig)


def load(cls: type[Config], path: Path, overrides: Overrides = ()) -> Config:
    """Read a YAML file, apply ``a.b=value`` overrides, and validate the whole.

    Raises:
        ConfigError: If the file cannot be read, is not YAML, or does not fit ``cls``.
    """
    from mt.yaml import read_yaml  # noqa: PLC0415

    return cls.parse(apply_overrides(read_yaml(path), overrides), where=str(path))


def apply_overrides(values: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """Return a copy of ``values`` with each ``a.b=value`` set; values are read as YAML.

    Raises:
        ConfigError: If an override has no ``=``, its path runs through something that is no
            section, or its value is not YAML.
    """
    result = dict(values)
    for override in overrides:
        from mt.yaml import parse_yaml  # noqa: PLC0415

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
