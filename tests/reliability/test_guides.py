"""Programs that are run by hand find the scripts of the guides, though these change."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("datatrove")
if sys.platform == "win32":
    pytest.skip("paths are those of Unix", allow_module_level=True)

from tests.reliability import ray_train, slurm

RECIPE, RUN = Path("/here/recipe.yaml"), Path("/here/run")


def test_the_job_that_trains():
    assert f"mt train {RECIPE} --out {RUN} --device cpu" in slurm.training_script(RECIPE, RUN)


def test_the_program_that_submits_translations():
    program = slurm.translation_script(Path("/here/text"), Path("/here/out"))
    compile(program, "bulk.md", "exec")
    assert "'/here/text', '/here/out', shard_bytes=2_000" in program


def test_the_program_for_workers_of_ray():
    program = ray_train.training_script(RECIPE, RUN, Path("/here/storage"))
    compile(program, "hosts.md", "exec")
    assert f"'train', '{RECIPE}', '--out', '/here/run'" in program
