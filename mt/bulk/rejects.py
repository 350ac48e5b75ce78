"""What cleaning drops, pair by pair, with why."""

from collections.abc import Iterator
from typing import BinaryIO

from datatrove.data import Document
from datatrove.io import DataFolder, get_datafolder

from mt.bulk.formats import dump_json, rejects_name
from mt.bulk.job import OURS, ShardStep, whole_file
from mt.compression import compressing
from mt.data.cleaning import reject
from mt.data.filters import Reason


class WriteRejects(ShardStep):
    """Writes a file of JSON Lines for each shard, complete or absent, of what is dropped of it.

    It stands behind the steps that drop pairs, which hand them over by :meth:`add`, and lets pass
    what is kept.
    """

    name, type = OURS, "REJECTS"

    def __init__(self, output: DataFolder, rejects: str) -> None:
        """Say where the plan of the job is, and where the files go: a path or an address."""
        super().__init__(output)
        self.rejects = get_datafolder(rejects)
        self._file: BinaryIO | None = None

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Have a file open while documents come through the steps before."""
        name = rejects_name(self.plan.shards[rank].output)
        with whole_file(self.rejects, name) as raw, compressing(raw, name) as self._file:
            yield from data
        self._file = None

    def add(self, document: Document, reason: Reason) -> None:
        """Write a pair, which is the text of a document."""
        assert self._file is not None, "what drops pairs stands before this step"
        record = int(document.id.rpartition("/")[2]) + 1
        source, _, target = document.text.partition("\n")
        self._file.write(dump_json(reject(record, (source, target), reason)))
