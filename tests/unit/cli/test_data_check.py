"""``mt data check``, ``mt data split`` and ``mt init`` as a person runs them."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mt.config import load
from mt.errors import DataError
from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers
from mt.training.recipe import RecipeConfig
from tests.parallel_text import parallel_text
from tests.tiny import mt

PAIRS = 700
TAGS = "--source", "en", "--target", "de"


@pytest.fixture(autouse=True)
def _one_vocabulary(monkeypatch):
    """Learning several takes most of the time."""
    monkeypatch.setattr("mt.data.report.vocabularies.SIZES", (1000,))


@pytest.fixture
def folder(tmp_path):
    """Write ``a.en`` and ``a.de``, and ``b.tsv`` with the same pairs."""
    sources, targets = parallel_text(PAIRS)
    write(tmp_path / "a.en", sources)
    write(tmp_path / "a.de", targets)
    write(tmp_path / "empty", [])
    write(tmp_path / "b.tsv", map("\t".join, zip(sources, targets, strict=True)))
    return tmp_path


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def check(folder, *arguments):
    return mt("data", "check", *arguments, cwd=folder)


@pytest.mark.parametrize("files", [["a.en", "a.de"], ["b.tsv"]])
def test_good_text_is_called_good(folder, files):
    done = check(folder, *files, *TAGS)
    assert done.returncode == 0, done.stderr
    assert f"{PAIRS} pairs, 0 of them repeated, 0 not translated" in done.stdout
    assert "PROBLEM" not in done.stdout
    assert "WARNING: There are only 700 pairs to learn from." in done.stdout
    assert "A recipe that would suit\n\ndata:\n  source: en\n" in done.stdout


def test_a_missing_line_is_found_though_the_files_differ_in_length(folder):
    targets = lines_of(folder / "a.de")
    write(folder / "a.de", targets[:400] + targets[401:])
    done = check(folder, "a.en", "a.de", *TAGS)
    assert done.returncode == 2
    assert "PROBLEM: It cannot be read to its end: a.de: expected 700 lines" in done.stdout
    line = re.search(r"From about line (\d+) on the target is 1 line back", done.stdout)
    assert abs(int(line[1]) - 401) <= 8
    assert "a.de: expected 700 lines" in done.stderr


class Page(HTMLParser):
    """Collects elements and addresses, and whether every element is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.references = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.references += [value for name, value in attributes if name in {"src", "href"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, _):
        self.elements.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_loads_nothing_and_lets_no_text_in(folder):
    sources, targets = lines_of(folder / "a.en"), lines_of(folder / "a.de")
    sources[5], targets[5] = "<script>alert(1)</script> &amp; $title", "<b>x</b>"
    targets[9] = ""
    write(folder / "a.en", sources)
    write(folder / "a.de", targets)
    done = check(folder, "a.en", "a.de", *TAGS, "--output", "report.html")
    assert done.returncode == 0, done.stderr
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.references == []
    assert not {"script", "link", "img", "iframe"} & set(page.elements)
    assert page.elements.count("svg") > 5
    assert "url(" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; $title" in text
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text


def test_json_says_the_same(folder):
    done = check(folder, "b.tsv", *TAGS, "--held-out", "b.tsv", "--json")
    found = json.loads(done.stdout)
    assert found["training"][0]["pairs"] == PAIRS
    assert found["overlaps"][0]["same_pair"]["count"] == PAIRS
    assert found["findings"][0]["level"] == "problem"
    assert found["recipe"].startswith("data:")


def test_a_recipe_is_checked_with_its_validation(folder):
    write(folder / "v.en", lines_of(folder / "a.en")[:20])
    write(folder / "v.de", lines_of(folder / "a.de")[:20])
    recipe = {
        "data": {
            "source": "en", "target": "de", "train": ["b.tsv"],
            "validation": {"source": "v.en", "target": "v.de"},
        }
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    done = check(folder, "recipe.yaml")
    assert done.returncode == 0, done.stderr
    assert "PROBLEM: 20 of 20 pairs of v.en and v.de are in the training data too" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.en", "a.de", "--source", "en"], "expected --target with a language"),
        (["recipe.yaml", *TAGS], "expected recipe.yaml alone"),
        (["a.en", "a.de", *TAGS, "--output", "x.pdf"], "expected a file ending with .html"),
        (["nowhere.tmx", *TAGS], "mt: nowhere.tmx: expected"),
        (["nowhere.en", "a.de", *TAGS], "mt: nowhere.en: expected a text file"),
        (["empty", "empty", *TAGS], "empty and empty: expected sentence pairs, but found none"),
    ],
)
def test_what_cannot_be_checked_is_told_in_a_line(folder, arguments, message):
    done = check(folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr + done.stdout


def test_split_writes_parts_that_share_nothing(folder):
    options = "--validation", "30", "--test", "5%", "--output", "parts"
    done = mt("data", "split", "b.tsv", *TAGS, *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "validation: 30 pairs in parts/validation.en and parts/validation.de" in done.stdout
    parts = {
        path.name: lines_of(path) for path in sorted((folder / "parts").iterdir())
    }  # fmt: skip
    assert {name: len(lines) for name, lines in parts.items()} == {
        "train.en": 635, "train.de": 635, "validation.en": 30, "validation.de": 30,
        "test.en": 35, "test.de": 35,
    }  # fmt: skip
    assert (
        len({line for name, lines in parts.items() if name.endswith("en") for line in lines})
        == PAIRS
    )
    again = mt("data", "split", "b.tsv", *TAGS, *options, cwd=folder)
    assert again.returncode == 2
    assert "add --overwrite" in again.stderr
    assert mt("data", "split", "b.tsv", *TAGS, *options, "--overwrite", cwd=folder).returncode == 0
    assert parts["test.de"] == lines_of(folder / "parts" / "test.de")


@pytest.mark.parametrize("size", ["-1", "1.5", "120%", "many", "nan"])
def test_other_sizes_are_refused(folder, size):
    done = mt("data", "split", "b.tsv", *TAGS, "--validation", size, "--output", "p", cwd=folder)
    assert done.returncode == 2
    assert "as in 2000, or a share, as in 1%" in done.stderr


@pytest.mark.slow
def test_init_writes_a_recipe_that_can_be_trained(folder):
    done = mt("init", "b.tsv", *TAGS, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Next: mt train recipe.yaml"
    recipe = load(RecipeConfig, folder / "recipe.yaml")
    assert len(lines_of(folder / recipe.data.train[0].source)) == PAIRS - 28
    assert mt("config", "check", "recipe.yaml", cwd=folder).stdout == "recipe.yaml: OK\n"
    small = "training.updates=2", "training.schedule.warmup=1", "model.dim=16", "validation.every=2"
    settings = [word for each in small for word in ("--set", each)]
    more = "--set", "validation.metric=loss", "--set", "translation.shortlist=never"
    trained = mt("train", "recipe.yaml", *settings, *more, "--device", "cpu", cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert "validation sentences" not in trained.stderr
    again = mt("init", "b.tsv", *TAGS, cwd=folder)
    assert again.returncode == 2
    assert "recipe.yaml: expected to write a new file, but it exists" in again.stderr


def test_little_text_has_few_pieces_and_hardly_any_has_none(folder, monkeypatch):
    monkeypatch.setattr("mt.data.report.vocabularies.SIZES", (500, 1000))
    lines = lines_of(folder / "b.tsv")
    write(folder / "little.tsv", lines[:60])
    done = mt("init", "little.tsv", "--source", "en", "--target", "en", cwd=folder)
    assert done.returncode == 0, done.stderr
    recipe = load(RecipeConfig, folder / "recipe.yaml")
    assert recipe.tokenizer.size == 500
    assert recipe.data.train[0].target == Path("data/train.target"), "both would be train.en"
    with pytest.raises(DataError, match="tokenizer.size: expected at most"):
        learn(folder, 1000)
    learn(folder, 500)

    write(folder / "hardly.tsv", lines[:8])
    done = mt("init", "hardly.tsv", *TAGS, "--output", "new", cwd=folder)
    assert done.returncode == 2
    assert "hardly.tsv: expected text enough to learn 500 pieces of words from" in done.stderr


def learn(folder, size):
    sides = (lines_of(folder / "data" / f"train.{side}") for side in ("source", "target"))
    train_tokenizers(TokenizerConfig(size=size), zip(*sides, strict=True), 1, folder)


@pytest.mark.parametrize("tag", ["en/../x", "en us", ""])
def test_a_tag_that_cannot_be_part_of_a_name_is_refused(folder, tag):
    done = mt("init", "b.tsv", "--source", tag, "--target", "de", cwd=folder)
    assert done.returncode == 2
    assert "--source" in done.stderr
    assert "a language, such as en" in done.stderr


def test_init_without_a_terminal_asks_nothing(folder):
    done = mt("init", cwd=folder)
    assert done.returncode == 2
    assert "expected a file of pairs or two text files" in done.stderr


def test_init_asks_on_a_terminal(folder, monkeypatch):
    monkeypatch.setattr("mt.cli.init._somebody_answers", lambda: True)
    done = mt("init", cwd=folder, stdin="a.en a.de\nen\nde\n")
    assert done.returncode == 0, done.stderr
    assert (folder / "data" / "train.de").exists()


@pytest.mark.slow
def test_train_warns_of_what_spoils_a_training(folder):
    mt("init", "b.tsv", *TAGS, cwd=folder)
    for language in ("en", "de"):
        train, aside = (folder / "data" / f"{part}.{language}" for part in ("train", "validation"))
        write(train, lines_of(train) + lines_of(aside))
    done = mt(
        "train", "recipe.yaml", "--set", "training.updates=1", "--set",
        "training.schedule.warmup=1", "--set", "validation.metric=loss", "--set", "model.dim=16",
        "--set", "translation.shortlist=never", "--device", "cpu", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "14 of 14 pairs of data/validation.en and data/validation.de are in" in done.stderr
    assert "`mt data check` tells more" in done.stderr
