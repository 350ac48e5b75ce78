"""What every corpus consists of."""

from typing import NamedTuple


class Pair(NamedTuple):
    """A sentence and its translation, which never part; neither holds a line feed."""

    source: str
    target: str
