"""Jobs that run in this process."""

import json
from pathlib import Path

import pytest

from mt.bulk import LocalExecutor, plan_translation, summarise

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "tests/golden/bundle"
LINES = json.loads((ROOT / "tests/golden/translations.json").read_text())["source"]


def work(job):
    """Do in this process what is missing of a job."""
    for stage in job.stages():
        executor = LocalExecutor(**stage)
        for rank in executor.get_incomplete_ranks():
            executor._run_for_rank(rank, 1)


@pytest.fixture
def translate(tmp_path):
    """Translate what a folder holds, and return what was counted."""

    def run(source="in", **options):
        output = str(tmp_path / "out")
        job = plan_translation(str(BUNDLE), str(tmp_path / source), output, **options)
        work(job)
        return summarise(output)

    (tmp_path / "in").mkdir()
    return run
