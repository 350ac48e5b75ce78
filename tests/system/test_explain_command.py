"""``mt explain`` as a shell meets it, with a model that a moment of training made."""

import json
import re
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

from tests import tiny

pytestmark = pytest.mark.slow

RECIPE = """
data:
  source: en
  target: de
  train: {source: train.en, target: train.de}
  validation: {source: dev.en, target: dev.de}
  store: prepared
tokenizer: {size: 400}
model:
  kind: transformer
  dim: 16
  encoder_layers: 1
  decoder_layers: 2
  heads: 2
  feed_forward: 32
training:
  updates: 12
  batch_tokens: 512
  schedule: {warmup: 2}
  average: {count: 1}
validation: {every: 12, metric: loss}
translation: {search: {kind: beam, size: 2}}
"""
SENTENCE = "The old dog sees the house."


def mt(folder, *arguments, stdin="", **variables):
    return tiny.mt(*arguments, cwd=folder, stdin=stdin, **variables)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    with ZipFile(tiny.ROOT / "data/phrasebook/phrasebook.zip") as archive:
        for name, pairs in {"train": 280, "dev": 20}.items():
            for side in ("en", "de"):
                lines = archive.read(f"{name}.{side}").splitlines(keepends=True)
                (folder / f"{name}.{side}").write_bytes(b"".join(lines[:pairs]))
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    done = mt(folder, "train", "recipe.yaml", "--out", "run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def without_attention(folder):
    """Give a recurrent model whose decoder knows the source by one vector alone."""
    changes = [
        "--set=model={kind: recurrent, attention: null, dim: 16}",
        "--set=training.updates=2",
    ]
    done = mt(folder, "train", "recipe.yaml", *changes, "--out", "blind", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return "blind"


def rows_of(stdout):
    """Return the labels of the rows and of the columns of the one map in an answer."""
    _, blank, *drawing = stdout.splitlines()
    assert blank == ""
    columns = [line.split("┌ ")[1] for line in drawing if "┌ " in line]
    body = drawing[len(columns) : drawing.index("")]
    return [line.split()[0] for line in body], columns


def test_prints_the_translation_and_its_map_and_writes_pictures(folder):
    done = mt(folder, "explain", "run", SENTENCE, "--output", "a.png", "--output", "a.svg")
    assert (done.returncode, done.stderr) == (0, "")
    (translation,) = mt(
        folder, "translate", "run", "--engine", "torch", stdin=SENTENCE
    ).stdout.splitlines()
    assert done.stdout.splitlines()[0] == translation
    assert rows_of(done.stdout)[1] == [*SENTENCE.split(), "</s>"]
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines()[1:])) <= 90
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert ElementTree.parse(folder / "a.svg").getroot().tag.endswith("svg")


def test_explains_a_given_target_and_reads_stdin(folder):
    arguments = ["explain", "run", "--target", "Der Hund schläft.", "--layer", "2"]
    done = mt(folder, *arguments, stdin=f"{SENTENCE}\nAnother one.\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Der Hund schläft.\n\n")
    rows, columns = rows_of(done.stdout)
    assert rows == ["Der", "Hund", "schläft.", "</s>"]
    assert columns == [*SENTENCE.split(), "</s>"]


@pytest.mark.parametrize(
    ("terminal", "painted"), [("xterm-256color", True), ("xterm", False), ("dumb", False)]
)
def test_paints_where_a_terminal_has_256_colours(folder, terminal, painted):
    arguments = ["explain", "run", SENTENCE, "--target", "Der Hund"]
    done = mt(folder, *arguments, FORCE_COLOR="1", TERM=terminal)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("\x1b[48;5;18m" in done.stdout) == painted
    assert ("█" in done.stdout) != painted


def test_shows_tokens(folder):
    done = mt(folder, "explain", "run", SENTENCE, "--target", "Der Hund", "--tokens")
    assert (done.returncode, done.stderr) == (0, "")
    rows, columns = rows_of(done.stdout)
    assert "".join(rows) == "▁Der▁Hund</s>"
    assert "".join(columns) == "▁" + SENTENCE.replace(" ", "▁") + "</s>"


def test_writes_a_page(folder):
    done = mt(folder, "explain", "run", SENTENCE, "--output", "a.html", "--output", "a.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert rows_of(done.stdout)[1] == [*SENTENCE.split(), "</s>"]
    page = (folder / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert f"<title>{done.stdout.splitlines()[0]} " in page
    assert (folder / "a.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", SENTENCE, "--output", "a.jpg"],
            "mt: a.jpg: expected a file ending with .html, .png or .svg",
        ),
        (["run", SENTENCE, "--output", "recipe.yaml/a.html"], "mt: recipe.yaml/a.html: expected a"),
        (["run", SENTENCE, "--layer", "3"], "mt: layer: expected 1 to 2,"),
        (["run", " "], "mt: source: expected a sentence"),
        (["run"], "mt: source: expected a sentence"),
        (["nowhere", SENTENCE], "mt: nowhere: expected a run or bundle directory"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(folder, arguments, message):
    done = mt(folder, "explain", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def test_a_model_without_attention_has_a_page_and_no_map(folder, without_attention):
    done = mt(folder, "explain", without_attention, SENTENCE, "--output", "blind.html")
    assert (done.returncode, done.stderr) == (0, "")
    _, blank, *drawing = done.stdout.splitlines()
    assert blank == ""
    assert drawing == [
        "This model has no cross-attention to draw; the page shows its probabilities."
    ]
    page = (folder / "blind.html").read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="explanation">(.*?)</script>', page)
    data = json.loads(data)
    assert data["layers"] == {}
    assert len(data["choices"]) == len(data["axes"]["target"]["tokens"])


@pytest.mark.parametrize("outputs", [["blind.png"], ["blind.svg", "late.html"], []])
def test_a_model_without_attention_refuses_a_picture(folder, without_attention, outputs):
    arguments = [f"--output={name}" for name in outputs]
    done = mt(folder, "explain", without_attention, SENTENCE, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "mt: model: expected cross-attention to draw, but this one has none; an .html page shows "
        "its probabilities\n"
    )
    assert not [name for name in outputs if (folder / name).exists()]
