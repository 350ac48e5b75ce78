"""A machine translation toolkit: train, translate, evaluate, and look at attention.

The command line is ``mt``; from Python, ``mt.load`` gives a translator::

    translator = mt.load("checkpoints/multi30k-en-de")
    for line in translator.translate(["A dog runs."]):
        print(line.text)
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mt.devices import DeviceName
    from mt.translation import Translator

__version__ = "0.1.0.dev0"
__all__ = ["__version__", "load"]


def load(path: Path | str, beam: int | None = None, device: "DeviceName" = "auto") -> "Translator":
    """Load the translator in a bundle or a run directory.

    Args:
        path: Where it is.
        beam: Hypotheses kept per sentence; ``None``: as the model says.
        device: Where to compute: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        mt.errors.BundleError: If there is no sound model at ``path``.
        mt.errors.ConfigError: If the machine has no such device, or there is no such beam.
    """
    from mt.translation import load_translator  # noqa: PLC0415 - `import mt` stays light

    translator = load_translator(Path(path), device)
    if beam is not None:
        translator.config = translator.config.with_beam(beam)
    return translator
