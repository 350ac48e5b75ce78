"""A job: the steps that the shards of a plan go through, and what became of them."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from datatrove.data import Document
from datatrove.io import DataFolder, get_datafolder
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger
from datatrove.utils.stats import PipelineStats, Stats

from mt.bulk.files import put, whole_file
from mt.bulk.formats import FORMATS, Problem, format_of
from mt.bulk.plan import RECORDS, Plan, load_plan
from mt.bulk.shards import Shard
from mt.compression import compressing
from mt.errors import DataError
from mt.files import lock_directory, remove_scratch

SUMMARY = f"{RECORDS}/summary.json"
OURS = "mt"
"""How datatrove's statistics call the steps whose counts are in the summary."""
_NAMED = 10
"""Problems of a shard that its log names."""


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
        put(self.output, name, text)

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
    put(folder, SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
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
