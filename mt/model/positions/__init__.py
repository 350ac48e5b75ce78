"""Where a piece stands in its sentence, as absolute places, turns, or distances."""

from mt.model.positions.absolute import Learned, NoPositions, Sinusoidal
from mt.model.positions.contract import (
    AbsolutePositions,
    PositionsChoice,
    RelativePositions,
    Rotation,
)
from mt.model.positions.relative import T5, Alibi, Shaw
from mt.model.positions.rotary import Rotary

PositionsConfig = Sinusoidal | Learned | NoPositions | Rotary | Shaw | T5 | Alibi

__all__ = [
    "T5",
    "AbsolutePositions",
    "Alibi",
    "Learned",
    "NoPositions",
    "PositionsChoice",
    "PositionsConfig",
    "RelativePositions",
    "Rotary",
    "Rotation",
    "Shaw",
    "Sinusoidal",
]
