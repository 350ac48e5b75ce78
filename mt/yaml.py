"""YAML 1.2 in and out, bounded in size: the only file that knows ruamel.yaml.

Loading ruamel.yaml takes longer than many a translation, so this is imported where YAML is read.
"""

import io
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent

from mt.config_errors import kind_of
from mt.errors import ConfigError
from mt.files import read_limited

_MOST_BYTES, _MOST_LEVELS, _MOST_VALUES, _MOST_CHARACTERS = 1 << 20, 50, 20_000, 3500
"""Bounds of what is read as YAML. Aliases count as what they stand for, and numbers of so many
digits are the longest that Python writes out again."""


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


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML 1.2 from a string.

    Raises:
        ConfigError: If it is no YAML; the message begins with ``where``.
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
