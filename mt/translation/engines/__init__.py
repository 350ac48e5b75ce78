"""What turns source tokens into target tokens, fast."""

from collections.abc import Sequence
from typing import Protocol

from mt.translation.search import Hypothesis


class Engine(Protocol):
    """Translates tokens; batching, order and search are its own affair."""

    def generate(
        self, sources: Sequence[Sequence[int]], beam: int, length_penalty: float
    ) -> list[Hypothesis]:
        """Translate each source (token ids without marks); return its best hypothesis, in order."""
        ...
