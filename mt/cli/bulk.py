"""``mt bulk``: work on text of any size, on all cores, in shards that can be done again."""

import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mt.cli.command import Command
from mt.cli.options import TagOption
from mt.devices import DeviceName, RecordFormat
from mt.errors import DataError

if TYPE_CHECKING:
    from datatrove.utils.stats import PipelineStats

    from mt.bulk import Job
    from mt.cli.progress import Progress

log = logging.getLogger(__name__)

app = typer.Typer(no_args_is_help=True, help="Work on text of any size, on all cores.")

InputArgument = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="A file, a folder, or a pattern in quotes: text, .jsonl, .tsv or .parquet, plain or "
        "compressed, here or at an address such as s3://bucket/folder.",
    ),
]
OutputArgument = Annotated[
    str, typer.Argument(metavar="OUTPUT", help="A folder for the shards, here or elsewhere.")
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Processes. [default: one for each core]")
]
ShardSizeOption = Annotated[
    float, typer.Option(metavar="MB", min=0.0001, help="Input of a shard, decompressed.")
]
SourceOption = Annotated[str, typer.Option(help="The language of the sources, such as en.")]
TargetOption = Annotated[str, typer.Option(help="The language of the translations.")]
FieldsOption = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="SOURCE TARGET",
        help="The fields or columns of both. [default: the languages; 1 and 2 of TSV]",
    ),
]


@app.callback()
def _group() -> None:
    """Work on text of any size, on all cores, in shards that can be done again."""


@app.command(cls=Command)
def translate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A run or a bundle, or the address of a bundle.")
    ],
    source: InputArgument,
    output: OutputArgument,
    workers: WorkersOption = None,
    field: Annotated[
        str, typer.Option(help="The field or column that is translated; not of plain text.")
    ] = "text",
    form: Annotated[
        RecordFormat | None,
        typer.Option(
            "--format",
            help="What is written: of plain text the translations alone, or as jsonl objects with "
            "`source` and `translation`. [default: as the input]",
        ),
    ] = None,
    tag: TagOption = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a value of the model's section `translation`, as in search.size=1.",
        ),
    ] = None,
    shard_size: ShardSizeOption = 2.0,
    device: Annotated[DeviceName, typer.Option(help="Where each worker computes.")] = "cpu",
) -> None:
    """Translate files into shards, each of which is complete or absent.

    A command that was interrupted goes on when it is given again: what is complete stays, and the
    result is the same, byte for byte, for any number of workers. What could not be translated is
    counted with its reason, in `_mt/summary.json` of the output.
    """
    from mt.bulk import plan_translation

    _start_logging()
    job = plan_translation(
        model, source, output, field=field, form=form, overrides=overrides or (), device=device,
        tag=tag, shard_bytes=round(shard_size * 1e6),
    )  # fmt: skip
    _run(job, "translating", workers)


@app.command(cls=Command)
def check(
    pairs: InputArgument,
    output: Annotated[
        str, typer.Argument(metavar="OUTPUT", help="A folder for the report, here or elsewhere.")
    ],
    source: SourceOption,
    target: TargetOption,
    fields: FieldsOption = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            "--held-out",
            metavar="FILE",
            help="Pairs for validation or test, to look for in the others; once a file.",
        ),
    ] = None,
    workers: WorkersOption = None,
    shard_size: ShardSizeOption = 64.0,
) -> None:
    """Say what is in parallel text and what is wrong with it, on any scale.

    Shards are measured apart, by what `mt data check` measures, and put together: what was found is
    printed, and is in `report.html` and `report.json` of the output. A command that was interrupted
    goes on when it is given again.
    """
    import json

    from mt.bulk import corpora_of, plan_check, report_of
    from mt.cli.report_text import as_text
    from mt.data.corpora import open_corpora
    from mt.data.report.page import page_of
    from mt.training.suggestion import Machine, suggest, write_recipe

    _start_logging()
    languages, held_out = (source, target), held_out or []
    job = plan_check(
        pairs, output, languages, fields=fields, held_out=held_out,
        shard_bytes=round(shard_size * 1e6),
    )  # fmt: skip
    _run(job, "measuring", workers)
    report = report_of(output, pairs)
    suggestion = suggest(report.pairs, report.words, Machine.here(), report.tried)
    recipe = write_recipe(
        suggestion, languages, corpora_of(job, pairs), open_corpora(held_out, *languages)
    )
    job.put("report.html", page_of(report, recipe))
    values = report.to_json() | {"recipe": recipe}
    job.put("report.json", json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    typer.echo("\n\n".join([*as_text(report), f"A recipe that would suit\n\n{recipe}"]), nl=False)


@app.command(cls=Command)
def clean(
    pairs: InputArgument,
    output: OutputArgument,
    source: SourceOption,
    target: TargetOption,
    fields: FieldsOption = None,
    filters: Annotated[
        str, typer.Option(metavar="YAML", help="As data.filters of a recipe.")
    ] = "standard",
    near_duplicates: Annotated[
        bool,
        typer.Option(
            "--near-duplicates",
            help="Drop pairs, too, that are nearly equal to one that is kept, on both sides.",
        ),
    ] = False,
    rejects: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="What is dropped, and why, as JSON Lines."),
    ] = None,
    workers: WorkersOption = None,
    shard_size: ShardSizeOption = 64.0,
) -> None:
    """Keep the pairs that are worth learning from, as `mt data clean` does, on any scale.

    The pairs that are kept come out as they went in, in shards that are complete or absent. A
    command that was interrupted goes on when it is given again. How many were dropped, and why, is
    in `_mt/summary.json` of the output.
    """
    from mt.bulk import plan_cleaning
    from mt.yaml import parse_yaml

    _start_logging()
    job = plan_cleaning(
        pairs, output, (source, target), filters=parse_yaml(filters, where="--filters"),
        near_duplicates=near_duplicates, fields=fields, rejects=rejects,
        shard_bytes=round(shard_size * 1e6),
    )  # fmt: skip
    _run(job, "cleaning", workers)


def _start_logging() -> None:
    from datatrove.utils.logging import logger

    from mt.logs import start_logging

    start_logging()
    logger.remove()  # else datatrove tells what each task does; its logs have it too


def _run(job: "Job", what: str, workers: int | None) -> None:
    """Do what is missing of a job with processes of this machine, and say what became of it."""
    from mt.bulk import LocalExecutor, summarise
    from mt.cli.progress import shards_progress
    from mt.processor import available_cores

    with job.alone():
        for number, stage in enumerate(stages := job.stages(), start=1):
            executor = LocalExecutor(**stage, workers=workers or available_cores())
            missing = len(executor.get_incomplete_ranks())
            name = f"{what} ({number} of {len(stages)})" if len(stages) > 1 else what
            with shards_progress(name, stage["tasks"], stage["tasks"] - missing) as show:
                executor.done = partial(_show, job, show)
                executor.run()
            if executor.get_incomplete_ranks():
                break
        else:
            job.tidy()
        summary = summarise(job.address)
    _tell(job.address, summary)


def _show(job: "Job", show: "Progress", stats: "PipelineStats") -> None:
    show(job.records(stats))


def _tell(output: str, summary: dict[str, Any]) -> None:
    for kind in ("problems", "dropped", "remarks"):
        for name, count in summary.get(kind, {}).items():
            log.warning("%s: %s", name, f"{count:,}")
    done, shards = summary["done"], summary["shards"]
    if done < shards:
        raise DataError(
            f"{output}: expected {shards:,} shards, but only {done:,} are complete, as workers "
            "were killed; look why, such as for want of memory, and give the command again"
        )
    typer.echo(f"{output}: {summary['records']:,} records in {shards:,} shards")
