"""``mt score``: how probable given translations are."""

import contextlib
import itertools
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from mt.cli.options import DeviceOption
from mt.devices import EngineName


def score(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    source: Annotated[Path, typer.Option(metavar="FILE", help="Source sentences.")],
    target: Annotated[Path, typer.Option(metavar="FILE", help="Their translations.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where scores go. [default: stdout]")
    ] = None,
    form: Annotated[
        Literal["tsv", "jsonl"], typer.Option("--format", help="What a line of output is.")
    ] = "tsv",
    engine: Annotated[
        EngineName | None, typer.Option(help="What computes. [default: the model's, mostly auto]")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Score given translations by a model: the log-probability, in nats, of each target.

    Writes a line for each pair: the score that search would rank it by and the log-probability, or
    JSON with the probability of each word. A pair with a blank side, or one longer than the model
    was trained for, has `nan` (JSON: `null`).
    """
    from mt.allocator import keep_freed_memory
    from mt.data.corpora.plain import PlainTextConfig
    from mt.logs import start_logging
    from mt.outputs import open_output
    from mt.translation import load_translator
    from mt.translation.output import write_score

    text = PlainTextConfig(source=source, target=target)
    text.check()
    start_logging()
    keep_freed_memory()
    with contextlib.nullcontext(sys.stdout) if output is None else open_output(output) as file:
        translator = load_translator(model, device, engine=engine)
        pairs, again = itertools.tee(text.pairs())
        for pair, scored in zip(pairs, translator.score(again), strict=True):
            file.write(write_score(form, pair, scored))
