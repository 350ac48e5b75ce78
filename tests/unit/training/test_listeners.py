"""What a run writes down, and what it takes back when it goes on from an earlier update."""

import io
import json
import threading

import pytest
from rich.console import Console

from mt.training.listeners import Listeners, LogLines, MetricsFile, ProgressBar, TensorBoard
from mt.training.pace import Pace, clock, duration
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

        def on_update(self, number):
            self.calls.append(-number)

        def on_report(self, report):
            self.calls.append(report.update)

        def on_validation(self, result, best):
            self.calls.append((result.update, best))

        def close(self):
            self.calls.append("end")

    members = [Recorder(), Recorder()]
    listeners = Listeners(members)
    listeners.on_update(1)
    listeners.on_report(report(1))
    listeners.on_validation(ValidationResult(1, 1.0), best=False)
    listeners.close()
    assert [member.calls for member in members] == [[-1, 1, (1, False), "end"]] * 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01"), (90000, "25:00:00")],
)
def test_clock(seconds, shown):
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 seconds"),
        (59.4, "59 seconds"),
        (59.6, "1.0 minutes"),
        (90, "1.5 minutes"),
        (7199, "120.0 minutes"),
        (7200, "2.0 hours"),
        (751_680, "8.7 days"),
    ],
)
def test_duration(seconds, shown):
    assert duration(seconds) == shown


class Hours:
    """A clock that tells what it is set to."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


def test_the_pace_is_that_of_this_process():
    hours = Hours(1000.0)
    pace = Pace(updates=lambda: 500, done=100, now=hours)
    hours.now += 60
    assert pace.elapsed() == 60
    assert pace.left(110) == 60 / 10 * 390
    assert pace.left(500) == 0


def test_log_lines_show_the_time_left(caplog):
    caplog.set_level("INFO", logger="mt")
    hours = Hours(0.0)
    lines = LogLines(Pace(updates=lambda: 1000, done=0, now=hours), progress=True)
    hours.now = 100.0
    lines.on_report(report(50))
    assert caplog.messages == [
        "update 50/1000  epoch 1  loss 2.500  rate 1.00e-03  1,000 tokens/s  0:00:05, "
        "31.7 minutes left"
    ]


def test_the_bar_shows_the_time_left_however_far_reports_are_apart():
    hours, written = Hours(0.0), io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    bar = ProgressBar(Pace(updates=lambda: 1000, done=0, now=hours), console)
    for number in (1, 2):
        hours.now += 3600.0
        bar.on_update(number)
    bar.close()
    assert "2/1000" in written.getvalue()
    assert f"{998}:00:00 left" in written.getvalue()


def test_a_run_goes_on_where_tensorboard_cannot_write(tmp_path, caplog, capfd):
    pytest.importorskip("tensorboard")
    board = TensorBoard(tmp_path / "board", done=0)
    (tmp_path / "board").rename(tmp_path / "gone")  # at once, as its thread may be writing there
    for update in range(1, 30):
        board.on_report(report(update))
    board.close()
    [record] = caplog.records
    path = tmp_path / "board"
    assert record.message == f"{path}: No such file or directory; nothing more is written there"
    assert capfd.readouterr().err == ""


def test_a_run_goes_on_where_tensorboard_cannot_begin(tmp_path, caplog):
    pytest.importorskip("tensorboard")
    (tmp_path / "board").touch()
    before = threading.excepthook
    board = TensorBoard(tmp_path / "board", done=0)
    board.on_report(report(1))
    Listeners([board]).close()
    assert threading.excepthook == before
    [record] = caplog.records
    assert record.message == f"{tmp_path / 'board'}: File exists; nothing more is written there"
