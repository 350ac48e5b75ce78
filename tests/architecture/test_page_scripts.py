"""The linter sees the script of the page as the browser does: all files as one."""

import pytest

from tests.page_scripts import FOLDER, ROOT, lint, read_scripts


def test_every_file_is_part_of_the_page():
    assert {path.name for path in (ROOT / FOLDER).glob("*.js")} == set(read_scripts())


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("percnt(1);", "'percnt' is not defined."),
        ("const spare = percent(1);", "'spare' is declared but never used."),
        ("start(name);", "'name' is not defined."),
        ("id('readout').innerHTML = told.text;", "'innerHTML' is restricted from being used."),
    ],
)
def test_a_planted_mistake_is_found_where_it_stands(planted, complaint):
    scripts = read_scripts()
    line = scripts["lesson.js"].count("\n") + 1
    scripts["lesson.js"] += f"{planted}\n"
    status, said = lint(scripts)
    assert status == 1
    assert any(
        found.startswith(f"{FOLDER}/lesson.js:{line}:") and complaint in found
        for found in said.splitlines()
    ), said
