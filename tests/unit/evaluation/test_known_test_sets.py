"""Test sets by name, from a folder that sacreBLEU would have filled by a download."""

import json
import os
import subprocess
import sys

import pytest

from mt.errors import DataError
from mt.evaluation.known_test_sets import known_test_set

FIELDS = {"src": "One.\nTwo.\n", "ref": "一 二。\n 二 三 四 五。\n"}


@pytest.fixture
def sacrebleu(tmp_path):
    """Return a function that runs a program with a folder that holds one test set."""
    folder = tmp_path / "sacrebleu/wmt17"
    folder.mkdir(parents=True)
    for field in ("src", "ref", "docid", "genre", "origlang"):
        text = FIELDS.get(field, "x\nx\n")
        (folder / f"wmt17.en-zh.{field}").write_text(text, encoding="utf-8")
    (tmp_path / "hyp").write_text("一 二\n二 三 四 六。\n", encoding="utf-8")
    environment = os.environ | {"SACREBLEU": str(folder.parent)}

    def run(*command):
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, env=environment,
        )  # fmt: skip

    return run


def test_scores_are_those_of_the_command_line(sacrebleu):
    options = ["-m", "bleu", "-f", "json", "-w", "12", "-ci"]
    printed = sacrebleu("sacrebleu", "-t", "wmt17", "-l", "en-zh", "-i", "hyp", *options)
    arguments = ["--hypothesis", "hyp", "--test-set", "wmt17:en-zh", "--metric", "bleu", "--json"]
    done = sacrebleu("mt", "evaluate", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    expected = json.loads(printed.stdout)
    (found,) = json.loads(done.stdout)
    assert found["references"] == ["wmt17:en-zh"]
    assert round(found["scores"]["bleu"]["score"], 12) == expected["score"]
    assert found["scores"]["bleu"]["signature"] == expected["signature"]
    assert "|tok:zh|" in expected["signature"]


def test_what_does_not_fit_is_one_line(sacrebleu):
    for options, message in (
        (["--test-set", "wmt17:en-zh", "--reference", "hyp"], "leave out --source and --reference"),
        (["--test-set", "wmt17:en-zh", "--test-set", "wmt14:en-de"], "for each of 2 test sets"),
        ([], "expected --reference with human translations"),
    ):
        done = sacrebleu("mt", "evaluate", "--hypothesis", "hyp", *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wmt14:en-xx", "expected languages of wmt14 .* but got en-xx; it has .*en-de"),
        ("wmt14", "expected languages of wmt14 .* but got none; it has .*en-de"),
        ("wmt2O:en-de", "there is none of this name; did you mean `wmt2.`"),
        ("flickr:en-de", "there is none of this name; see sacrebleu --list"),
    ],
)
def test_unknown_names_are_refused(name, message):
    with pytest.raises(DataError, match=f"^--test-set {name}: .*{message}"):
        known_test_set(name)


def test_no_network_is_one_line(monkeypatch):
    def fail(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("sacrebleu.dataset.base.download_file", fail)
    monkeypatch.setattr("sacrebleu.dataset.base.os.path.exists", lambda _: False)
    with pytest.raises(DataError, match=r"to download it, but it cannot \(no route\); connect to"):
        known_test_set("wmt14:en-de")
