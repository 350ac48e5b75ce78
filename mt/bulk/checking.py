"""What `mt data check` tells of a corpus, measured in shards and put together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from datatrove.data import Document
from datatrove.io import DataFolder, get_datafolder
from datatrove.utils.stats import Stats

from mt.bulk.cleaning import NO_PAIR, SHARD_BYTES, no_pairs, pair_of, plan_pairs
from mt.bulk.files import whole_file
from mt.bulk.formats import ending_of, format_of
from mt.bulk.job import OURS, Job, ReadShard, ShardStep
from mt.bulk.plan import RECORDS, load_plan
from mt.data.corpora import BaseCorpusConfig, open_corpora, parse_corpus
from mt.data.filters import Reason
from mt.data.filters.contract import Sides
from mt.data.report import Report
from mt.data.report.overlap import HeldOut
from mt.data.report.parts import Part, measure_part, put_together
from mt.data.report.report import make_report
from mt.data.report.survey import survey
from mt.errors import DataError
from mt.patterns import is_pattern

_SEED = 1
"""Draws the samples, as in `mt data check`."""


class Measure(ShardStep):
    """Measures the pairs of a shard, and writes what it found into a file of the job."""

    name, type = OURS, "MEASURE"

    def __init__(
        self,
        output: DataFolder,
        fields: tuple[str, str],
        languages: tuple[str, str],
        held_out: Sequence[str] = (),
    ) -> None:
        """Say where the plan is, and what the pairs are.

        Args:
            output: The folder of the job.
            fields: Those that hold source and target.
            languages: Tags of both.
            held_out: Files of pairs to look for.
        """
        super().__init__(output)
        self.fields, self.languages, self.held_out = fields, languages, tuple(held_out)

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Measure documents; none goes further."""
        self.stats = Stats(str(self))  # one process may run several tasks
        wanted = [HeldOut(each) for each in _open(self.held_out, self.languages)]
        part = measure_part(self._pairs(data, rank), self.languages, wanted, _SEED)
        with whole_file(self.output, _part(rank)) as file:
            part.save(file)
        yield from ()

    def _pairs(self, data: Iterator[Document], rank: int) -> Iterator[Sides]:
        records, without = 0, 0
        for document in data:
            records += 1
            pair = pair_of(document.metadata, self.fields)
            if isinstance(pair, Reason):
                without += 1
            else:
                yield pair
        if without:
            self.stat_update(f"problems: {NO_PAIR}", value=without, unit="shard")
        if records == without > 0:
            raise no_pairs(rank, self.fields, records)


def plan_check(
    source: str,
    output: str,
    languages: tuple[str, str],
    *,
    fields: tuple[str, str] | None = None,
    held_out: Sequence[str] = (),
    shard_bytes: int = SHARD_BYTES,
) -> Job:
    """Plan a report on a corpus, or find that a job to go on with has been planned.

    Args:
        source: As for :func:`mt.bulk.plan_cleaning`.
        output: A folder for what is measured; a path or an address.
        languages: Tags of source and target.
        fields: As for :func:`mt.bulk.plan_cleaning`.
        held_out: Files of pairs for validation or test, to look for in the corpus; as
            :func:`mt.data.corpora.open_corpora` takes them. Every task reads them.
        shard_bytes: Bytes of input in a shard, decompressed. A compressed file is one shard.

    Raises:
        DataError: If there is no input, a held-out corpus cannot be read, or the output is of
            another job.
    """
    held_out = [each if "://" in each else str(Path(each).absolute()) for each in held_out]
    work = {
        "languages": list(languages),
        "held_out": held_out,
        "held_out_content": [each.fingerprint() for each in _open(tuple(held_out), languages)],
    }
    plan, fields = plan_pairs(
        source, output, languages, fields=fields, work=work, shard_bytes=shard_bytes
    )
    folder = get_datafolder(output)
    step = Measure(folder, fields, languages, held_out)
    return Job(plan, output, [ReadShard(folder), step])


def report_of(output: str, where: str | None = None) -> Report:
    """Put together what the tasks of a job have measured.

    Args:
        output: The folder of the job.
        where: How the report calls the corpus; ``None``: by its folder.

    Raises:
        DataError: If a shard was not measured yet.
    """
    folder = get_datafolder(output)
    plan = load_plan(folder.resolve_paths(""))
    source, target = plan.work["languages"]
    languages = (source, target)
    held_out = _open(tuple(plan.work["held_out"]), languages)
    wanted = [HeldOut(each) for each in held_out]
    parts = (_load(folder, rank) for rank in range(len(plan.shards)))
    found = put_together(where or plan.input, languages, parts, wanted)
    others = [survey(each, languages, seed=_SEED) for each in held_out]
    return make_report([found], others, wanted, seed=_SEED)


def corpora_of(job: Job, source: str) -> list[BaseCorpusConfig]:
    """Name the input of a job of pairs as a recipe does.

    Args:
        job: Its plan has the files.
        source: What was given for them; the files of a pattern are one corpus, and those of
            a folder with the same ending.
    """
    folder, plan = get_datafolder(job.plan.input), job.plan
    read = format_of(plan.shards[0].file)
    fields = [int(name) if read == "tsv" else name for name in plan.work["fields"] or ()]
    said: dict[str, object] = {"kind": read} | dict(zip(("source", "target"), fields, strict=False))
    if read == "parquet":
        said |= {"kind": "huggingface", "path": read, "split": "train"}
    name = "data_files" if read == "parquet" else "path"
    found = [source] if is_pattern(source) else _patterns(folder.resolve_paths(""), plan.sizes)
    tags = plan.work["languages"]
    return [parse_corpus(said | {name: file}, tags[0], tags[1], file) for file in found]


def _patterns(folder: str, names: Iterable[str]) -> list[str]:
    """Return the files of a folder with the same ending as a pattern; one alone as it is."""
    endings = defaultdict[str, list[str]](list)
    for name in names:
        endings[ending_of(name)].append(name)
    found = []
    for ending, group in endings.items():
        anywhere = "**/*" if any("/" in name for name in group) else "*"
        found.append(f"{folder}/{anywhere}{ending}" if len(group) > 1 else f"{folder}/{group[0]}")
    return found


@lru_cache(maxsize=4)
def _open(files: tuple[str, ...], languages: tuple[str, str]) -> list[BaseCorpusConfig]:
    return open_corpora(files, *languages)


def _part(rank: int) -> str:
    return f"{RECORDS}/parts/{rank:05}.npz"


def _load(folder: DataFolder, rank: int) -> Part:
    try:
        with folder.open(_part(rank), "rb") as file:
            return Part.load(file)
    except FileNotFoundError:
        raise DataError(
            f"{folder.path}: expected all shards to be measured, but number {rank} is not; do what "
            "is missing of the job first"
        ) from None
