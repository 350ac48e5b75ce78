"""``--help`` of each command is what it was when somebody last read it.

Where a change is meant to change one, write them anew, read the difference and commit it::

    python -m tests.golden.renew help
"""

from pathlib import Path

import pytest
from typer.main import get_command

from mt.cli.main import build_app
from tests.tiny import mt

HELP = Path(__file__).with_name("help")


def commands(command, *names):
    """List the names of a command and of all below it."""
    yield names
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *names, name)


def path_of(names):
    return HELP / f"{'-'.join(('mt', *names))}.txt"


def help_of(names):
    """Return what a terminal of 90 columns without colours shows, without blanks at line ends."""
    done = mt(*names, "--help", TERM="dumb")
    assert done.returncode == 0
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


COMMANDS = list(commands(get_command(build_app())))


@pytest.mark.parametrize("names", COMMANDS, ids=lambda names: " ".join(("mt", *names)))
def test_help_is_unchanged(names, monkeypatch):
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", None)  # which machines of CI ask for
    assert help_of(names) == path_of(names).read_text(encoding="utf-8")


def test_every_text_is_that_of_a_command():
    assert set(HELP.iterdir()) == set(map(path_of, COMMANDS))


def renew():
    HELP.mkdir(exist_ok=True)
    for path in HELP.iterdir():
        path.unlink()
    for names in COMMANDS:
        path_of(names).write_text(help_of(names), encoding="utf-8")
