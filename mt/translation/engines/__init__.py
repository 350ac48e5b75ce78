"""What turns source pieces into target pieces, fast."""

from collections.abc import Sequence
from typing import Protocol

from mt.translation.search import Hypothesis


class Engine(Protocol):
    """Translates pieces; batching, order and search are its own affair."""

    def generate(
        self, sources: Sequence[Sequence[int]], beam: int, length_penalty: float
    ) -> list[Hypothesis]:
        """Translate each source (piece ids without marks); return its best hypothesis, in order."""
        ...
