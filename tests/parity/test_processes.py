"""Two processes train as one does, and their run is written once."""

import logging
import re
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
import torch
from rich.console import Console

from mt.bundle import open_bundle, read_index
from mt.config import apply_overrides
from mt.errors import DataError, TrainingError
from mt.model.config import TransformerConfig
from mt.training import run as module
from mt.training import sharing
from mt.training.config import LoRAConfig
from mt.training.loop import updates
from mt.training.objective import Objective
from mt.training.order import Position, TrainingOrder
from mt.training.processes import Place
from mt.training.progress import Ending
from mt.training.recipe import RecipeConfig
from mt.training.run import train
from mt.training.sharing import refuse_other_pairs, refuse_unshared
from mt.training.world import SingleProcess, join
from tests.golden.test_loss_curve import VOCABULARY, Store
from tests.tiny import recipe_of, write_corpus

pytestmark = pytest.mark.slow
CPU = torch.device("cpu")
UPDATES = 12


def learn(world):
    """Do some updates in float64, without dropout; return what they did and the weights."""
    torch.manual_seed(1)
    config = TransformerConfig(
        dim=16, encoder_layers=1, decoder_layers=1, heads=2, feed_forward=32, dropout=0.0
    )
    model = config.build(VOCABULARY, VOCABULARY).double()
    groups = list(islice(TrainingOrder(Store(), 12, seed=1).groups(Position(), 2), UPDATES))
    rows = [len(batch.source) for group in groups for batch in group.batches]
    assert min(rows) == 1 < max(rows)  # one process has nothing to do
    # Adam would divide gradients that are 0 but for rounding by themselves.
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    done = updates(
        model, Objective(0.1), groups, optimizer, lambda number: 1 / number, world,
        clip_norm=0.5, precision="fp32", device=CPU,
    )  # fmt: skip
    names = ("smoothed", "cross_entropy", "gradient_norm", "source_tokens", "target_tokens")
    table = [[float(getattr(update, name)) for name in names] for update in done]
    return torch.tensor(table, dtype=torch.float64), dict(model.named_parameters())


class Interrupted:
    """A world that sees the weights, and whose second process receives a signal in an update."""

    def __init__(self, world, update):
        self._world = world
        self._left = update

    def __getattr__(self, name):
        return getattr(self._world, name)

    def sum_gradients(self, parameters):
        parameters = list(parameters)
        self.weights = torch.cat([weight.detach().flatten() for weight in parameters])
        self._world.sum_gradients(parameters)

    def any(self, flag):
        self._left -= 1
        return self._world.any(flag or (self.rank == 1 and self._left == 0))


def fit(world, recipe, run, resume=False):
    return train(recipe, run, resume, CPU, Console(stderr=True), world)


def runs(world, recipe, directory):
    """Train without a stop, and with one; return how each ended, and a refusal."""
    logging.getLogger("mt").setLevel(logging.INFO)
    whole = fit(world, recipe, directory / "whole")
    interrupted = Interrupted(world, 7)
    stopped = fit(interrupted, recipe, directory / "parts")
    resumed = fit(world, recipe, directory / "parts", resume=True)
    try:
        fit(world, recipe, directory / "whole")
    except TrainingError as error:
        refusal = str(error)
    return whole, stopped, resumed, refusal, interrupted.weights


def adapted(world, recipe, directory):
    """Train small matrices beside the weights of a run; return them."""
    training = recipe.training.model_copy(update={"lora": LoRAConfig(rank=2), "updates": 10})
    values = {"init_from": directory / "whole", "training": training}
    watched = Interrupted(world, 99)
    fit(watched, recipe.model_copy(update=values), directory / "adapted")
    return watched.weights


class Small(Objective):
    """An objective with memory for six rows."""

    def __call__(self, model, batch):
        if len(batch.target) > 6:
            raise torch.OutOfMemoryError
        return super().__call__(model, batch)


def with_little_memory(world, recipe, directory):
    """Train where the second process has too little memory for its share of a batch."""
    objective = Small if world.rank else Objective
    training = recipe.training.model_copy(update={"updates": 20})
    with mock.patch.object(module, "Objective", objective):
        fit(world, recipe.model_copy(update={"training": training}), directory / "small")


def refusals(world, directory):
    """Return what is said where processes see other files than the first, and of a failure."""

    def fail():
        raise DataError("said by the first alone")

    own = directory / str(world.rank)
    own.mkdir()
    for attempt in (
        lambda: refuse_unshared(own, Elsewhere(world)),
        lambda: refuse_other_pairs(str(world.rank), world),
        lambda: world.from_main(fail),
    ):
        with pytest.raises((DataError, TrainingError)) as caught:
            attempt()
        yield str(caught.value)


class Elsewhere:
    """A world whose second process has another file system."""

    def __init__(self, world):
        self._world = world

    def __getattr__(self, name):
        return getattr(self._world, name)

    def from_main(self, compute):
        found = self._world.from_main(compute)
        return Path("/nowhere") if self.rank == 1 else found


def work(rank, recipe, directory):
    """Be one of two processes, and keep what it found."""
    place = Place(rank, 2, rank, 2, f"file://{directory}/meeting")
    with join(place, CPU) as world, mock.patch.object(sharing, "_SECONDS_TO_APPEAR", 0.0):
        first = [world.fails_first(), world.any(False), world.fails_first()]
        said = list(refusals(world, directory))
        found = learn(world), runs(world, recipe, directory), (first, said)
        found = *found, adapted(world, recipe, directory)
        with_little_memory(world, recipe, directory)
    torch.save(found, directory / f"{rank}.pt")


class Two(NamedTuple):
    """What two processes found, by rank."""

    learnt: list
    runs: list
    said: list
    adapted: list
    directory: Path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    corpus = write_corpus(tmp_path_factory.mktemp("corpus"))
    noise = ["data.augmentation.upper_case=0.2", "data.augmentation.word_dropout=0.1"]
    values = apply_overrides(recipe_of(corpus), ["validation.metric=chrf", *noise])
    return RecipeConfig.parse(values, where="tiny")


@pytest.fixture(scope="module")
def two(recipe, tmp_path_factory):
    """Let two processes work; return what each found, and where."""
    directory = tmp_path_factory.mktemp("two")
    torch.multiprocessing.spawn(work, (recipe, directory), nprocs=2)
    found = [torch.load(directory / f"{rank}.pt", weights_only=False) for rank in range(2)]
    return Two(*zip(*found, strict=True), directory)


def test_two_processes_learn_what_one_does(two):
    expected, weights = learn(SingleProcess())
    for found, learnt in two.learnt:
        # float64 sums of about a hundred losses, and a dozen updates, in another order.
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
        for name, weight in weights.items():
            torch.testing.assert_close(learnt[name], weight, rtol=0, atol=1e-12)


def test_a_run_of_two_processes_is_written_once_and_resumed_exactly(two, recipe):
    history, average = two.runs[0][0].progress.history, two.runs[0][0].progress.average
    for whole, stopped, resumed, refusal, weights in two.runs:
        assert (stopped.ended, stopped.progress.update) == (Ending.INTERRUPTED, 7)
        assert [whole.ended, resumed.ended] == [Ending.DONE] * 2
        assert whole.progress.history == resumed.progress.history == history
        assert whole.progress.average == resumed.progress.average == average
        assert "expected a new run directory" in refusal
        assert torch.equal(weights, two.runs[0][-1])

    whole, parts = two.directory / "whole", two.directory / "parts"
    for name in ("best", "last"):
        bundle = open_bundle(read_index(whole)[name])
        for key, weight in open_bundle(read_index(parts)[name]).weights().items():
            assert torch.equal(weight, bundle.weights()[key])
    lines = (whole / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 40 // 5 + 40 // 10
    log = (whole / "log.txt").read_text(encoding="utf-8")
    assert [log.count(words) for words in ("training pairs", "model: ", "average ")] == [1, 1, 1]
    state = whole / "state" / "update-000040.pt"
    one, other = torch.load(state)["random"]
    assert not torch.equal(one["cpu"], other["cpu"])


def test_processes_have_the_same_small_matrices(two):
    one, other = two.adapted
    assert one.any()
    assert torch.equal(one, other)


def test_what_memory_asks_of_another_process_is_told_once(two):
    log = (two.directory / "small" / "log.txt").read_text(encoding="utf-8")
    [line] = [line for line in log.splitlines() if "memory: " in line]
    assert re.search(r"too little for a batch of rank 1, which computes each in [248] pieces", line)
    assert log.index(line) < log.index("update 20  validation")


def test_another_number_of_processes_goes_on_with_other_random_numbers(
    two, recipe, caplog, tmp_path
):
    run = shutil.copytree(two.directory / "whole", tmp_path / "run")
    longer = recipe.model_copy(
        update={"training": recipe.training.model_copy(update={"updates": 45})}
    )
    logging.getLogger("mt").propagate = True
    outcome = fit(SingleProcess(), longer, run, resume=True)
    assert outcome.progress.update == 45
    assert outcome.progress.history[:4] == two.runs[0][0].progress.history
    assert "there were 2 and are 1" in caplog.text


def test_a_failure_is_told_by_one_and_raised_in_all(two):
    assert sorted(first for first, _ in two.said) == [[False, False, False], [True, False, False]]
    for _, (unshared, other, failure) in two.said:
        assert "expected a directory that all processes see, but rank 1 on" in unshared
        assert "expected the same pairs in all processes, but rank 1 on" in other
        assert failure == "said by the first alone"


def test_a_process_that_never_came_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as gone:
        pass
    place = Place(0, 2, 0, 2, (tmp_path / "meeting").as_uri(), (gone,))
    with pytest.raises(TrainingError, match="but rank 1 .* has ended with 3"), join(place, CPU):
        pass
