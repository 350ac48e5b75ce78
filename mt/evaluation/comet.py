"""The one file that knows COMET: a neural network that reads source, translation and reference.

It has been trained to say what people would say of a translation.

Source: Rei et al. (2020); the model: Rei et al. (2022), "COMET-22".
"""

import importlib.util
from collections.abc import Sequence
from importlib.metadata import version

from mt.errors import DataError

MODEL = "Unbabel/wmt22-comet-da"
"""The package's default. It was trained to answer from 0 to 1."""


def refuse_missing_comet() -> None:
    """Refuse to go on without the package; called where much comes before scores.

    Raises:
        DataError: If it is not installed.
    """
    if importlib.util.find_spec("comet") is None:
        raise DataError(
            "--metric comet: expected the package unbabel-comet, but it is not installed; run: "
            "pip install 'mt[comet]'"
        )


def comet_version() -> str:
    """Return the version of the package."""
    return version("unbabel-comet")


def comet_scores(
    sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
) -> list[float]:
    """Score each line by itself, times 100: about 0 to 100.

    Raises:
        DataError: If the package is not installed, or its model cannot be had.
    """
    refuse_missing_comet()
    import torch  # noqa: PLC0415
    from comet import download_model, load_from_checkpoint  # noqa: PLC0415

    try:
        model = load_from_checkpoint(download_model(MODEL))
    except (KeyError, OSError) as error:  # what it raises without a connection
        raise DataError(
            f"--metric comet: expected the model {MODEL}, but it cannot be downloaded ({error}); "
            "connect to the internet once, or choose another metric"
        ) from None
    samples = [
        {"src": source, "mt": hypothesis, "ref": reference}
        for source, hypothesis, reference in zip(sources, hypotheses, references, strict=True)
    ]
    found = model.predict(samples, gpus=int(torch.cuda.is_available()), progress_bar=False)
    return [100 * float(score) for score in found.scores]
