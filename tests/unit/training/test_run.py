"""A whole run inside this process: how it ends, what it keeps, how it goes on."""

import errno
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from mt.bundle import open_bundle, read_index
from mt.data.pairs import read_pairs
from mt.errors import DataError, TrainingError
from mt.evaluation import evaluate
from mt.files import sha256
from mt.text.tokenizer import Tokenizer
from mt.training import run as module
from mt.training.checkpoints import average_weights
from mt.training.objective import Objective
from mt.training.validation import Validation
from mt.translation import TranslationConfig, load_translator
from mt.translation.config import GreedyConfig
from tests.tiny import write_corpus

pytestmark = pytest.mark.slow

MODEL = "tokenizer/tokenizer.model"
SIDES = (("source", "src"), ("target", "tgt"))


def bundles(run):
    return sorted(path.name for path in (run / "bundles").iterdir())


def test_all_updates(fit):
    outcome = fit()
    assert (outcome.ended, outcome.finished) == ("all updates done", True)
    assert outcome.progress.update == 40
    assert [result.update for result in outcome.progress.history] == [10, 20, 30, 40]
    losses = [result.loss for result in outcome.progress.history]
    assert losses == sorted(losses, reverse=True)
    assert outcome.best.update == 40


def test_the_last_update_is_validated_whatever_the_interval(fit):
    outcome = fit("validation.every=1000", "training.updates=7", "training.schedule.warmup=5")
    assert [result.update for result in outcome.progress.history] == [7]
    assert outcome.progress.average is None
    assert bundles(outcome.run) == ["update-000007"]


@pytest.mark.parametrize("of", ["last", "best"])
def test_the_average_is_that_of_the_kept_checkpoints(fit, of):
    outcome = fit(f"training.average.of={of}", "training.average.count=3")
    names = ["update-000020", "update-000030", "update-000040"]
    # The first is for the average of the checkpoint before the last.
    assert bundles(outcome.run) == ["average-000040", "update-000010", *names]
    average = open_bundle(outcome.run / "bundles" / "average-000040")
    assert average.metadata.averaged == (20, 30, 40)
    parts = [open_bundle(outcome.run / "bundles" / name).weights() for name in names]
    for name, expected in average_weights(parts).items():
        assert torch.equal(average.weights()[name], expected)
    # The loss still falls quickly, so that the last checkpoint beats the mean.
    assert outcome.progress.average.loss > outcome.best.loss
    assert read_index(outcome.run)["best"].name == "update-000040"


@pytest.mark.parametrize("of", ["last", "best"])
def test_what_a_run_started_from_is_not_averaged(fit, of, tmp_path):
    fit("training.updates=10", run="start")
    # With such a rate nothing is learnt, and the start stays as good as any.
    given = [
        f"init_from={tmp_path / 'start'}", f"training.average.of={of}", "training.average.count=9",
        "training.optimizer.learning_rate=1e-9", "training.updates=20",
    ]  # fmt: skip
    outcome = fit(*given)
    assert [result.update for result in outcome.progress.history] == [0, 10, 20]
    average = open_bundle(outcome.run / "bundles" / "average-000020")
    assert average.metadata.averaged == (10, 20)
    alone = fit(*given, "validation.every=20", run="alone")
    assert [result.update for result in alone.progress.history] == [0, 20]
    assert alone.progress.average is None


def test_the_average_is_validated_by_its_own_translations(fit, recipe):
    outcome = fit("validation.metric=chrf", "training.optimizer.learning_rate=2e-2")
    pairs = list(read_pairs(recipe.data.validation))
    greedy = TranslationConfig(search=GreedyConfig())
    for name, result in (
        ("update-000040", outcome.progress.history[-1]),
        ("average-000040", outcome.progress.average),
    ):
        translator = load_translator(outcome.run / "bundles" / name, "cpu", engine="torch")
        found = translator.translate_all([pair.source for pair in pairs], greedy)
        hypotheses = [translation.text for translation in found]
        [score] = evaluate(hypotheses, [[pair.target for pair in pairs]], ["chrf"], bootstrap=0)
        assert result.score == score
    assert outcome.progress.average.score != outcome.progress.history[-1].score


def test_patience_ends_a_run_and_may_be_raised(fit, caplog):
    caplog.set_level("INFO", logger="mt")
    lazy = ["validation.min_improvement=100", "validation.patience=2", "training.average.count=1"]
    outcome = fit(*lazy)
    assert (outcome.ended, outcome.finished) == ("no improvement", True)
    assert outcome.progress.update == 30
    again = fit(*lazy, resume=True)
    assert again == outcome
    log = (outcome.run / "log.txt").read_text(encoding="utf-8")
    assert "nothing left to train: no improvement at update 30\n" in log
    further = fit(*lazy, "validation.patience=9", resume=True)
    assert (further.ended, further.progress.update) == ("all updates done", 40)


def test_divergence_keeps_the_checkpoint(fit, diverge):
    healthy = fit(run="healthy")
    mend = diverge(bad=range(26, 1000))
    with pytest.raises(
        TrainingError, match=r"5 updates in a row, up to 25, are not: loss nan.*learning_rate"
    ):
        fit()
    run = healthy.run.parent / "run"
    told = (run / "log.txt").read_text(encoding="utf-8")
    # Five updates are left out; those after the checkpoint at 20 again after each of three returns.
    assert [told.count(words) for words in (": left out, as", "(return ")] == [20, 3]
    assert "going on from update 20 at 0.125 of the learning rate (return 3 of 3)" in told
    last = open_bundle(read_index(run)["last"])
    assert last.metadata.update == 20
    assert all(weight.isfinite().all() for weight in last.weights().values())
    mend()
    outcome = fit(resume=True)
    assert outcome.progress.history == healthy.progress.history
    expected = open_bundle(healthy.run).weights()
    for name, weight in open_bundle(run).weights().items():
        assert torch.equal(weight, expected[name])


def test_divergence_before_the_first_checkpoint_leaves_room_for_another_recipe(fit, diverge):
    mend = diverge(bad=range(3, 1000))
    with pytest.raises(TrainingError, match="5 updates in a row, up to 7, are not: loss nan"):
        fit()
    mend()
    assert fit("training.updates=10", "tokenizer.size=290").progress.update == 10


def rates(outcome):
    return [entry["rate"] for entry in entries(outcome) if "rate" in entry]


def test_single_updates_that_are_not_finite_are_left_out(fit, diverge):
    plain = fit("training.report_every=1")
    diverge(bad={1, 12, 13, 14, 15, 33})
    outcome = fit("training.report_every=1", run="other")
    progress = outcome.progress
    assert (outcome.ended, progress.update) == ("all updates done", 40)
    assert (progress.skipped, progress.skipped_in_a_row, progress.returns) == (6, 0, 0)
    reported = [entry["update"] for entry in entries(outcome) if "epoch" in entry]
    assert reported == sorted({*range(1, 41)} - {1, 12, 13, 14, 15, 33})
    # The second update is the first that moved anything: nothing had changed before it.
    before = [
        next(e["loss"] for e in entries(each) if e["update"] == 2) for each in (plain, outcome)
    ]
    assert before[0] < before[1]


def test_a_run_that_diverged_goes_on_at_half_the_rate_and_exactly(fit, diverge):
    whole = fit(run="plain")
    diverge(bad=range(24, 29))
    outcome = fit()
    assert (outcome.ended, outcome.progress.returns) == ("all updates done", 1)
    expected = rates(whole)
    assert rates(outcome) == [*expected[:4], *(rate / 2 for rate in expected[4:])]
    assert "going on from update 20 at 0.5 of the learning rate (return 1 of 3)" in logged(outcome)
    diverge(bad=range(24, 29))
    fit("training.updates=30", run="parts")
    diverge(bad=())
    resumed = fit(run="parts", resume=True)
    assert entries(resumed) == entries(outcome)
    assert "bends" not in logged(resumed)


def test_a_changed_recipe_is_refused_with_the_key(fit):
    fit("training.updates=10")
    with pytest.raises(TrainingError, match="expected a new run directory.*add --resume"):
        fit("training.updates=10")
    for change, told in {
        "seed=2": "`seed` was 1 and is 2",
        "model.dim=32": "`model.dim` was 16 and is 32",
        "training.schedule.kind=cosine": "`training.schedule.kind` was 'inverse_square_root'",
    }.items():
        with pytest.raises(TrainingError, match=told):
            fit("training.updates=10", change, resume=True)
    resumed = fit("training.updates=20", "translation.alternatives=2", resume=True)
    assert resumed.progress.update == 20


def test_changed_text_is_refused(fit, tmp_path):
    write_corpus(tmp_path)
    own = [f"data.train.{side}={tmp_path}/train.{end}" for side, end in SIDES]
    fit("training.updates=10", *own)
    write_corpus(tmp_path, seed=2)
    with pytest.raises(TrainingError, match="the text of the corpora has changed since"):
        fit("training.updates=20", *own, resume=True)


def test_more_updates_go_on_where_the_run_ended(fit):
    whole, parts = fit(run="whole"), fit("training.updates=20", run="parts")
    assert parts.progress.update == 20
    parts = fit(run="parts", resume=True)
    assert parts.progress.history == whole.progress.history
    assert parts.progress.average == whole.progress.average


def logged(outcome):
    return (outcome.run / "log.txt").read_text(encoding="utf-8")


def test_a_resume_without_a_run_says_that_it_begins(fit):
    short = ["training.updates=10"]
    outcome = fit(*short, resume=True)
    assert outcome.progress.update == 10
    assert logged(outcome).count(f"{outcome.run}: nothing to resume; starting from the beg") == 1
    again = logged(fit(*short, resume=True))
    assert again.count("nothing to resume") == 1


def test_a_tokenizer_knows_capitals_where_training_shows_them(fit, tmp_path):
    def capitals(run, *more):
        fit("training.updates=10", *more, run=run)
        return sum(map(str.isupper, Tokenizer.load(tmp_path / run / MODEL).vocabulary))

    assert capitals("plain") == 0
    assert capitals("noisy", "data.augmentation.upper_case=0.5") > 15


def test_a_bent_schedule_is_told(fit):
    cosine = "training.schedule={kind: cosine, warmup: 5}"
    short, long = "training.updates=10", "training.updates=20"
    assert "bends" not in logged(fit(cosine, short))
    assert "bends" not in logged(fit(cosine, short, resume=True))
    # By hand: 3e-3 (1 + cos(pi 6 / 15)) / 2 at update 11 of 20, and nothing at update 10 of 10.
    assert (
        "training.updates=20 bends the schedule: the learning rate was 0.00e+00 at update 10, "
        "and is 1.96e-03 at the next\n"
    ) in logged(fit(cosine, long, resume=True))


def test_kernels_that_come_or_go_between_a_stop_and_its_resume_are_told(fit, monkeypatch):
    monkeypatch.setattr("mt.kernels.native.in_use", lambda: "kernels-1")
    fit("training.updates=10")
    assert "kernels:" not in logged(fit("training.updates=15", resume=True))
    monkeypatch.setattr("mt.kernels.native.in_use", lambda: "torch's")
    last = logged(fit("training.updates=20", resume=True))
    assert last.count("kernels: they were kernels-1 and are torch's; from here on") == 1


def test_a_schedule_without_an_end_is_not_bent(fit):
    fit("training.updates=10")
    assert "bends" not in logged(fit("training.updates=20", resume=True))


def test_the_size_of_a_run_is_told_when_it_starts(fit, caplog):
    caplog.set_level("INFO", logger="mt")
    outcome = fit("training.accumulate=2")
    parameters = sum(weight.numel() for weight in open_bundle(outcome.run).weights().values())
    assert f"model: {parameters:,} parameters, on " in logged(outcome)
    told = re.search(r"training: 40 updates, about (\d+) epochs of 300 pairs\n", logged(outcome))
    # Batches are not filled to the brim.
    assert 0 <= int(told[1]) - outcome.progress.position.epoch <= 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_state_is_named(fit, damage):
    outcome = fit("training.updates=10")
    state = outcome.run / "state" / "update-000010.pt"
    state.unlink() if damage is None else state.write_bytes(damage)
    with pytest.raises(TrainingError, match=r"update-000010\.pt: expected the state of the last"):
        fit(resume=True)


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_flipped_bit_in_the_only_state_is_noticed(fit, place):
    state = fit("training.updates=10").run / "state" / "update-000010.pt"
    flip(state, place)
    with pytest.raises(TrainingError, match=r"update-000010\.pt: .* differs from its SHA-256"):
        fit(resume=True)


def test_a_state_without_room_leaves_the_checkpoint_before(fit, monkeypatch):
    """The file may grow to a size that torch meets in the middle, or at the end."""
    run = fit("training.updates=10").run
    size = (run / "state" / "update-000010.pt").stat().st_size

    class Full(io.FileIO):
        room = 0

        def write(self, content):
            if self.tell() + len(content) > self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    monkeypatch.setattr("mt.training.checkpoints.io.FileIO", Full)
    for Full.room in (0, size // 2, size - 200, size - 1):
        with pytest.raises(OSError, match=r"No space left.*update-000020\.pt"):
            fit("training.updates=20", resume=True)
        assert open_bundle(read_index(run)["last"]).metadata.update == 10
    monkeypatch.undo()
    assert not list((run / "state").glob(".*"))


DAMAGE = {
    "state": (lambda run: flip(run / "state" / "update-000030.pt"), "differs from its SHA-256"),
    "no state": (lambda run: (run / "state" / "update-000030.pt").unlink(), "No such file"),
    "sum": (lambda run: flip(run / "state" / "update-000030.sha256"), "differs from its SHA-256"),
    "weights": (
        lambda run: flip(run / "bundles" / "update-000030" / "model.safetensors"),
        "model.safetensors: expected SHA-256",
    ),
    "no bundle": (lambda run: shutil.rmtree(run / "bundles" / "update-000030"), "does not exist"),
}


def entries(outcome):
    """Read the curve, without times and speeds."""
    lines = (outcome.run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    for entry in found:
        entry.pop("seconds", None), entry.pop("tokens_per_second", None)
    return found


def assert_same(outcome, expected):
    """Compare two runs: their bundles to the last bit, and their curves."""
    assert bundles(outcome.run) == bundles(expected.run)
    for name in bundles(expected.run):
        mine, theirs = (open_bundle(each.run / "bundles" / name) for each in (outcome, expected))
        assert mine.manifest.files == theirs.manifest.files
        assert mine.metadata == theirs.metadata
    assert entries(outcome) == entries(expected)


@pytest.fixture
def crash(monkeypatch):
    """Make training stop dead in some update; return a function that mends it."""

    def crash(update):
        calls = iter(range(1, 1000))

        class Crashing(Objective):
            def __call__(self, model, batch):
                if next(calls) == update:
                    raise KeyboardInterrupt
                return super().__call__(model, batch)

        monkeypatch.setattr(module, "Objective", Crashing)
        return lambda: monkeypatch.setattr(module, "Objective", Objective)

    return crash


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(fit, crash, damage):
    whole = fit(run="whole")
    mend = crash(update=34)
    with pytest.raises(KeyboardInterrupt):
        fit()
    mend()
    run, (harm, told) = whole.run.parent / "run", DAMAGE[damage]
    assert sorted(path.stem for path in (run / "state").glob("*.pt")) == [
        "update-000020", "update-000030",
    ]  # fmt: skip
    harm(run)
    outcome = fit(resume=True)
    [warning] = [line for line in logged(outcome).splitlines() if "state of the last" in line]
    assert "update-000030.pt: expected the state of the last checkpoint, but " in warning
    assert told in warning
    assert warning.endswith("update-000020.pt")
    assert_same(outcome, whole)


def test_the_checkpoint_before_has_its_best_bundle_and_its_average(fit):
    """The index fits the checkpoint that the run goes on from, before it writes another."""
    run = fit("training.updates=30").run
    flip(run / "state" / "update-000030.pt")
    outcome = fit("training.updates=20", resume=True)
    assert open_bundle(read_index(run)["best"]).metadata.update == 20
    assert read_index(run)["last"].name == "update-000020"
    assert outcome.progress.average.update == 20


def test_a_damaged_index_is_written_anew(fit):
    whole, run = fit(run="whole"), fit("training.updates=20").run
    (run / "index.json").write_bytes(b"\0" * 90)
    outcome = fit(resume=True)
    assert "index.json: expected JSON, but " in logged(outcome)
    assert outcome.progress.history == whole.progress.history
    assert read_index(outcome.run)["last"].name == "update-000040"


def test_a_resume_that_is_refused_removes_nothing_where_the_index_is_gone(fit, tmp_path):
    write_corpus(tmp_path)
    own = [f"data.validation.{side}={tmp_path}/dev.{end}" for side, end in SIDES]
    run = fit("training.updates=20", *own).run
    (run / "index.json").unlink()
    kept = [(run / name).read_bytes() for name in ("config.yaml", MODEL)]
    text = (tmp_path / "dev.tgt").read_bytes()
    flip(tmp_path / "dev.tgt")
    with pytest.raises(TrainingError, match="the text of the corpora has changed since"):
        fit(*own, resume=True)
    # The number of updates may change; what the refused call was given is all that is new.
    assert (run / "config.yaml").read_bytes() == kept[0].replace(b"updates: 20", b"updates: 40")
    assert (run / MODEL).read_bytes() == kept[1]
    (tmp_path / "dev.tgt").write_bytes(text)
    assert fit(*own, resume=True).progress.update == 40


def test_an_interrupted_preparation_leaves_room_for_another_recipe(
    fit, recipe, tmp_path, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_trainer", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fit("training.updates=10")
        config = tmp_path / "run" / "config.yaml"
        assert not config.exists()
        config.write_text(recipe.to_yaml(), encoding="utf-8")  # from which somebody trains
        with pytest.raises(KeyboardInterrupt):
            fit(resume=True)
        assert config.exists()
    config.unlink()
    assert fit("training.updates=10", "model.dim=16").progress.update == 10


def test_a_run_whose_directory_is_gone_ends(fit, monkeypatch):
    run = fit("training.updates=10").run
    moved = run.with_name("moved")
    original = Validation.run

    def move(self, model, update):
        if update == 20:
            run.rename(moved)
        return original(self, model, update)

    monkeypatch.setattr(Validation, "run", move)
    with pytest.raises(TrainingError, match="run: expected the run directory, .* but it is gone;"):
        fit(resume=True)
    assert not (run / "bundles").exists()
    monkeypatch.undo()
    shutil.rmtree(run, ignore_errors=True)
    moved.rename(run)
    assert fit(resume=True).progress.update == 40


def test_a_state_with_code_is_refused_and_the_code_not_run(fit, tmp_path):
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    run = fit("training.updates=20").run
    state = run / "state" / "update-000020.pt"
    for content in ({"optimizer": Harmful()}, [1, 2], {"optimizer": {}}):
        torch.save(content, state)
        state.with_suffix(".sha256").write_text(sha256(state), encoding="utf-8")
        with pytest.raises(TrainingError, match=r"000020\.pt: expected the state of a run as"):
            fit(resume=True)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("of", ["last", "best"])
def test_a_best_bundle_that_somebody_removed_is_not_named(fit, of, monkeypatch):
    original = Validation.run

    def worse_and_worse(self, model, update):
        return replace(original(self, model, update), loss=1.0 + update)

    monkeypatch.setattr(Validation, "run", worse_and_worse)
    average = f"training.average={{count: 2, of: {of}}}"
    run = fit("training.updates=30", average).run
    assert read_index(run)["best"].name == "update-000010"
    shutil.rmtree(run / "bundles" / "update-000010")
    outcome = fit(average, resume=True)
    assert read_index(outcome.run)["best"].name == "update-000020"
    averaged = {"last": (30, 40), "best": (20, 30)}[of]
    assert open_bundle(outcome.run / "bundles" / "average-000040").metadata.averaged == averaged


def test_a_damaged_average_is_computed_anew(fit):
    whole = fit(run="whole")
    outcome = fit()
    flip(outcome.run / "bundles" / "average-000040" / "model.safetensors", 0.99)
    assert fit(resume=True).progress.average == whole.progress.average
    assert_same(outcome, whole)


def test_a_damaged_curve_is_told(fit):
    run = fit("training.updates=20").run
    curve = run / "metrics.jsonl"
    curve.write_text(curve.read_text(encoding="utf-8").replace('"update": 5', '"update": 4'))
    outcome = fit(resume=True)
    assert f"{curve}: expected what the run wrote up to update 20, but" in logged(outcome)
    assert outcome.progress.update == 40
    assert "expected what the run wrote" not in logged(fit(run="run2"))


@pytest.mark.parametrize("every", [5, 7])
def test_an_interrupted_run_has_the_curve_of_an_uninterrupted_one(fit, crash, monkeypatch, every):
    """It is interrupted between reports and validations, on either, and dies besides."""
    report = f"training.report_every={every}"
    whole = fit(report, run="whole")
    for number, stop in enumerate((3, 4, 14, 2)):  # updates 3, 7, 21, 23
        monkeypatch.setattr("mt.training.trainer.Interruption", partial(Asked, stop))
        assert fit(report, resume=number > 0).ended == "interrupted"
    monkeypatch.undo()
    monkeypatch.setattr(module, "write_card", lambda *_: None)
    mend = crash(update=15)  # 38: eight after the checkpoint, and after a report
    with pytest.raises(KeyboardInterrupt):
        fit(report, resume=True)
    mend()
    outcome = fit(report, resume=True)
    assert entries(outcome) == entries(whole)
    assert outcome.progress.history == whole.progress.history


class Asked:
    """Asks for an interruption after some updates."""

    def __init__(self, updates):
        self._left = updates

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def requested(self):
        self._left -= 1
        return self._left == 0


@pytest.mark.parametrize("which", ["run/tokenizer", "prepared/tokenizer-*", "both"])
def test_a_damaged_tokenizer_is_obtained_again(fit, tmp_path, which):
    prepared = f"data.store={tmp_path}/prepared"
    whole = fit(run="whole")
    run = fit("training.updates=20", prepared).run
    folders = ("run/tokenizer", "prepared/tokenizer-*") if which == "both" else (which,)
    models = [path for folder in folders for path in tmp_path.glob(f"{folder}/tokenizer.model")]
    contents = [model.read_bytes() for model in models]
    for model in models:
        flip(model)
    outcome = fit(prepared, resume=True)
    # What is in the store is read only where the run's own is damaged.
    said = [f"{model}: expected a tokenizer, but" in logged(outcome) for model in models]
    assert said == [not (which.startswith("prepared"))] * len(models)
    assert outcome.progress.history == whole.progress.history
    if which != "prepared/tokenizer-*":
        assert [model.read_bytes() for model in models] == contents
    assert run == outcome.run


def test_changed_validation_text_is_refused(fit, tmp_path):
    write_corpus(tmp_path)
    own = [f"data.validation.{side}={tmp_path}/dev.{end}" for side, end in SIDES]
    fit("training.updates=10", *own)
    flip(tmp_path / "dev.tgt")
    with pytest.raises(TrainingError, match="the text of the corpora has changed since"):
        fit("training.updates=20", *own, resume=True)


def test_weights_that_are_not_finite_are_never_saved(fit):
    """Such a rate makes weights of 1e38 and more in one update, whose own loss was finite."""
    short = ["training.updates=1", "training.schedule.warmup=1"]
    with pytest.raises(TrainingError, match="expected finite losses, gradients and weights"):
        fit(*short, "training.optimizer.learning_rate=1e39", "training.clip_norm=null")
    fit(*short)  # the directory is free for another recipe


def test_two_processes_do_not_train_in_one_directory(fit, tmp_path):
    run = fit("training.updates=10").run
    program = (
        "import sys; from pathlib import Path; from mt.files import lock_directory\n"
        "with lock_directory(Path(sys.argv[1])):\n"
        "    print('inside', flush=True); sys.stdin.readline()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(run)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout.readline() == "inside\n"
    message = rf"expected to be the only process .* process {other.pid} on \S+ does; wait for it"
    with pytest.raises(DataError, match=message):
        fit("training.updates=20", resume=True)
    other.kill()
    other.communicate()
    assert fit("training.updates=20", resume=True).progress.update == 20
