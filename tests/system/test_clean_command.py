"""``mt data clean`` as a person uses it."""

import json

import pytest

from tests.tiny import mt

SOURCES = "Ein Hund.\nFÃ¼r dich.\n\nIm Jahr 1985\nEin Hund.\nEine Katze.\n"
TARGETS = "A dog.\nFor you.\nNothing.\nIn 1986\nA dog.\nA cat.\n"


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "c.de").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "c.en").write_text(TARGETS, encoding="utf-8")
    return tmp_path


def clean(corpus, *options, output="clean", files=("c.de", "c.en")):
    languages = ("--source", "de", "--target", "en", "--output", output)
    return mt("data", "clean", *files, *languages, *options, cwd=corpus)


def test_what_is_kept_what_is_dropped_and_a_table(corpus):
    done = clean(corpus, "--rejects", "rejects.jsonl")
    assert done.returncode == 0, done.stderr
    assert (corpus / "clean.de").read_text() == "Ein Hund.\nEine Katze.\n"
    assert (corpus / "clean.en").read_text() == "A dog.\nA cat.\n"
    rejects = [json.loads(line) for line in (corpus / "rejects.jsonl").read_text().splitlines()]
    assert [(each["line"], each["reason"]) for each in rejects] == [
        (2, "broken encoding"), (3, "blank"), (4, "other numbers"), (5, "duplicate"),
    ]  # fmt: skip
    table = [line.rsplit(maxsplit=2) for line in done.stdout.splitlines()]
    assert table == [
        ["read", "6", "100.00%"],
        ["blank", "1", "16.67%"],
        ["broken encoding", "1", "16.67%"],
        ["duplicate", "1", "16.67%"],
        ["other numbers", "1", "16.67%"],
        ["kept", "2", "33.33%"],
    ]


def test_filters_are_given_as_in_a_recipe(corpus):
    done = clean(corpus, "--filters", "[{kind: length, max_words: 2}]")
    assert done.returncode == 0, done.stderr
    assert (corpus / "clean.de").read_text() == "Ein Hund.\nFÃ¼r dich.\nEin Hund.\nEine Katze.\n"
    assert clean(corpus, "--filters", "[]").returncode == 0
    assert len((corpus / "clean.de").read_text().splitlines()) == 5  # all but the blank one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"options": ["--filters", "copys"]}, "--filters: `filters.0.kind`: expected one of"),
        ({"options": ["--filters", "[copies"]}, "--filters: expected YAML, but found"),
        ({"files": ["c.de", "none.en"]}, "none.en: expected a text file, but it cannot be read"),
        ({"output": "c"}, "c.de: expected a file for each of what is read, kept and dropped"),
        ({"options": ["--rejects", "clean.en"]}, "clean.en: expected a file for each"),
        ({"options": ["--rejects", "no/where"]}, "no/where: expected a file to write"),
    ],
)
def test_bad_input_is_a_line_and_leaves_nothing(corpus, options, message):
    done = clean(corpus, *options.pop("options", ()), **options)
    assert done.returncode == 2
    assert message in done.stderr
    assert {path.name for path in corpus.iterdir()} == {"c.de", "c.en"}
    assert (corpus / "c.de").read_text(encoding="utf-8") == SOURCES


def test_other_formats_are_read_too(tmp_path):
    (tmp_path / "c.tsv").write_text("Ein Hund.\tA dog.\n1985\t1986\n", encoding="utf-8")
    done = clean(tmp_path, files=["c.tsv"])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clean.de").read_text() == "Ein Hund.\n"
    assert (tmp_path / "clean.en").read_text() == "A dog.\n"


def test_unequal_files_are_told_with_both_lengths(corpus):
    (corpus / "c.en").write_text(TARGETS + "more\n", encoding="utf-8")
    done = clean(corpus)
    assert done.returncode == 2
    assert "c.en: expected 6 lines as in c.de, but found 7" in done.stderr
    assert not (corpus / "clean.de").exists()
