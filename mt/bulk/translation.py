"""Bulk translation: a step for pipelines of datatrove, a class for Ray Data, and a job of ours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

from datatrove.data import Document
from datatrove.io import get_datafolder
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.stats import Stats

from mt.bulk.job import OURS, Job, ReadShard, WriteShard
from mt.bulk.models import local_model
from mt.bulk.plan import SHARD_BYTES, plan_job
from mt.bundle import WEIGHTS, open_bundle
from mt.devices import DeviceName, RecordFormat
from mt.errors import DataError
from mt.translation import Translator, load_translator
from mt.translation.remarks import Remarks
from mt.translation.stream import POOL
from mt.translation.tagging import tagger

TRANSLATION = "translation"
"""The field that gets the translation."""


@dataclass(frozen=True)
class TranslationOptions:
    """What determines a translation."""

    model: str
    """A run or a bundle, or the address of a bundle."""
    overrides: tuple[str, ...] = ()
    """Other values of the model's section ``translation``, as in ``search.size=3``."""
    device: DeviceName = "cpu"
    """Where to compute."""
    tag: str | None = None
    """A tag of the model, put before lines that begin with none."""

    def load(self) -> Translator:
        """Load the model."""
        path = local_model(self.model)
        return load_translator(path, self.device, overrides=self.overrides)

    def signature(self) -> dict[str, Any]:
        """Describe the model and all options, so that the translation can be made again.

        The model is loaded for this: what is wrong with it is told before any work begins.

        Raises:
            BundleError: If there is no sound model.
            DataError: If it does not know the tag.
        """
        bundle = open_bundle(local_model(self.model))
        translator = self.load()
        tagger(translator.tokenizers.source, self.tag)
        try:
            ours = version("mt")
        except PackageNotFoundError:
            ours = ""
        return {
            "weights": bundle.manifest.files[WEIGHTS],
            "languages": list(bundle.metadata.languages),
            "translation": translator.config.model_dump(mode="json"),
            "tag": self.tag,
            "device": self.device,
            "mt": ours,
        }


@lru_cache(maxsize=2)
def _translator(options: TranslationOptions) -> Translator:
    """Load a model once in a process, whatever shards it translates."""
    return options.load()


class Translate(PipelineStep):
    """Puts the translation of each document's text into its metadata, as ``translation``.

    A text of several lines is translated line by line. What is translated together depends on the
    documents alone, so that a pipeline that runs again writes the same bytes.

    Example:
        >>> LocalPipelineExecutor([  # doctest: +SKIP
        ...     JsonlReader("s3://corpus/english"),
        ...     Translate("s3://models/en-de"),
        ...     JsonlWriter("s3://corpus/german"),
        ... ], tasks=500).run()
    """

    name, type = OURS, "TRANSLATE"

    def __init__(
        self,
        model: str,
        overrides: Sequence[str] = (),
        device: DeviceName = "cpu",
        tag: str | None = None,
    ) -> None:
        """Say how to translate; the model is loaded where and when the first documents come.

        Args:
            model: A run or a bundle, or the address of a bundle, such as ``s3://bucket/bundle``.
            overrides: Other values of the model's section ``translation``.
            device: Where to compute.
            tag: A tag of the model, put before lines that begin with none.
        """
        super().__init__()
        self.options = TranslationOptions(model, tuple(overrides), device, tag)

    def run(
        self, data: Iterator[Document], rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Translate documents, a few thousand lines at a time.

        Raises:
            DataError: If a document has a translation already.
        """
        self.stats = Stats(str(self))  # one process may run several tasks
        for documents in _groups(data):
            with self.track_time("group"):
                self._translate(documents, _translator(self.options))
            yield from documents

    def _translate(self, documents: Sequence[Document], translator: Translator) -> None:
        remarks = Remarks()
        texts = [document.text for document in documents]
        found = translate_texts(texts, translator, self.options.tag, remarks)
        for document, text in zip(documents, found, strict=True):
            if TRANSLATION in document.metadata:
                raise DataError(
                    f"{document.id}: expected no field {TRANSLATION}, which the translation gets, "
                    "but found one; rename it"
                )
            document.metadata[TRANSLATION] = text
        lines = sum(text.count("\n") + 1 for text in texts)
        self.stat_update("lines", value=lines, unit="group")
        self.stat_update("words", value=sum(len(text.split()) for text in texts), unit="group")
        for name, count in _named(remarks).items():
            self.stat_update(f"remarks: {name}", value=count, unit="group")


def translate_texts(
    texts: Sequence[str],
    translator: Translator,
    tag: str | None = None,
    remarks: Remarks | None = None,
) -> list[str]:
    """Translate texts line by line, each with a tag before it unless it has one."""
    parts = [text.split("\n") for text in texts]
    tagged = tagger(translator.tokenizers.source, tag)
    asked = list(map(tagged, chain.from_iterable(parts)))
    found = iter(translator.translate_all(asked, remarks=remarks))
    return ["\n".join(next(found).text for _ in lines) for lines in parts]


def _groups(documents: Iterator[Document]) -> Iterator[list[Document]]:
    """Collect documents until they have a few thousand lines."""
    group: list[Document] = []
    lines = 0
    for document in documents:
        group.append(document)
        lines += document.text.count("\n") + 1
        if lines >= POOL:
            yield group
            group, lines = [], 0
    if group:
        yield group


def _named(remarks: Remarks) -> dict[str, int]:
    """Return how often each remark was made, if ever."""
    counts = {
        "longer than the model was trained for": remarks.long.count,
        "ran on, searched for again": remarks.ran_on.count,
        "empty translation": remarks.empty.count,
    }
    return {name: count for name, count in counts.items() if count}


class TranslateBatches:
    """Adds a column of translations to batches of Ray Data.

    Example:
        >>> ray.data.read_json("s3://corpus/english").map_batches(  # doctest: +SKIP
        ...     TranslateBatches, fn_constructor_args=["s3://models/en-de"], concurrency=64
        ... ).write_parquet("s3://corpus/german")
    """

    def __init__(
        self,
        model: str,
        field: str = "text",
        overrides: Sequence[str] = (),
        device: DeviceName = "cpu",
        tag: str | None = None,
    ) -> None:
        """Load a model; Ray makes one such object in each of its workers."""
        self.field, self.tag = field, tag
        self.translator = TranslationOptions(model, tuple(overrides), device).load()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Translate a batch: columns by their names."""
        texts = [str(text) for text in batch[self.field]]
        return {**batch, TRANSLATION: translate_texts(texts, self.translator, self.tag)}


def plan_translation(
    model: str,
    source: str,
    output: str,
    *,
    field: str | None = None,
    form: RecordFormat | None = None,
    overrides: Sequence[str] = (),
    device: DeviceName = "cpu",
    tag: str | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Job:
    """Plan the translation of files, or find that a job to go on with has been planned.

    Args:
        model: A run or a bundle, or the address of a bundle, such as ``s3://bucket/bundle``.
        source: A file, a folder, or a pattern with ``*``; a path or an address.
        output: The folder that gets the shards; a path or an address.
        field: The field of a record that is translated, or the number of a column of TSV;
            ``None``: ``text``, or 1.
        form: Of the output; ``None``: as the input. Of plain text the translations alone are
            written, a line each; as ``jsonl``, ``source`` and ``translation``.
        overrides: Other values of the model's section ``translation``.
        device: Where to compute.
        tag: A tag of the model, put before lines that begin with none.
        shard_bytes: Bytes of input in a shard, decompressed. A compressed file is one shard.

    Raises:
        DataError: If there is no input, it has no such field, the model does not know the tag, or
            the output is of another job.
        BundleError: If there is no sound model.
    """
    step = Translate(model, overrides, device, tag)
    plan = plan_job(
        source, output, field=field or "text", form=form, work=step.options.signature(),
        shard_bytes=shard_bytes,
    )  # fmt: skip
    folder = get_datafolder(output)
    return Job(plan, output, [ReadShard(folder), step, WriteShard(folder)])
