"""What a run writes down, and what it takes back when it goes on from an earlier update."""

import json

import pytest

from mt.training.listeners import Listeners, MetricsFile, clock
from mt.training.reports import Report
from mt.training.validation import ValidationResult


def report(update):
    return Report(update, 0, 2.5, 2.0, 1e-3, 0.5, 1000.0, update / 10)


def written(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "metrics.jsonl"
    metrics = MetricsFile(path, done=0)
    for update in (5, 10, 15):
        metrics.on_report(report(update))
        if update == 10:
            metrics.on_validation(ValidationResult(10, 1.5), best=True)
    metrics.close()
    return path


def test_every_line_is_an_object(path):
    assert [entry["update"] for entry in written(path)] == [5, 10, 10, 15]
    assert written(path)[0] == report(5).to_json()
    assert written(path)[2] == {"update": 10, "validation": {"loss": 1.5}, "best": True}


def test_a_line_is_there_at_once(tmp_path):
    metrics = MetricsFile(tmp_path / "metrics.jsonl", done=0)
    metrics.on_report(report(1))
    assert len(written(tmp_path / "metrics.jsonl")) == 1
    metrics.close()


@pytest.mark.parametrize(
    ("done", "kept"), [(15, [5, 10, 10, 15]), (14, [5, 10, 10]), (10, [5, 10, 10]), (0, [])]
)
@pytest.mark.parametrize("half", ["", '{"update": 20, "lo', '{"update": 2', "{"])
def test_what_lies_past_the_checkpoint_is_cut_off(path, done, kept, half):
    with path.open("a", encoding="utf-8") as file:
        file.write(half)
    MetricsFile(path, done).close()
    assert [entry["update"] for entry in written(path)] == kept


def test_what_a_crash_damaged_is_dropped_and_said(path, caplog):
    whole = path.read_bytes().splitlines(keepends=True)
    damage = [
        b"\0" * 40 + b"\n",
        b"\xff\xfe{}\n",
        b"[1]\n",
        b'{"loss": 1}\n',
        b'{"update": 12, "lo\n',
    ]
    path.write_bytes(b"".join([*whole[:2], *damage, *whole[2:]]))
    MetricsFile(path, done=15).close()
    assert path.read_bytes() == b"".join(whole)
    assert "5 damaged lines were dropped" in caplog.text


def test_all_listeners_get_everything():
    class Recorder:
        def __init__(self):
            self.calls = []

        def on_report(self, report):
            self.calls.append(report.update)

        def on_validation(self, result, best):
            self.calls.append((result.update, best))

        def close(self):
            self.calls.append("end")

    members = [Recorder(), Recorder()]
    listeners = Listeners(members)
    listeners.on_report(report(1))
    listeners.on_validation(ValidationResult(1, 1.0), best=False)
    listeners.close()
    assert [member.calls for member in members] == [[1, (1, False), "end"]] * 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01"), (90000, "25:00:00")],
)
def test_clock(seconds, shown):
    assert clock(seconds) == shown
