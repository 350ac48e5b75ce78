import subprocess
import sys
from pathlib import Path

import pytest

from mt.config import StrictConfig, load
from mt.data.config import DataConfig
from mt.data.corpora import (
    CsvConfig,
    HuggingFaceConfig,
    JsonLinesConfig,
    MosesConfig,
    PlainTextConfig,
    PoConfig,
    TmxConfig,
    TsvConfig,
    XliffConfig,
)
from mt.data.filters import STANDARD, Selection
from mt.data.filters.config import CopiesConfig, LanguageConfig
from mt.errors import ConfigError


class Root(StrictConfig):
    data: DataConfig


FILES = {"source": "a.de", "target": "a.en"}
HUB = {"kind": "huggingface", "path": "p", "split": "s", "source": "de", "target": "en"}


def parse(**values) -> DataConfig:
    whole = {"source": "de", "target": "en", "train": FILES, "validation": FILES} | values
    return Root.parse({"data": whole}, where="recipe.yaml").data


def test_two_files_need_neither_kind_nor_list():
    corpus = PlainTextConfig(source=Path("a.de"), target=Path("a.en"))
    assert parse().train == parse().validation == (corpus,)


def test_kinds_may_be_mixed():
    plain, named, hub = parse(train=[FILES, {"kind": "plain", **FILES}, HUB]).train
    assert plain == named == PlainTextConfig(source=Path("a.de"), target=Path("a.en"))
    assert hub == HuggingFaceConfig(path="p", split="s", source="de", target="en")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a.tmx", TmxConfig(path="a.tmx", source="de", target="en")),
        ("A.TMX.GZ", TmxConfig(path="A.TMX.GZ", source="de", target="en")),
        ({"path": "a.tmx", "source": "at"}, TmxConfig(path="a.tmx", source="at", target="en")),
        ("a.xliff", XliffConfig(path="a.xliff", source="de", target="en")),
        ("a.po.xz", PoConfig(path="a.po.xz", source="de", target="en")),
        ("a.tsv.zst", TsvConfig(path="a.tsv.zst")),
        ({"path": "a.tsv", "source": "x"}, TsvConfig(path="a.tsv", source="x")),
        ("a.csv", CsvConfig(path="a.csv", source="de", target="en")),
        ("s3://b/a.jsonl", JsonLinesConfig(path="s3://b/a.jsonl", source="de", target="en")),
        ("de-en.zip", MosesConfig(path="de-en.zip", source="de", target="en")),
        ("OPUS.v2/", MosesConfig(path="OPUS.v2", source="de", target="en")),
        ("folder", MosesConfig(path="folder", source="de", target="en")),
        (
            "a.parquet",
            HuggingFaceConfig(
                path="parquet", data_files="a.parquet", split="train", source="de", target="en"
            ),
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_name_tells_what_it_is_and_the_languages_fill_in_the_rest(written, meant):
    assert parse(train=written).train == (meant,)
    assert parse(train=[written, FILES]).train[0] == meant
    assert meant.parse(meant.model_dump(mode="json"), where="test") == meant


@pytest.mark.slow
def test_only_batches_need_torch():
    program = """
import sys
import mt.data.fetch, mt.data.lengths, mt.data.store
print("torch" in sys.modules)
import mt.data.mixture
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "True"]


def test_defaults():
    config = parse()
    assert (config.store, config.max_tokens) == (Path("data/prepared"), 256)


def test_yaml_keeps_language_tags_and_is_written_back(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "data:\n  source: no\n  target: en\n  train: {source: a.no, target: a.en}\n"
        "  validation:\n  - {kind: huggingface, path: p, split: s, source: t.no, target: t.en}\n"
    )
    root = load(Root, path)
    assert root.data.source == "no"
    path.write_text(root.to_yaml())
    assert load(Root, path) == root


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": []}, r"`data\.train`: expected at least one corpus"),
        ({"validation": []}, r"`data\.validation`: expected at least one corpus"),
        ({"train": [{"sourc": "a", "target": "b"}]}, r"`data\.train\.0\.sourc`.*`source`"),
        ({"train": {"target": "b"}}, r"`data\.train\.0\.source`: expected a value"),
        ({"train": [HUB | {"kind": "hugingface"}]}, r"`data\.train\.0.*huggingface"),
        ({"train": [HUB | {"colum": "x"}]}, r"`data\.train\.0\.colum`"),
        ({"train": ["a.de"]}, r"`data\.train\.0`"),
        (
            {"train": "a.de"},
            r"`data\.train\.0`: expected two files, .* but found a.de; name its kind",
        ),
        ({"train": {"path": "a.txt"}}, r"`data\.train\.0`: .*\{kind: tsv, path: a.txt\}"),
        ({"train": {"path": "a.tsv", "source": 0}}, r"`data\.train\.0\.source`: "),
        ({"train": {"path": "a.tsv", "heading": 1}}, r"`data\.train\.0\.heading`.*`header`"),
        (
            {"train": {"path": "a.tmx", "on_error": "x"}},
            r"`data\.train\.0\.on_error`: expected 'fail'",
        ),
        (
            {"train": {"kind": "tmx", "path": ["a.tmx"]}},
            r"`data\.train\.0\.path`: expected the path",
        ),
        ({"max_tokens": 0}, r"`data\.max_tokens`"),
        ({"train": FILES | {"weight": 0}}, r"`data\.train\.0\.weight`: expected .*greater than 0"),
        ({"train": FILES | {"tag": "de"}}, r"`data\.train\.0\.tag`"),
        ({"validation": FILES | {"weight": 2}}, r"`data\.validation`: expected .* found a weight"),
        (
            {"train": FILES | {"weight": 2}, "temperature": 5},
            r"`data`: temperature: expected 1 where corpora have weights, as here 2, but found 5;",
        ),
        (
            {
                "source": "tr",
                "train": FILES | {"reverse": True},
                "augmentation": {"upper_case": 0.1},
            },
            r"`data`: augmentation: expected no upper_case or title_case where a corpus is rev",
        ),
        ({"source": ""}, r"`data\.source`"),
    ],
)
def test_mistakes_name_their_key(values, message):
    with pytest.raises(ConfigError, match=rf"recipe\.yaml: {message}"):
        parse(**values)


def test_a_corpus_may_have_filters_of_its_own():
    trusted, crawled = FILES | {"filters": []}, FILES | {"filters": ["standard", "language"]}
    config = parse(train=[FILES, trusted, crawled], filters="copies", max_tokens=99)
    first, second, third = config.train_selections()
    assert first == Selection((CopiesConfig(),), "de", "en", 99)
    assert second == Selection((), "de", "en", 99)
    assert third.filters == (*STANDARD, LanguageConfig())
    assert config.validation_selections() == [second], "data.filters are for training"
    [own] = parse(validation=crawled).validation_selections()
    assert own == Selection(third.filters, "de", "en", 256)


def test_a_corpus_with_exchanged_sides(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"de": "Hallo", "en": "Hello"}\n{"de": "Ja", "en": "Yes"}\n')
    plain, turned = parse(train=[{"path": path}, {"path": path, "reverse": True}]).train
    assert [(pair.target, pair.source) for pair in plain.pairs()] == list(turned.pairs())
    assert next(turned.pairs()) == ("Hello", "Hallo")
    assert plain.fingerprint() != turned.fingerprint()


def test_filters_know_that_sides_are_exchanged(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("Привет, как дела\tHello, how are you\n")
    turned = {"path": path, "source": 1, "target": 2, "reverse": True}
    data = parse(source="ru", target="en", train=[turned], filters=["script"])
    [corpus], [selection] = data.train, data.train_selections()
    assert list(selection.select(corpus.pairs())) == [("Hello, how are you", "Привет, как дела")]
