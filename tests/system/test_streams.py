"""Standard streams that are closed, slow or interrupted."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engines import skip_without
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.tiny import command, environment, process, recipe_of, write_corpus, write_untrained


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A model that knows nothing."""
    return write_untrained(write_corpus(tmp_path_factory.mktemp("corpus")))


def run(redirection, *arguments):
    """Run the command line with a stream closed by a shell, as a service manager does."""
    words = " ".join(map(str, command(*arguments)))
    return subprocess.run(
        ["sh", "-c", f"{words} {redirection}"], env=environment(), capture_output=True,
        encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["translate", "explain"])
def test_a_closed_stdin_is_one_line(bundle, name):
    done = run("<&-", name, bundle, "--device", "cpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mt: stdin: expected text, but it is closed; give a file\n"


def test_a_closed_stdout_is_one_line(bundle, tmp_path):
    (tmp_path / "in").write_text("abc\n", encoding="utf-8")
    done = run(">&-", "translate", bundle, tmp_path / "in", "--device", "cpu")
    assert done.returncode == 2
    *log, line = done.stderr.splitlines()
    assert line.startswith("mt: stdout: expected somewhere to write")
    assert not any("Traceback" in each for each in log)


def test_a_closed_stdout_is_no_matter_with_an_output(bundle, tmp_path):
    (tmp_path / "in").write_text("abc\n\n", encoding="utf-8")
    output = tmp_path / "out"
    done = run(
        ">&- 2>&-", "translate", bundle, tmp_path / "in", "--output", output, "--device", "cpu"
    )
    assert done.returncode == 0
    assert output.read_text(encoding="utf-8").count("\n") == 2


def test_ctrl_c_at_a_terminal_ends_quietly(bundle):
    """A line is answered, then the program waits for the next one and is interrupted."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("translate", bundle, "--device", "cpu"), env=environment(), stdin=theirs,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"abc\n")
    assert process.stdout.readline().endswith("\n")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.splitlines()[-1] == "mt: interrupted"
    assert "Fatal" not in stderr


def test_ctrl_c_does_not_wait_for_what_is_still_to_be_translated(tmp_path):
    """Batches of an hour of work are waiting; the process ends at once, and keeps its lines."""
    skip_without("native")
    lines = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]
    text = "".join(f"{number} {line}\n" for number in range(200) for line in lines)
    (tmp_path / "in").write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        command(
            "translate", BUNDLE, tmp_path / "in", "--beam", "60", "--engine", "native", "--output",
            tmp_path / "out",
        ),
        env=environment(), stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    part = tmp_path / "out.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "mt: interrupted" in stderr
    assert time.monotonic() - begun < 10
    assert part.stat().st_size


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_a_directory_whose_name_is_no_utf_8(bundle, tmp_path):
    """Every command works there; messages show the bytes as they can."""
    place = tmp_path / os.fsdecode(b"n\xff\xfed")
    shutil.copytree(bundle, place / "bundle")
    write_corpus(place)
    recipe = recipe_of(Path())
    (place / "tiny.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    (place / "in").write_text("abc\n", encoding="utf-8")
    corpus = ["--source", place / "test.src", "--target", place / "test.tgt"]
    for engine in ("torch", "ctranslate2"):
        done = process("translate", place / "bundle", place / "in", "--engine", engine)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    for arguments in (
        ["info", place / "bundle"],
        ["explain", place / "bundle", "abc", "--output", place / "page.html"],
        ["align", place / "bundle", *corpus, "--output", place / "links"],
        ["score", place / "bundle", *corpus],
        ["export", place / "bundle", "--to", "ctranslate2", "--output", place / "exported"],
    ):
        done = process(*arguments)
        assert done.returncode == 0, done.stderr
    updates = ["--set", "training.updates=20", "--device", "cpu"]
    with contextlib.chdir(place):
        assert process("train", "tiny.yaml", "--out", place / "run", *updates).returncode == 0
        assert process("info", place / "run").returncode == 0
