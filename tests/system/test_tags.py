"""Several corpora in a recipe, one with a tag, and translations that ask for it."""

import json

import pytest

from mt.bundle import read_index
from tests.tiny import mt, recipe_of, write_corpus

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Train on a corpus twice: as it is, and back to front with a tag."""
    folder = write_corpus(tmp_path_factory.mktemp("tags"))
    recipe = recipe_of(folder)
    plain = recipe["data"]["train"]
    back = {"source": plain["target"], "target": plain["source"], "tag": "<back>", "weight": 0.5}
    recipe["data"]["train"] = [plain, back]
    recipe["training"]["updates"] = 10
    recipe["training"]["schedule"]["warmup"] = 2
    (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    done = mt("train", folder / "recipe.yaml", "--out", folder / "run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "training pairs: 600 read, none dropped, 600 kept" in done.stderr
    (folder / "lines").write_text("ba be\n\nbi bo. bu ba.\n<back> ka\n", encoding="utf-8")
    return folder


def translate(folder, *options, stdin=None):
    text = (folder / "lines").read_text(encoding="utf-8") if stdin is None else stdin
    return mt("translate", folder / "run", "--device", "cpu", *options, stdin=text)


def test_a_tag_of_an_option_is_that_of_the_text(folder):
    option = translate(folder, "--tag", "<back>")
    typed = "<back> ba be\n\n<back> bi bo. bu ba.\n<back> ka\n"
    assert option.returncode == 0, option.stderr
    assert option.stdout == translate(folder, stdin=typed).stdout
    assert option.stdout.split("\n")[1] == ""


def test_bulk_translation_takes_it_too(folder):
    pytest.importorskip("datatrove")
    options = "--workers", 1, "--tag"
    job = "bulk", "translate", folder / "run", folder / "lines", folder / "out", *options
    wrong = mt(*job, "<bakc>")
    assert wrong.returncode == 2
    assert "--tag: expected a tag that the model was trained with (<back>)" in wrong.stderr
    done = mt(*job, "<back>")
    assert done.returncode == 0, done.stderr
    text = (folder / "out" / "lines.00000.txt").read_text(encoding="utf-8")
    assert text == translate(folder, "--tag", "<back>").stdout


def test_every_sentence_gets_the_tag_of_its_line(folder):
    apart = translate(folder, stdin="<back> bi bo.\n<back> bu ba.\n").stdout.split("\n")
    together = translate(folder, stdin="<back> bi bo. bu ba.\n").stdout
    assert together == f"{apart[0]} {apart[1]}\n"


def test_a_tag_that_the_model_does_not_know_is_refused(folder):
    done = translate(folder, "--tag", "<bakc>")
    assert done.returncode == 2
    [line] = done.stderr.strip().split("\n")[-1:]
    assert "--tag: expected a tag that the model was trained with (<back>)" in line
    assert "did you mean `<back>`?" in line
    assert read_index(folder / "run")
