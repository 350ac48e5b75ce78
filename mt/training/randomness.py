"""The state of random numbers: of its own in each process, and kept in checkpoints."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mt.training.world import World

RandomState = Mapping[str, Tensor]
"""The state of torch's generators in one process, by device type."""


def give_own_state(world: World) -> None:
    """Let each process draw random numbers of its own, whose states were equal before.

    The main process keeps its state, so that a single process draws as if there were no world. The
    others begin anew with a seed drawn from the common state.
    """
    for _ in range(world.rank):
        torch.manual_seed(int(torch.randint(2**62, ())))


def begin_anew(seed: int, update: int, rank: int) -> None:
    """Give a process a state of its own that depends on the arguments alone.

    Args:
        seed: That of the run.
        update: The last update that was done.
        rank: The number of the process.
    """
    [own] = np.random.SeedSequence([seed, update, rank]).generate_state(1, np.uint64)
    torch.manual_seed(int(own))


def random_state(device: torch.device) -> RandomState:
    """Return the state of the generators that training on ``device`` draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: RandomState, device: torch.device) -> None:
    """Go back to a state that :func:`random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
