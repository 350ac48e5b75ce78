"""Engines that tests run on, where the machine has them."""

import pytest

from mt.translation.engines.native.library import why_unavailable

ENGINES = "torch", "ctranslate2", "native"


def available_engines() -> list[str]:
    """Name the engines that this machine has."""
    return [engine for engine in ENGINES if engine != "native" or why_unavailable() is None]


def skip_without(engine: str) -> None:
    """Skip a test whose engine this machine has not."""
    if engine == "native" and (reason := why_unavailable()):
        pytest.skip(f"no native engine: {reason}")
