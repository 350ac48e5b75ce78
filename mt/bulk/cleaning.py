"""Cleaning corpora of any size by the filters that `mt data clean` has; duplicates by datatrove."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from datatrove.data import Document
from datatrove.io import get_datafolder
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.exact_dedup import (
    ExactDedupConfig,
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
)
from datatrove.utils.hashing import HashConfig
from datatrove.utils.stats import Stats
from datatrove.utils.typeshelper import StatHints

from mt.bulk.formats import format_of
from mt.bulk.job import OURS, RECORDS, Job, ReadShard, Stage, plan_job
from mt.data.corpora.jsonl import field_of
from mt.data.filters import Selection
from mt.data.filters.config import CleaningConfig
from mt.errors import DataError

_GROUP = 1000
"""Pairs judged at a time."""
SHARD_BYTES = 64_000_000
"""Input of a shard: larger than for translation, as cleaning is so much faster and the search for
duplicates opens a file for each shard."""
_FINDERS = 8
"""Tasks among which the search for duplicates is divided, by their hashes."""


class Clean(PipelineStep):
    """Keeps the documents whose pair of sentences no filter objects to.

    The pair is taken from the metadata of a document; its text becomes both sides, a line each, by
    which datatrove then finds duplicates. Filters that remember earlier pairs, such as that of
    duplicates, are left out: a task sees a part of the corpus.
    """

    name, type = OURS, "FILTER"

    def __init__(self, selection: Selection, fields: tuple[str, str]) -> None:
        """Say what is kept.

        Args:
            selection: The filters.
            fields: Those that hold source and target, dotted inside a nested one, as in
                ``translation.en``.
        """
        super().__init__()
        self.selection = selection
        self.fields = fields

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Keep and count documents."""
        self.stats = Stats(str(self))  # one process may run several tasks
        filters = self.selection.stateless()
        kept, dropped = 0, Counter[str]()
        while group := list(islice(data, _GROUP)):
            found = [(each, pair) for each in group if (pair := self._pair(each)) is not None]
            dropped["no pair"] += len(group) - len(found)
            reasons = filters.reasons([pair for _, pair in found])
            for (document, pair), reason in zip(found, reasons, strict=True):
                if reason is None:
                    kept += 1
                    document.text = "\n".join(pair)
                    yield document
                else:
                    dropped[reason.name] += 1
        if not kept and dropped["no pair"] == dropped.total() > 0:
            raise DataError(
                f"shard {rank}: expected texts in the fields {' and '.join(self.fields)}, but none "
                f"of {dropped.total():,} records has them; name other fields"
            )
        for name, count in (+dropped).items():
            self.stat_update(f"dropped: {name}", value=count, unit="shard")

    def _pair(self, document: Document) -> tuple[str, str] | None:
        try:
            source, target = (field_of(document.metadata, name) for name in self.fields)
        except LookupError:
            return None
        return (source, target) if isinstance(source, str) and isinstance(target, str) else None


class DropDuplicates(ExactDedupFilter):
    """datatrove's last step against duplicates, counted as `mt data clean` does."""

    name, type = OURS, "DUPLICATES"

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Drop documents that others are like, and leave the metadata of others as they are."""
        self.stats = Stats(str(self))  # one process may run several tasks
        wrapped = (Document(each.text, each.id, metadata={"document": each}) for each in data)
        for each in super().run(wrapped, rank, world_size):
            yield each.metadata["document"]

    def stat_update(self, *labels: str, value: int = 1, unit: str | None = None) -> None:
        """Count what is dropped."""
        if StatHints.dropped in labels:
            super().stat_update("dropped: duplicate", value=value, unit="shard")


def plan_cleaning(
    source: str,
    output: str,
    languages: tuple[str, str],
    *,
    filters: Any = "standard",
    fields: tuple[str, str] | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Job:
    """Plan the cleaning of a corpus, or find that a job to go on with has been planned.

    Where the filters have that of duplicates, each pair is kept once in the whole corpus; which of
    equal ones that is, is not said.

    Args:
        source: JSON Lines, TSV or Parquet: a file, a folder, or a pattern with ``*``; a path or an
            address.
        output: The folder that gets the shards; a path or an address.
        languages: Tags of source and target.
        filters: As ``data.filters`` of a recipe.
        fields: Those that hold source and target; ``None``: named by the languages, alone or
            inside ``translation``; of TSV the first two columns.
        shard_bytes: Bytes of input in a shard, decompressed. A compressed file is one shard.

    Raises:
        ConfigError: If the filters are none.
        DataError: If there is no input, or the output is of another job.
    """
    config = CleaningConfig.parse({"filters": filters}, where="filters")
    work = {"languages": list(languages), **config.model_dump(mode="json")}
    plan = plan_job(source, output, field=None, form=None, work=work, shard_bytes=shard_bytes)
    read = format_of(plan.shards[0].file)
    if read == "text":
        raise DataError(
            f"{source}: expected pairs in JSON Lines, TSV or Parquet, but found plain text; join "
            "two files with `paste source target > pairs.tsv`"
        )
    fields = fields or (("1", "2") if read == "tsv" else languages)
    clean = Clean(Selection(config.filters, *languages), fields)
    if not any(each.stateful for each in config.filters):
        return Job(plan, output, [clean])
    folder = get_datafolder(output)
    signatures, duplicates = (
        folder.resolve_paths(f"{RECORDS}/{name}/found") for name in ("signatures", "duplicates")
    )
    by_text = ExactDedupConfig(_text, hash_config=HashConfig(hash_fc="sha1"))
    stages = [
        Stage(
            "signatures",
            [ReadShard(folder), clean, ExactDedupSignature(signatures, by_text, _FINDERS)],
            len(plan.shards),
        ),
        Stage("duplicates", [ExactFindDedups(signatures, duplicates, config=by_text)], _FINDERS),
    ]
    return Job(plan, output, [clean, DropDuplicates(duplicates, by_text)], stages)


def _text(document: Document) -> bytes:
    text: bytes = document.text.encode(errors="surrogatepass")
    return text
