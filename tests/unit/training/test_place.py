"""Which process of a run this one is, as its environment and the command line say."""

import pytest

from mt.errors import ConfigError
from mt.training.processes import Place, own_place

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
TORCHRUN = dict(zip(NAMES, ["5", "8", "1", "4", "host", "29500"], strict=True))


@pytest.fixture
def started(monkeypatch):
    """Return a function that sets an environment, and nothing else of it."""

    def start(environment):
        for name in (*NAMES, "MT_MEETING"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return start


@pytest.mark.parametrize(("wanted", "size"), [(None, 1), (1, 1), (3, 3)])
def test_alone_it_is_the_first_of_as_many_as_are_wanted(started, wanted, size):
    started({})
    assert own_place(wanted) == Place(0, size, 0, size, None)


@pytest.mark.parametrize("wanted", [None, 4])
def test_torchrun_says_which_it_is(started, wanted):
    started(TORCHRUN)
    assert own_place(wanted) == Place(5, 8, 1, 4, "env://")


def test_one_process_a_machine_needs_no_local_numbers(started):
    started({name: value for name, value in TORCHRUN.items() if "LOCAL" not in name})
    assert own_place(None) == Place(5, 8, 0, 1, "env://")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RANK": None}, "RANK: expected it beside WORLD_SIZE in the environment, but"),
        ({"MASTER_PORT": None}, "MASTER_PORT: expected it beside WORLD_SIZE"),
        ({"WORLD_SIZE": "all"}, "WORLD_SIZE: expected a number from 1 .* found `all`"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE: expected a number from 1 .* found `0`"),
        ({"RANK": "8"}, "RANK: expected a number from 0 to 7 .* found `8`"),
    ],
)
def test_half_an_environment_is_refused(started, change, words):
    started({name: value for name, value in (TORCHRUN | change).items() if value is not None})
    with pytest.raises(ConfigError, match=words):
        own_place(None)


def test_far_more_processes_than_cores_are_refused(started, monkeypatch):
    monkeypatch.setattr("mt.training.processes.available_cores", lambda: 2)
    started({})
    assert own_place(16).size == 16
    with pytest.raises(ConfigError, match="--processes: expected at most 16 on the 2 cores"):
        own_place(17)


def test_another_number_than_was_started_is_refused(started):
    started(TORCHRUN)
    with pytest.raises(ConfigError, match="--processes: expected auto or 4, .* found 2"):
        own_place(2)
