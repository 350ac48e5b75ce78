"""The plan of a job: its input in shards, and whatever else determines its output."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from datatrove.io import DataFolder, get_datafolder

from mt.bulk import parquet
from mt.bulk.files import put
from mt.bulk.formats import SOURCE, format_of, output_name
from mt.bulk.shards import Shard, byte_ranges, group_ranges
from mt.devices import RecordFormat
from mt.errors import DataError
from mt.lines import is_splittable
from mt.patterns import fitting_names, is_data, is_pattern

RECORDS = "_mt"
"""The folder, in that of the output, for what is written about a job: datatrove's completions, logs
and statistics, our plan and summary. Whoever reads folders of data passes over such names."""
PLAN = f"{RECORDS}/plan.json"
SHARD_BYTES = 2_000_000
"""Input of a shard, decompressed: what a killed worker loses of its work at most."""


@dataclass(frozen=True)
class Plan:
    """What a job does; saved beside its output, so that a restart does the same."""

    input: str
    field: str | None
    """The field of a record that holds its text; ``None``: that is looked for later."""
    form: RecordFormat
    """Of the output."""
    work: Mapping[str, Any]
    """Whatever else determines the output, such as the model."""
    sizes: Mapping[str, int]
    """The files of the input with their bytes."""
    shards: Sequence[Shard]


def plan_job(
    source: str,
    output: str,
    *,
    field: str | None,
    form: RecordFormat | None,
    work: Mapping[str, Any],
    shard_bytes: int = SHARD_BYTES,
) -> Plan:
    """Divide an input into shards, or find that a job to go on with has done so.

    Args:
        source: A file, a folder, or a pattern with ``*``; a path or an address.
        output: The folder that gets the shards; a path or an address.
        field: The field of a record that holds its text; of plain text it is the whole line.
            ``None``: that is looked for later.
        form: Of the output; ``None``: as the input.
        work: Whatever else determines the output.
        shard_bytes: Bytes of input in a shard, decompressed. A compressed file is one shard.

    Raises:
        DataError: If there is no input, it has no such field, or the output is of another job.
    """
    folder, names = _input(source)
    found = {format_of(name) for name in names}
    if len(found) > 1:
        raise DataError(
            f"{source}: expected files of one format, but found {' and '.join(sorted(found))}; "
            "give a pattern such as 'folder/*.jsonl'"
        )
    read = found.pop()
    form = form or read
    if (read, form) not in {(read, read), ("text", "jsonl")}:
        raise DataError(
            f"{source}: expected {read} to stay what it is, or text to become jsonl, but it was to "
            f"become {form}; leave the format out"
        )
    if field and (read == "text" or (read, field) == ("tsv", "text")):
        field = SOURCE if read == "text" else "1"
    shards = [shard for name in names for shard in _shards(folder, name, field, form, shard_bytes)]
    _refuse_same(shards)
    sizes = {name: folder.size(name) for name in names}
    plan = Plan(folder.resolve_paths(""), field, form, work, sizes, shards)
    _save(plan, get_datafolder(output))
    return plan


def _input(source: str) -> tuple[DataFolder, list[str]]:
    """List the files of an input; of a folder those that are data, at any depth."""
    if is_pattern(source):
        base, names = fitting_names(source)
    elif get_datafolder(source).isfile(""):
        base, _, name = source.rpartition("/")
        base, names = base or ("/" if source.startswith("/") else "."), [name]
    else:
        base, names = source, [*filter(is_data, get_datafolder(source).list_files())]
    if not names:
        raise DataError(
            f"{source}: expected a file, a folder or a pattern of files, but found none; check the "
            "path"
        )
    return get_datafolder(base), names


def _shards(
    folder: DataFolder, name: str, field: str | None, form: RecordFormat, most: int
) -> Iterator[Shard]:
    """Divide a file; one that cannot be read from its middle is one shard."""
    file = folder.resolve_paths(name)
    ranges: Iterator[tuple[int, int | None]] = iter([(0, None)])
    if form == "parquet":
        names = parquet.column_names(file)
        if field and field not in names:
            raise DataError(
                f"{file}: expected a column {field}, but found {', '.join(names)}; name another"
            )
        ranges = group_ranges(parquet.row_group_sizes(file), most)
    elif folder.size(name) > most and is_splittable(file):
        ranges = byte_ranges(folder.size(name), most)
    for number, (start, end) in enumerate(ranges):
        yield Shard(name, output_name(name, number, form), start, end)


def _refuse_same(shards: Sequence[Shard]) -> None:
    """Refuse files whose shards would have the same names."""
    files: dict[str, str] = {}
    for shard in shards:
        if (other := files.setdefault(shard.output, shard.file)) != shard.file:
            raise DataError(
                f"{shard.file}: expected another name for its shards than for those of {other}, "
                f"but both are {shard.output}; rename one of the files"
            )


def _save(plan: Plan, output: DataFolder) -> None:
    """Save a plan, or refuse an output folder that has another one."""
    text = json.dumps(asdict(plan), ensure_ascii=False)
    if not output.isfile(PLAN):
        put(output, PLAN, text)
        return
    saved, wanted = json.loads(output.cat_file(PLAN)), json.loads(text)
    if saved == wanted:
        return
    saved, wanted = ({**each.pop("work"), **each} for each in (saved, wanted))
    other = [name for name in wanted if saved.get(name) != wanted[name]]
    raise DataError(
        f"{output.path}: expected to go on with the job that was begun there, but its "
        f"{', '.join(other)} differ; choose another folder, or remove this one"
    )


@lru_cache(maxsize=4)
def load_plan(path: str) -> Plan:
    """Read a plan, once in a process: it may have a line for each of a million shards."""
    values = json.loads(get_datafolder(path).cat_file(PLAN))
    values["shards"] = [Shard(**shard) for shard in values["shards"]]
    return Plan(**values)
