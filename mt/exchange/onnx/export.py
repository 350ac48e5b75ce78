"""ONNX: two graphs, whose inputs and outputs docs/howto/export.md describes."""

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mt.bundle import Bundle
from mt.errors import DataError
from mt.exchange.target import new_directory
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.text.tokenizer import tokenizer_files
from mt.translation.config import longest_translation

if TYPE_CHECKING:
    from mt.exchange.onnx.graphs import Graph

PROGRAM = "ONNX"


def inexpressible(config: TransformerConfig | RecurrentConfig) -> str | None:
    """Name what the graphs cannot express of a model; ``None`` if they can express all of it."""
    return "recurrent layers" if isinstance(config, RecurrentConfig) else None


def write(bundle: Bundle, output: Path) -> None:
    """Write a directory; see :meth:`mt.exchange.target.Target.write`.

    Raises:
        DataError: If the packages that write graphs are not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if not importlib.util.find_spec(name)]
    if missing:
        raise DataError(
            f"--to onnx: expected the package {' and '.join(missing)}, but it is not installed; "
            "run: pip install 'mt[onnx]'"
        )
    from mt.exchange.onnx.graphs import graphs  # noqa: PLC0415
    from mt.model.loading import load_model  # noqa: PLC0415

    model = load_model(bundle, bundle.tokenizers())
    longest = longest_translation(bundle.metadata.max_tokens)
    with new_directory(output) as scratch:
        for name, graph in graphs(model, longest).items():
            _save(graph, scratch / f"{name}.onnx")
        for name in tokenizer_files(bundle.path):
            (scratch / name).write_bytes((bundle.path / name).read_bytes())


def _save(graph: "Graph", path: Path) -> None:
    import torch  # noqa: PLC0415

    with _quiet():
        program: Any = torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            dynamo=True,
            dynamic_shapes=graph.dynamic,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            verbose=False,
        )
        program.save(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch says about its own exporter, which nobody can mend, from users."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)
