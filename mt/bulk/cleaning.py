"""Cleaning corpora of any size by the filters that `mt data clean` has; duplicates by datatrove."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from datatrove.data import Document
from datatrove.io import get_datafolder
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.stats import Stats

from mt.bulk.duplicates import DropDuplicates, DropNearDuplicates, equal_stages, near_stages
from mt.bulk.formats import Fields, format_of
from mt.bulk.job import OURS, Job, ReadShard, Stage, WriteShard
from mt.bulk.plan import Plan, plan_job
from mt.bulk.rejects import WriteRejects
from mt.data.corpora.base import one_line
from mt.data.corpora.jsonl import field_of
from mt.data.filters import Reason, Selection
from mt.data.filters.config import CleaningConfig
from mt.data.filters.contract import Sides
from mt.errors import DataError

_GROUP = 1000
"""Pairs judged at a time."""
NO_PAIR = "no pair"
"""The reason why a record without texts is dropped."""
SHARD_BYTES = 64_000_000
"""Input of a shard: larger than for translation, as cleaning is so much faster."""


class Clean(PipelineStep):
    """Keeps the documents whose pair of sentences no filter objects to.

    The pair is taken from the metadata of a document; its text becomes both sides, a line each, by
    which datatrove then finds duplicates. Filters that remember earlier pairs, such as that of
    duplicates, are left out: a task sees a part of the corpus.
    """

    name, type = OURS, "FILTER"

    def __init__(
        self,
        selection: Selection,
        fields: tuple[str, str],
        rejects: WriteRejects | None = None,
    ) -> None:
        """Say what is kept.

        Args:
            selection: The filters.
            fields: Those that hold source and target, dotted inside a nested one, as in
                ``translation.en``.
            rejects: Is told what is dropped; a later step.
        """
        super().__init__()
        self.selection = selection
        self.fields = fields
        self.rejects = rejects

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Keep and count documents."""
        self.stats = Stats(str(self))  # one process may run several tasks
        filters = self.selection.stateless()
        kept, dropped = 0, Counter[str]()
        while group := list(islice(data, _GROUP)):
            pairs = [pair_of(each.metadata, self.fields) for each in group]
            found = iter(filters.reasons([each for each in pairs if not isinstance(each, Reason)]))
            for document, pair in zip(group, pairs, strict=True):
                reason = pair if isinstance(pair, Reason) else next(found)
                document.text = "\n".join(self._sides(document, pair))
                if reason is None:
                    kept += 1
                    yield document
                    continue
                dropped[reason.name] += 1
                if self.rejects is not None:
                    self.rejects.add(document, reason)
        if not kept and dropped[NO_PAIR] == dropped.total() > 0:
            raise no_pairs(rank, self.fields, dropped.total())
        for name, count in dropped.items():
            self.stat_update(f"dropped: {name}", value=count, unit="shard")

    def _sides(self, document: Document, pair: Sides | Reason) -> Iterable[str]:
        """Return both sides; where there is no pair, those that are text, and blank ones."""
        if not isinstance(pair, Reason):
            return pair
        return (_text_of(document.metadata, name) or "" for name in self.fields)


def pair_of(fields: Fields, names: tuple[str, str]) -> Sides | Reason:
    """Take the pair of a record, or say which field holds no text; null is blank."""
    source, target = (_text_of(fields, name) for name in names)
    if source is None or target is None:
        return Reason(NO_PAIR, names[0] if source is None else names[1])
    return source, target


def no_pairs(rank: int, names: tuple[str, str], records: int) -> DataError:
    """Say that none of the records of a shard has a pair."""
    return DataError(
        f"shard {rank}: expected texts in the fields {' and '.join(names)}, but none of "
        f"{records:,} records has them; name other fields"
    )


def _text_of(fields: Fields, name: str) -> str | None:
    """Take a side of a pair; ``None`` where there is no text."""
    try:
        text = field_of(fields, name)
    except LookupError:
        return None
    return one_line(text or "") if isinstance(text, str | None) else None


def plan_cleaning(
    source: str,
    output: str,
    languages: tuple[str, str],
    *,
    filters: Any = "standard",
    near_duplicates: bool = False,
    fields: tuple[str, str] | None = None,
    rejects: str | None = None,
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
        near_duplicates: Drop pairs, too, that are nearly equal to one that is kept.
        fields: Those that hold source and target; ``None``: named by the languages, alone or
            inside ``translation``; of TSV the first two columns.
        rejects: Another folder, which gets what is dropped, and why, as JSON Lines.
        shard_bytes: Bytes of input in a shard, decompressed. A compressed file is one shard.

    Raises:
        ConfigError: If the filters are none.
        DataError: If there is no input, or the output is of another job.
    """
    config = CleaningConfig.parse({"filters": filters}, where="filters")
    work = {
        "languages": list(languages),
        **config.model_dump(mode="json"),
        "near_duplicates": near_duplicates,
        "rejects": rejects and _other_folder(rejects, output),
    }
    plan, fields = plan_pairs(
        source, output, languages, fields=fields, work=work, shard_bytes=shard_bytes
    )
    folder, shards = get_datafolder(output), len(plan.shards)
    clean = Clean(Selection(config.filters, *languages), fields)
    before: list[PipelineStep] = [ReadShard(folder), clean]
    stages: list[Stage] = []
    writer = WriteRejects(folder, rejects) if rejects else None
    steps: list[PipelineStep] = [
        ReadShard(folder, None if writer is None else writer.add_line),
        Clean(clean.selection, fields, writer),
    ]
    if any(each.stateful for each in config.filters):
        stages += equal_stages(folder, before, shards)
        before = [*before, DropDuplicates(folder)]
        steps.append(DropDuplicates(folder, writer))
    if near_duplicates:
        stages += near_stages(folder, before, shards)
        steps.append(DropNearDuplicates(folder, writer))
    if writer is not None:
        steps.append(writer)
    others = [writer.rejects] if writer is not None else []
    return Job(plan, output, [*steps, WriteShard(folder)], stages, others)


def plan_pairs(
    source: str,
    output: str,
    languages: tuple[str, str],
    *,
    fields: tuple[str, str] | None,
    work: Mapping[str, Any],
    shard_bytes: int,
) -> tuple[Plan, tuple[str, str]]:
    """Plan work on pairs; see :func:`plan_job`.

    Returns:
        The plan, and the fields that hold source and target.

    Raises:
        DataError: If there is no input of pairs, or the output is of another job.
    """
    work = {**work, "fields": fields and list(fields)}
    plan = plan_job(source, output, field=None, form=None, work=work, shard_bytes=shard_bytes)
    read = format_of(plan.shards[0].file)
    if read == "text":
        raise DataError(
            f"{source}: expected pairs in JSON Lines, TSV or Parquet, but found plain text; join "
            "two files with `paste source target > pairs.tsv`"
        )
    return plan, fields or (("1", "2") if read == "tsv" else languages)


def _other_folder(rejects: str, output: str) -> str:
    """Return the whole address of a folder that must not be that of the output."""
    where = get_datafolder(rejects).resolve_paths("")
    if where == get_datafolder(output).resolve_paths(""):
        raise DataError(
            f"{rejects}: expected another folder for what is dropped than for what is kept, but "
            "both are the same; name another one"
        )
    return str(where)
