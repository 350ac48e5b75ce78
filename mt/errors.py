"""What can go wrong, as a tree.

    MtError                  an error the user can mend: one line on stderr, exit code 2
    ├── ConfigError          a recipe or an override that does not fit
    ├── DataError            a corpus, an input or an output that cannot be used
    ├── BundleError          a directory that is no model, or a damaged one
    └── TrainingError        a run that cannot start, go on or be resumed

Every message follows one grammar: *where: what was expected, but what came; what to do.*
Programming errors are ordinary Python exceptions and keep their traceback.
"""

import difflib
from collections.abc import Callable, Iterable


class MtError(Exception):
    """An error the user can mend; its text is the whole message."""


class ConfigError(MtError):
    """A recipe or an override does not fit the schema."""


class DataError(MtError):
    """A corpus, an input or an output cannot be used."""


class BundleError(MtError):
    """A directory is not a model, or its files are damaged."""


class TrainingError(MtError):
    """A run cannot start, go on or be resumed."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Suggest the nearest known word, as the end of a message; empty if none is near."""
    nearest = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f"did you mean `{nearest[0]}`?" if nearest else ""


def run_checks(checks: Iterable[Callable[[], object]]) -> None:
    """Run all checks, whichever of them fail.

    Raises:
        DataError: With the lines of every :class:`DataError`, each once.
    """
    lines: list[str] = []
    for check in checks:
        try:
            check()
        except DataError as error:
            lines += str(error).splitlines()
    if lines:
        raise DataError("\n".join(dict.fromkeys(lines)))


def unequal_lines(where: object, found: int, other: object, expected: int) -> DataError:
    """Explain that two texts whose lines belong together differ in length.

    Args:
        where: The text that is at fault, such as its path.
        found: Its lines.
        other: The text that it is compared with.
        expected: The lines of that.
    """
    return DataError(
        f"{where}: expected {expected:,} lines as in {other}, but found {found:,}; compare the "
        "files line by line"
    )
