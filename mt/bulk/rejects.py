"""What cleaning drops, pair by pair and line by line, with why."""

from collections.abc import Iterator
from typing import BinaryIO

from datatrove.data import Document
from datatrove.io import DataFolder, get_datafolder

from mt.bulk.files import whole_file
from mt.bulk.formats import Fields, Problem, dump_json, rejects_name
from mt.bulk.job import OURS, ShardStep
from mt.bulk.shards import Shard
from mt.compression import compressing
from mt.data.filters import Reason


class WriteRejects(ShardStep):
    """Writes a file of JSON Lines for each shard, complete or absent, of what is dropped of it.

    A pair has its record in the shard, counted from 1, and where that begins: the byte of the file
    behind which its lines are, or the row group of Parquet. What of a pair is no text is blank. A
    line that holds no record is there as it can be shown, as `raw`.

    It stands behind the steps that drop pairs, which hand them over by :meth:`add`, and behind the
    reader, which hands over lines by :meth:`add_line`; it lets pass what is kept.
    """

    name, type = OURS, "REJECTS"

    def __init__(self, output: DataFolder, rejects: str) -> None:
        """Say where the plan of the job is, and where the files go: a path or an address."""
        super().__init__(output)
        self.rejects = get_datafolder(rejects)
        self._shard: Shard
        self._file: BinaryIO | None = None

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Have a file open while documents come through the steps before."""
        self._shard = self.plan.shards[rank]
        name = rejects_name(self._shard.output)
        with whole_file(self.rejects, name) as raw, compressing(raw, name) as self._file:
            yield from data
        self._file = None

    def add(self, document: Document, reason: Reason) -> None:
        """Write a pair, which is the text of a document, with its place in the input."""
        source, _, target = document.text.partition("\n")
        number = int(document.id.rpartition("/")[2]) + 1
        self._write(number, reason, {"source": source, "target": target})

    def add_line(self, number: int, problem: Problem) -> None:
        """Write a line that holds no record, with its number in the shard."""
        self._write(number, Reason(problem.reason, problem.found), {"raw": problem.raw})

    def _write(self, record: int, reason: Reason, text: Fields) -> None:
        assert self._file is not None, "steps that hand over what they drop stand before this one"
        dropped = {
            "file": self._shard.file, "start": self._shard.start, "record": record,
            "reason": reason.name, "measure": reason.measure, **text,
        }  # fmt: skip
        self._file.write(dump_json(dropped))
