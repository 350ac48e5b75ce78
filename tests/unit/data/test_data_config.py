import subprocess
import sys
from pathlib import Path

import pytest

from mt.config import StrictConfig, load
from mt.data.config import DataConfig
from mt.data.corpora import HuggingFaceConfig, PlainTextConfig
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
        ({"train": "a.de"}, r"`data\.train`"),
        ({"max_tokens": 0}, r"`data\.max_tokens`"),
        ({"source": ""}, r"`data\.source`"),
    ],
)
def test_mistakes_name_their_key(values, message):
    with pytest.raises(ConfigError, match=rf"recipe\.yaml: {message}"):
        parse(**values)
