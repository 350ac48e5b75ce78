"""What the papers say agrees with the code."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = PROJECT["optional-dependencies"].values()
REQUIREMENTS = [*PROJECT["dependencies"], *(line for extra in OPTIONAL for line in extra)]
DEPENDENCIES = {re.split(r"[<>=\[]", line)[0] for line in REQUIREMENTS} - {PROJECT["name"]}
PAGES = [
    page for page in ROOT.rglob("*.md")
    if not {".venv", "checkpoints", "data"} & set(page.relative_to(ROOT).parts[:-1])
]  # fmt: skip


def test_every_dependency_is_explained_and_nothing_else():
    page = (ROOT / "docs/decisions/0002-dependencies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)) == DEPENDENCIES


def test_every_dependency_is_pinned():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert set(re.findall(r"^([\w.-]+)==[\d.]+$", pins, re.MULTILINE)) >= DEPENDENCIES


def test_decisions_are_numbered_without_gaps():
    numbers = [page.name[:4] for page in sorted((ROOT / "docs/decisions").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_links_between_pages_lead_somewhere():
    links = [
        page.parent / target
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ]
    assert len(links) > len(PAGES)
    assert [link for link in links if not link.exists()] == []


def test_every_make_target_explains_itself():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    explained = re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)
    assert sorted(phony.split()) == sorted(explained)
