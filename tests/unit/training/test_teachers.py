"""Word-level distillation in a whole run, and the teachers that are refused."""

import json
import shutil

import pytest

from mt.bundle import open_bundle
from mt.errors import BundleError, ConfigError, TrainingError
from tests.tiny import mt, write_corpus, write_recipe
from tests.unit.training.test_methods import reports

pytestmark = pytest.mark.slow


@pytest.fixture
def teacher(fit):
    return fit(run="teacher").run


def losses(outcome):
    return [entry["loss"] for entry in reports(outcome) if "epoch" in entry]


def taught_by(*teachers, weight=0.5):
    return (
        f"training.distillation={{teachers: {json.dumps([*map(str, teachers)])}, weight: {weight}}}"
    )


def test_a_run_learns_from_teachers_and_goes_on_exactly(fit, teacher):
    settings = taught_by(teacher, teacher), "seed=2"
    plain, whole = fit("seed=2", run="plain"), fit(*settings, run="whole")
    assert losses(plain) != losses(whole)
    fit(*settings, "training.updates=20")
    resumed = fit(*settings, resume=True)
    assert reports(resumed) == reports(whole)


def test_a_teacher_of_another_run_is_not_taken_for_the_same(fit, teacher):
    settings = taught_by(teacher), "seed=2"
    fit(*settings, "training.updates=20")
    other = fit("seed=3", run="other").run
    shutil.rmtree(teacher)
    other.rename(teacher)
    with pytest.raises(TrainingError, match="the teachers of the run that is resumed"):
        fit(*settings, resume=True)


def test_a_teacher_may_have_been_moved(fit, teacher):
    whole = fit(taught_by(teacher), "seed=2", run="whole")
    fit(taught_by(teacher), "seed=2", "training.updates=20")
    moved = teacher.rename(teacher.with_name("moved"))
    assert reports(fit(taught_by(moved), "seed=2", resume=True)) == reports(whole)


def test_teachers_of_other_tokens_or_shorter_sentences_are_refused(fit, teacher):
    short = fit("data.max_tokens=20", run="short").run
    other = fit("tokenizer.size=290", run="other").run
    with pytest.raises(TrainingError, match="set data.max_tokens to 20"):
        fit(taught_by(teacher, short))
    with pytest.raises(TrainingError, match=f"{other}.*has others than {teacher}"):
        fit(taught_by(teacher, other))
    with pytest.raises(TrainingError, match=f"{other}.*has others than {teacher}"):
        fit(taught_by(other), f"tokenizer_from={teacher}")
    with pytest.raises(TrainingError, match="the run's tokenizers"):
        fit(taught_by(other))
    assert open_bundle(fit(taught_by(short), "data.max_tokens=20").run)


def test_teachers_of_the_other_direction_are_refused(fit, teacher):
    reverse = "data.source=yy", "data.target=xx"
    with pytest.raises(TrainingError, match="from yy to xx"):
        fit(taught_by(teacher), *reverse)


def test_teachers_are_looked_for_before_anything_is_made(fit, tmp_path):
    with pytest.raises(BundleError, match=r"distillation.teachers: .*does not exist"):
        fit(taught_by(tmp_path / "nowhere"))
    assert not (tmp_path / "run").exists()


def test_checking_a_recipe_looks_for_them(tmp_path):
    recipe = write_recipe(write_corpus(tmp_path))
    done = mt("config", "check", recipe, "--set", taught_by("nowhere"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "distillation.teachers: nowhere: expected a run or bundle directory" in done.stderr


def test_two_losses_are_refused(fit, tmp_path):
    with pytest.raises(ConfigError, match="leave out one"):
        fit(taught_by(tmp_path), "training.consistency={kind: rdrop}")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("{teachers: []}", "at least one model, but found none; add one"),
        ("{teachers: [a], weight: 0}", "greater than 0"),
        ("{weight: 0.5}", "teachers"),
    ],
)
def test_a_section_without_teachers_or_weight_is_refused(fit, wrong, expected):
    with pytest.raises(ConfigError, match=expected):
        fit(f"training.distillation={wrong}")
