"""The command line as a shell meets it: quick, quiet on stdout, plain when something goes wrong."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MT = [sys.executable, "-m", "mt"]
HEAVY = {
    "datasets", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "ruamel", "sacrebleu",
    "safetensors", "sentencepiece", "tensorboard", "torch",
}  # fmt: skip


@pytest.fixture
def environment(monkeypatch):
    """Let programs started elsewhere find the package."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def texts(tmp_path, environment):
    """Write a hypothesis and a reference."""
    lines = [f"Der {number}. Mann fährt heim." for number in range(30)]
    (tmp_path / "hyp").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "ref").write_text("\n".join(reversed(lines)), encoding="utf-8")
    return tmp_path


SCORE = [*MT, "evaluate", "--hypothesis", "hyp", "--reference", "ref"]
WRONG = ["evaluate", "--hypothesis", "nowhere", "--reference", "ref"]


def run(command, directory=ROOT, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(command, cwd=directory, encoding="utf-8", check=False, **options)


def seconds(command):
    """Return processor time, the best of a few: a busy machine takes longer by the clock."""
    times = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run(command).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(times)


def test_help_answers_in_a_blink():
    # About 0.15 s, nearly all of it Typer and rich; where these take long the machine is busy.
    floor = seconds([sys.executable, "-c", "import typer.rich_utils"])
    assert seconds([*MT, "--help"]) < max(0.3, 2 * floor)


def test_help_of_every_command_loads_nothing_heavy():
    program = """
import contextlib, io, sys
from typer.main import get_command
from mt.cli.main import build_app

app = build_app()

def paths(command, *names):
    yield names
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, *names, name)

for names in paths(get_command(app)):
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        app([*names, "--help"])
    loaded = sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1:]))
    print(*names, ":", *loaded)
"""
    done = run([sys.executable, "-c", program, *HEAVY])
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) >= 6
    assert lines[0] == ":"
    # Typer loads pydantic to read the options of a command.
    assert [line for line in lines if not line.endswith((":", ": pydantic"))] == []


def test_without_arguments_it_explains_itself():
    done = run(MT)
    assert done.returncode == 2
    assert "evaluate" in done.stdout + done.stderr


def test_version():
    done = run([*MT, "--version"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mt ")


def test_results_go_to_stdout_and_nothing_else_does(texts):
    done = run(SCORE, texts)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("BLEU ")
    assert done.stdout.count("\n") == 2


def test_stdout_is_utf_8_in_every_locale(texts, monkeypatch):
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = run(SCORE, texts)
    assert done.returncode == 0
    assert " · nrefs:1|" in done.stdout


def test_a_mistake_is_one_line_and_code_2(texts):
    done = run([*MT, *WRONG], texts)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mt: nowhere: expected a text file, but it cannot be read")
    assert done.stderr.count("\n") == 1


def test_debug_adds_the_traceback(texts):
    plain = run([*MT, *WRONG], texts).stderr
    done = run([*MT, "--debug", *WRONG], texts)
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith(plain)


@pytest.mark.parametrize(
    "arguments", [["evaluat"], ["evaluate", "--beem", "3"], ["evaluate"], ["--wrong"]]
)
def test_wrong_usage_is_code_2_without_a_traceback(arguments):
    done = run([*MT, *arguments])
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "codes"),
    [(SCORE, {141}), ([*MT, "--version"], {1, 141}), ([*MT, "evaluate", "--help"], {1, 141})],
)
def test_a_reader_that_leaves_is_no_mistake(texts, command, codes):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(command, texts, stdout=writing)
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode in codes


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", [SCORE, [*MT, "--version"], [*MT, "--help"]])
def test_a_full_disk_is_one_line_and_code_2(texts, command):
    with Path("/dev/full").open("w") as full:
        done = run(command, texts, stdout=full)
    assert done.returncode == 2
    assert done.stderr.startswith("mt: output: expected room to write, but there is no more")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def interruptible():
    """Let programs receive interrupts: those that a shell runs in the background ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_one_line_and_code_130(texts):
    os.mkfifo(texts / "pipe")
    command = [*MT, "evaluate", "--hypothesis", "pipe", "--reference", "ref"]
    process = subprocess.Popen(command, cwd=texts, stderr=subprocess.PIPE, encoding="utf-8")
    with process, (texts / "pipe").open("w"):  # opens once the program waits for lines
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr == "mt: interrupted\n"
