"""``mt bulk translate`` as a person uses it: in a shell, by SLURM."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mt.bulk import LocalExecutor, summarise
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.reliability.bulk import workers_of
from tests.tiny import ROOT, command, environment, mt, process

LINES = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "a.en"
    path.write_bytes("".join(f"{line}\n" for line in LINES).encode() + b"\xff\n")
    return path


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.txt"))}


@pytest.mark.slow
def test_it_translates_as_mt_translate_does_and_once(tmp_path, text):
    output = tmp_path / "out"
    job = ("bulk", "translate", BUNDLE, text, output, "--workers", 2, "--shard-size", "0.0002")
    done = process(*job)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output}: 41 records in 3 shards\n"
    assert done.stderr.split(" ", 1)[1] == "unreadable line: 1\n"
    shards = content(output)
    lines = b"".join(shards[name] for name in sorted(shards)).decode().splitlines()
    assert lines[:-1] == mt("translate", BUNDLE, text).stdout.splitlines()[:-1]
    assert lines[-1] == ""
    assert mt(*job).stdout == done.stdout
    other = mt(*job[:-1], "0.0003")
    assert other.returncode == 2
    assert re.fullmatch(
        r"mt: .*/out: expected to go on with .* its shards differ.*\n", other.stderr
    )


def test_what_is_wrong_is_a_line(tmp_path, text):
    job = ("bulk", "translate", tmp_path / "none", text, tmp_path / "out")
    done = mt(*job)
    assert done.returncode == 2
    assert done.stderr.startswith(f"mt: {tmp_path / 'none'}: expected a run or bundle directory")
    assert not (tmp_path / "out").exists()


def test_without_datatrove_it_says_what_to_install(tmp_path, text):
    program = "import sys; sys.modules['datatrove'] = None; from mt.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "bulk", "translate", "model", "in", "out"],
        env=environment(), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "mt: mt.bulk: expected the package datatrove, but it is not installed; install it with "
        "`pip install 'mt[bulk]'`\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of Unix")
def test_an_interruption_is_a_line_and_leaves_nobody_behind(tmp_path, text):
    text.write_text("\n".join(LINES * 2000))
    output = tmp_path / "out"
    job = command(
        "bulk", "translate", BUNDLE, text, output, "--workers", 1, "--shard-size", "0.001"
    )
    begun = subprocess.Popen(job, env=environment(), stderr=subprocess.PIPE, encoding="utf-8")
    completions = output / "_mt" / "completions"
    while not completions.exists():
        time.sleep(0.05)
    working = workers_of(begun.pid)
    begun.send_signal(signal.SIGINT)
    assert begun.communicate()[1] == "mt: interrupted\n"
    assert begun.returncode == 130
    assert len(working) == 1
    assert not Path(f"/proc/{working[0]}").exists()
    assert len([*output.glob("*.txt")]) - len([*completions.iterdir()]) in {0, 1}


PROGRAMS = {
    "sbatch": """#!/bin/sh
for script; do :; done
export SLURM_NODELIST=here SLURM_ARRAY_TASK_ID=0
case "$1" in --export*) bash "$script" > "$0.log" 2>&1;; esac
echo "Submitted batch job 1"
""",
    "srun": """#!/bin/sh
while [ "$1" != launch_pickled_pipeline ]; do shift; done
exec "$@"
""",
    "scontrol": "#!/bin/sh\necho here\n",
}
"""A stand-in for SLURM that runs the first job of an array at once."""


def run_on_slurm(tmp_path, step, programs=PROGRAMS, **values):
    """Run the script of the documentation that has a step, with a stand-in for SLURM."""
    page = (ROOT / "docs/howto/bulk.md").read_text(encoding="utf-8")
    scripts = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [script] = [each for each in scripts if "SlurmPipelineExecutor" in each and step in each]
    for name, value in values.items():
        script = script.replace(f'"{name}"', repr(str(value)))
    script = script.replace("source .venv/bin/activate; ", "")
    for name, program in programs.items():
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)
    path = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment() | {"PATH": path}, check=False,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SLURM runs on Unix")
def test_the_script_for_slurm_that_we_show(tmp_path, text):
    (tmp_path / "in").mkdir()
    for name in ("a.en", "b.en"):
        (tmp_path / "in" / name).write_bytes(text.read_bytes())
    run_on_slurm(
        tmp_path, "plan_translation", MODEL=BUNDLE, INPUT=tmp_path / "in", OUTPUT=tmp_path / "out"
    )
    found = summarise(str(tmp_path / "out"))
    assert "#SBATCH --array=0-0%200" in (tmp_path / "out/_mt/launch_script.slurm").read_text()
    assert (found["done"], found["records"]) == (2, 82), (tmp_path / "sbatch.log").read_text()
    assert [*content(tmp_path / "out")] == ["a.en.00000.txt", "b.en.00000.txt"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SLURM runs on Unix")
def test_the_script_for_a_job_with_stages(tmp_path):
    dill = pytest.importorskip("dill")
    rows = [f"This is sentence {word}.\tDas ist Satz {word}.\n" for word in ("one", "two", "six")]
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.tsv").write_text("".join(rows))
    (tmp_path / "in/b.tsv").write_text(rows[1] + rows[2].upper() + "\tNein.\n")
    submitted = tmp_path / "submitted"
    only_noted = f"""#!/bin/sh
echo "$@" >> {submitted}
echo "Submitted batch job $(grep -c export {submitted})"
"""
    output = tmp_path / "out"
    run_on_slurm(
        tmp_path, "plan_cleaning", PROGRAMS | {"sbatch": only_noted},
        INPUT=tmp_path / "in", OUTPUT=output,
    )  # fmt: skip
    calls = [line for line in submitted.read_text().splitlines() if "export" in line]
    waits = [re.findall(r"--dependency=(\S+)", call) for call in calls]
    assert waits == [[], *([f"afterok:{number}"] for number in range(1, 6))]
    names = "signatures", "duplicates", "near-signatures", "near-matches", "near-duplicates", ""
    for name in names:  # what each job would do
        sent = dill.loads((output / "_mt" / name / "executor.pik").read_bytes())
        executor = LocalExecutor(sent.pipeline, sent.tasks, logging_dir=sent.logging_dir)
        for rank in executor.get_incomplete_ranks():
            executor._run_for_rank(rank, 1)
    found = summarise(str(output))
    assert found["dropped"] == {"blank": 1, "duplicate": 1, "near duplicate": 1}
