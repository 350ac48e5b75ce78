"""``mt bulk``: work on text of any size, on all cores, in shards that can be done again."""

import logging
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mt.cli.command import Command
from mt.devices import DeviceName, RecordFormat
from mt.errors import DataError

if TYPE_CHECKING:
    from mt.bulk import Job

log = logging.getLogger(__name__)

app = typer.Typer(no_args_is_help=True, help="Work on text of any size, on all cores.")


@app.callback()
def _group() -> None:
    """Work on text of any size, on all cores, in shards that can be done again."""


@app.command(cls=Command)
def translate(
    model: Annotated[str, typer.Argument(help="A run or a bundle, or the address of a bundle.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A file, a folder, or a pattern in quotes: text, .jsonl or .parquet, plain or "
            "compressed, here or at an address such as s3://bucket/folder.",
        ),
    ],
    output: Annotated[str, typer.Argument(help="A folder for the shards, here or elsewhere.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. [default: one for each core]")
    ] = None,
    field: Annotated[
        str, typer.Option(help="The field or column that is translated; not of plain text.")
    ] = "text",
    form: Annotated[
        RecordFormat | None,
        typer.Option(
            "--format",
            help="What is written: of plain text the translations alone, or objects with `source` "
            "and `translation`. [default: as the input]",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a value of the model's section `translation`, as in search.size=1.",
        ),
    ] = None,
    shard_size: Annotated[
        float, typer.Option(metavar="MB", min=0.0001, help="Input of a shard, decompressed.")
    ] = 2.0,
    device: Annotated[DeviceName, typer.Option(help="Where each worker computes.")] = "cpu",
) -> None:
    """Translate files into shards, each of which is complete or absent.

    A command that was interrupted goes on when it is given again: what is complete stays, and the
    result is the same, byte for byte, for any number of workers. What could not be translated is
    counted with its reason, in `_mt/summary.json` of the output.
    """
    from mt.bulk import plan_translation

    job = plan_translation(
        model, source, output, field=field, form=form, overrides=overrides or (), device=device,
        shard_bytes=round(shard_size * 1e6),
    )  # fmt: skip
    _run(job, "translating", workers)


def _run(job: "Job", what: str, workers: int | None) -> None:
    """Do what is missing of a job with processes of this machine, and say what became of it."""
    from datatrove.utils.logging import logger

    from mt.bulk import LocalExecutor, summarise
    from mt.cli.progress import shards_progress
    from mt.data.processes import available_cores
    from mt.logs import start_logging

    start_logging()
    logger.remove()  # else datatrove tells what each task does; its logs have it too
    with job.alone():
        executor = LocalExecutor(**job.tasks(), workers=workers or available_cores())
        shards = len(job.plan.shards)
        missing = len(executor.get_incomplete_ranks())
        with shards_progress(what, shards, shards - missing) as show:
            executor.done = lambda stats: show(job.records(stats))
            executor.run()
        summary = summarise(job.address)
    _tell(job.address, summary)


def _tell(output: str, summary: dict[str, Any]) -> None:
    for kind in ("problems", "remarks"):
        for name, count in summary.get(kind, {}).items():
            log.warning("%s: %s", name, f"{count:,}")
    done, shards = summary["done"], summary["shards"]
    if done < shards:
        raise DataError(
            f"{output}: expected {shards:,} shards, but only {done:,} are complete, as workers "
            "were killed; look why, such as for want of memory, and give the command again"
        )
    typer.echo(f"{output}: {summary['records']:,} records in {shards:,} shards")
