"""A job: shards of an input, the steps that each goes through, and what became of them."""

import contextlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from datatrove.data import Document
from datatrove.io import DataFolder, get_datafolder
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger
from datatrove.utils.stats import PipelineStats, Stats

from mt.bulk import parquet
from mt.bulk.formats import FORMATS, SOURCE, Problem, format_of, output_name
from mt.bulk.shards import Shard, byte_ranges, group_ranges
from mt.compression import compressing
from mt.devices import RecordFormat
from mt.errors import DataError
from mt.files import atomic_file, lock_directory, remove_scratch
from mt.lines import is_splittable
from mt.patterns import fitting_names, is_data, is_pattern

RECORDS = "_mt"
"""The folder, in that of the output, for what is written about a job: datatrove's completions, logs
and statistics, our plan and summary. Whoever reads folders of data passes over such names."""
PLAN, SUMMARY = f"{RECORDS}/plan.json", f"{RECORDS}/summary.json"
OURS = "mt"
"""How datatrove's statistics call the steps whose counts are in the summary."""
SHARD_BYTES = 2_000_000
"""Input of a shard, decompressed: what a killed worker loses of its work at most."""
_NAMED = 10
"""Problems of a shard that its log names."""


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


class Stage(NamedTuple):
    """A part of a job that must be complete before the next one begins."""

    name: str
    """Of the folder for what is written about it."""
    steps: Sequence[PipelineStep]
    tasks: int
    temporary: bool = False
    """Whether what it has found is removed at the end of the job."""


def found_by(stage: str) -> str:
    """Name the folder, in that of the output, for what a stage finds."""
    return f"{RECORDS}/{stage}/found"


class Job:
    """Shards of an input that go through a step; what an executor of datatrove needs.

    Example:
        >>> job = plan_translation("model", "corpus.txt", "translated")  # doctest: +SKIP
        >>> LocalExecutor(**job.tasks(), workers=4).run()  # doctest: +SKIP
        >>> summarise("translated")["records"]  # doctest: +SKIP
        1000000
    """

    def __init__(
        self,
        plan: Plan,
        output: str,
        steps: Sequence[PipelineStep],
        before: Sequence[Stage] = (),
        others: Sequence[DataFolder] = (),
    ) -> None:
        """Put the parts together; see :func:`plan_job`.

        Args:
            plan: Of the whole job.
            output: The folder that gets the shards.
            steps: What happens to the documents of a shard, from reading till they are written.
            before: What must be complete before, one stage after the other.
            others: More folders that get files.
        """
        self.plan = plan
        self.address = output
        self.output = get_datafolder(output)
        self.steps = steps
        self._before = before
        self._others = others

    def tasks(self) -> dict[str, Any]:
        """Return the arguments that every executor of datatrove takes: a task for each shard."""
        return self._arguments(Stage("", self.steps, len(self.plan.shards)))

    def stages(self) -> list[dict[str, Any]]:
        """Return such arguments for all stages of the job, in their order; mostly it is one."""
        return [*(self._arguments(each) for each in self._before), self.tasks()]

    def _arguments(self, stage: Stage) -> dict[str, Any]:
        folder = DataFolder(self.output.resolve_paths(f"{RECORDS}/{stage.name}".rstrip("/")))
        return {"pipeline": [*stage.steps], "tasks": stage.tasks, "logging_dir": folder}

    def records(self, stats: PipelineStats) -> int:
        """Return how many records a task has read."""
        count: int = _counts([json.loads(stats.to_json())])["records"]
        return count

    def put(self, name: str, text: str) -> None:
        """Write a file into the folder of the output, complete or absent."""
        _put(self.output, name, text)

    def tidy(self) -> None:
        """Remove what stages have found for the next one, once all are complete."""
        for stage in self._before:
            if stage.temporary and self.output.exists(found_by(stage.name)):
                self.output.rm(found_by(stage.name), recursive=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process at a time work on a job whose output is on this machine."""
        with contextlib.ExitStack() as stack:
            if self.output.is_local():
                stack.enter_context(lock_directory(Path(self.output.resolve_paths(RECORDS))))
                for folder in (self.output, *self._others):
                    if folder.is_local():
                        remove_scratch(Path(folder.resolve_paths("")))
            yield


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
        _put(output, PLAN, text)
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


def _put(output: DataFolder, name: str, text: str) -> None:
    with whole_file(output, name) as file:
        file.write(text.encode())


@lru_cache(maxsize=4)
def load_plan(path: str) -> Plan:
    """Read a plan, once in a process: it may have a line for each of a million shards."""
    values = json.loads(get_datafolder(path).cat_file(PLAN))
    values["shards"] = [Shard(**shard) for shard in values["shards"]]
    return Plan(**values)


class ShardStep(PipelineStep):
    """A step that knows the shard of its task."""

    def __init__(self, output: DataFolder) -> None:
        super().__init__()
        self.output = output

    @property
    def plan(self) -> Plan:
        """Return the plan of the job, read once in a process."""
        return load_plan(self.output.resolve_paths(""))

    def source(self, shard: Shard) -> str:
        """Return the address of the file that a shard is read from."""
        address: str = get_datafolder(self.plan.input).resolve_paths(shard.file)
        return address


class ReadShard(ShardStep):
    """Reads the records of a shard as documents: the text, and all fields as metadata.

    A record that cannot be read, or has no text, is counted with its reason; the log of the task
    names the first few. A line that holds no record becomes no document.
    """

    name, type = OURS, "READER"

    def __init__(
        self, output: DataFolder, on_bad_line: Callable[[int, Problem], None] | None = None
    ) -> None:
        """Say where the plan of the job is.

        Args:
            output: The folder of the job.
            on_bad_line: Is given each line that holds no record: its number in the shard, from 1,
                and what is wrong with it.
        """
        super().__init__(output)
        self.on_bad_line = on_bad_line

    def run(
        self, data: Iterator[Document] | None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Read the documents of the shard that a task has."""
        self.stats = Stats(str(self))  # one process may run several tasks
        shard, field = self.plan.shards[rank], self.plan.field
        file = self.source(shard)
        texts, problems = 0, Counter[str]()
        for number, found in enumerate(FORMATS[format_of(shard.file)].read(file, shard)):
            record = found
            if field and not isinstance(record, Problem) and not isinstance(record.get(field), str):
                kind = type(record.get(field)).__name__
                record = Problem("no text", f"{file}: `{field}` is {kind}", record)
            if isinstance(record, Problem):
                problems[record.reason] += 1
                if problems[record.reason] <= _NAMED:
                    logger.warning(f"{record.reason}: record {number + 1}: {record.message}")
                if record.fields is not None:
                    yield Document("", f"{shard.output}/{number}", metadata=record.fields)
                elif self.on_bad_line is not None:
                    self.on_bad_line(number + 1, record)
            else:
                texts += 1
                text = record[field] if field else ""
                yield Document(text, f"{shard.output}/{number}", metadata=record)
        self.stat_update("records", value=texts + problems.total(), unit="shard")
        for reason, count in problems.items():
            self.stat_update(f"problems: {reason}", value=count, unit="shard")
        if problems["no text"] and not texts:
            raise DataError(
                f"{file}: expected texts in the field {field}, but none of "
                f"{problems.total():,} records has one; name another field"
            )


class WriteShard(ShardStep):
    """Writes the metadata of documents as records, into a file that is complete or absent."""

    name, type = OURS, "WRITER"

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Write the documents of the shard that a task has; none goes further."""
        shard = self.plan.shards[rank]
        with whole_file(self.output, shard.output) as raw, compressing(raw, shard.output) as file:
            records = (document.metadata for document in data)
            FORMATS[self.plan.form].write(records, file, self.source(shard))
        yield from ()


@contextlib.contextmanager
def whole_file(folder: DataFolder, name: str) -> Iterator[BinaryIO]:
    """Write a file that appears when it is complete.

    On this machine it is renamed; elsewhere it is written here and sent as a whole, and an object
    of a store appears when all of it is there.
    """
    if folder.is_local():
        with atomic_file(Path(folder.resolve_paths(name))) as path, path.open("wb") as file:
            yield file
    else:
        with tempfile.NamedTemporaryFile() as file:
            yield cast(BinaryIO, file)
            file.flush()
            folder.makedirs(name.rpartition("/")[0], exist_ok=True)
            folder.put_file(file.name, name)


def summarise(output: str) -> dict[str, Any]:
    """Add up what the tasks of a job counted, and write it beside the output.

    Returns:
        What ``_mt/summary.json`` then holds.
    """
    folder = get_datafolder(output)
    plan = load_plan(folder.resolve_paths(""))
    done = folder.list_files(f"{RECORDS}/completions")
    names = [path.rpartition("/")[2] for path in done]
    tasks = (json.loads(folder.cat_file(f"{RECORDS}/stats/{name}.json")) for name in names)
    summary: dict[str, Any] = {"input": plan.input, "format": plan.form, "work": plan.work}
    summary |= {"shards": len(plan.shards), "done": len(done), **_counts(tasks)}
    _put(folder, SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary


def _counts(tasks: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Add up what our steps counted in tasks; ``kind: name`` belongs to a mapping of its kind."""
    counts: dict[str, Any] = {"records": 0, "seconds": 0.0, "problems": {}}
    for step in chain.from_iterable(tasks):
        if not step["name"].endswith(f": {OURS}"):
            continue
        counts["seconds"] += _total(step["time_stats"])
        for name, metric in step["stats"].items():
            kind, _, rest = name.rpartition(": ")
            into = counts.setdefault(kind, {}) if kind else counts
            into[rest] = into.get(rest, 0) + _total(metric)
    counts["seconds"] = round(counts["seconds"], 3)
    return counts


def _total(metric: Any) -> Any:
    """Read a sum as datatrove writes it: with its distribution, or alone."""
    return metric["total"] if isinstance(metric, Mapping) else metric
