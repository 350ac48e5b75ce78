"""What the ``datasets`` library reads for us."""

import pyarrow as pa
import pytest
from pyarrow import parquet

from mt.data.corpora import HuggingFaceConfig, Pair
from mt.errors import ConfigError, DataError
from tests.corpora import huggingface

PAIRS = [Pair("A dog.", "Ein Hund."), Pair("Two dogs.", "Zwei Hunde.")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()


def write_columns(path, source="en", target="de", **columns) -> HuggingFaceConfig:
    parquet.write_table(pa.table(columns), path / "a.parquet")
    return HuggingFaceConfig(
        path="parquet", data_files=f"{path}/a.parquet", split="train", source=source, target=target
    )


@pytest.mark.parametrize("streaming", [False, True])
def test_columns_may_be_flat_and_line_breaks_inside_become_spaces(tmp_path, streaming):
    corpus = write_columns(tmp_path, en=["a\nb\r\nc", None], de=["d\re", "f"])
    corpus = corpus.model_copy(update={"streaming": streaming})
    assert list(corpus.pairs()) == [("a b c", "d\re"), ("", "f")]
    assert list(corpus.rows()) == [("a\nb\r\nc", "d\re"), ("", "f")]


@pytest.mark.parametrize("names", [("en", "de"), ("translation.en", "translation.de")])
@pytest.mark.parametrize("streaming", [False, True])
def test_nested_columns_need_no_dots_inside_translation(tmp_path, names, streaming):
    options = {"source": names[0], "target": names[1], "streaming": streaming}
    corpus = huggingface(tmp_path, PAIRS).model_copy(update=options)
    assert list(corpus.pairs()) == PAIRS


def test_streaming_keeps_nothing(tmp_path):
    import datasets

    corpus = huggingface(tmp_path, PAIRS).model_copy(update={"streaming": True})
    corpus.check()
    assert list(corpus.pairs()) == PAIRS
    assert not list(datasets.config.HF_DATASETS_CACHE.rglob("*.arrow"))


def test_a_split_may_be_a_part(tmp_path):
    corpus = huggingface(tmp_path, PAIRS).model_copy(update={"split": "train[:1]"})
    assert list(corpus.pairs()) == PAIRS[:1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "trian"}, "did you mean `train`"),
        ({"split": "trian", "streaming": True}, "expected to load"),
        ({"split": "train[:1]", "streaming": True}, "expected to load"),
        ({"source": "translation.fr"}, r"`translation\.fr`.*did you mean `translation\."),
        ({"source": "zzz"}, r"known are translation\.en, translation\.de"),
        ({"source": "zzz", "streaming": True}, "expected a column `zzz`.*known are translation$"),
        ({"path": "parqet"}, "expected to load this dataset"),
        ({"data_files": "b*.parquet"}, "expected files, but none|expected to load"),
    ],
)  # fmt: skip
def test_a_mistaken_name_is_answered_with_the_nearest(tmp_path, monkeypatch, change, message):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    corpus = huggingface(tmp_path, PAIRS).model_copy(update=change)
    with pytest.raises(DataError, match=message) as caught:
        list(corpus.pairs())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("value", "kind"), [(1.5, "float"), (True, "bool"), (["a"], "list|several")]
)
def test_a_column_must_hold_text(tmp_path, value, kind, streaming):
    corpus = write_columns(tmp_path, en=["a"], de=[value])
    corpus = corpus.model_copy(update={"streaming": streaming})
    for read in (corpus.check, lambda: list(corpus.pairs())):
        with pytest.raises(DataError, match=rf"text.*holds.*({kind})"):
            read()


@pytest.mark.slow
def test_text_and_whole_numbers_of_any_width_are_text(tmp_path):
    corpus = write_columns(
        tmp_path,
        view=pa.array(["a", None], pa.string_view()),
        large=pa.array(["b", "c"], pa.large_string()),
        small=pa.array([1, 2], pa.uint8()),
        signed=pa.array([-3, None], pa.int64()),
    )
    found = []
    for source, target in (("view", "large"), ("small", "signed")):
        columns = corpus.model_copy(update={"source": source, "target": target})
        columns.check()
        found.append(list(columns.pairs()))
    assert found == [[("a", "b"), ("", "c")], [("1", "-3"), ("2", "")]]


@pytest.mark.parametrize(
    ("path", "kind"), [("json", "jsonl"), ("csv", "csv or tsv"), ("text", "plain")]
)
def test_what_is_read_without_the_library_is_told(path, kind):
    with pytest.raises(ConfigError, match=f"but found {path}; read such files with kind: {kind}"):
        HuggingFaceConfig.parse({"path": path, "split": "train"}, "x")


def test_a_damaged_file_is_explained(tmp_path):
    corpus = huggingface(tmp_path, PAIRS)
    (tmp_path / "a.parquet").write_text("no parquet\n")
    with pytest.raises(
        DataError, match=r"parquet, .*a\.parquet, split train: expected to load"
    ) as e:
        list(corpus.pairs())
    assert "\n" not in str(e.value)


def test_an_unreachable_hub_is_one_line(monkeypatch):
    def unreachable(*arguments, **options):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("datasets.load.load_dataset_builder", unreachable)
    corpus = HuggingFaceConfig(
        path="some/corpus", name="de-en", split="train", source="s", target="t"
    )
    with pytest.raises(
        DataError, match=r"^some/corpus, de-en, split train: .* reached; .*plain"
    ) as e:
        list(corpus.pairs())
    assert "\n" not in str(e.value)
