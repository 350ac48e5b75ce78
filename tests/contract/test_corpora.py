"""What every kind of corpus promises."""

import json
import os
from pathlib import Path
from typing import get_args

import pytest

from mt.data.corpora import CorpusConfig, HuggingFaceConfig, Pair, PlainTextConfig
from mt.data.pairs import read_pairs
from mt.errors import DataError

KINDS = get_args(get_args(CorpusConfig)[0])
PAIRS = [
    Pair("A dog.", "Ein Hund."),
    Pair("", "Nichts."),
    Pair("a\u2028b \x85 c\x0cd", "東京 👍🏽"),
    Pair("Two <s> spaces  ", " zwei"),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def write_plain(directory: Path, pairs) -> PlainTextConfig:
    directory.mkdir(exist_ok=True)
    corpus = PlainTextConfig(source=directory / "a.en", target=directory / "a.de")
    for path, side in zip((corpus.source, corpus.target), zip(*pairs, strict=True), strict=True):
        path.write_text("".join(f"{line}\n" for line in side), encoding="utf-8", newline="\n")
    return corpus


def write_rows(directory: Path, rows) -> HuggingFaceConfig:
    directory.mkdir(exist_ok=True)
    path = directory / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return HuggingFaceConfig(
        path="json", data_files=str(path), split="train", source="pair.en", target="pair.de"
    )


def write_nested(directory: Path, pairs) -> HuggingFaceConfig:
    return write_rows(directory, [{"pair": {"en": pair[0], "de": pair[1]}} for pair in pairs])


WRITE = {PlainTextConfig: write_plain, HuggingFaceConfig: write_nested}

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_pairs_come_as_they_were_written_each_time(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    assert list(corpus.pairs()) == list(corpus.pairs()) == PAIRS
    assert all(isinstance(pair, Pair) for pair in corpus.pairs())


@every_kind
def test_a_blank_side_drops_its_pair_alone(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    assert list(read_pairs([corpus])) == [PAIRS[0], *PAIRS[2:]]


@every_kind
def test_a_fingerprint_follows_the_content(kind, tmp_path):
    corpus = WRITE[kind](tmp_path / "a", PAIRS)
    before = corpus.fingerprint()
    assert corpus.fingerprint() == before
    assert WRITE[kind](tmp_path / "b", PAIRS[1:]).fingerprint() != before
    swapped = corpus.model_copy(update={"source": corpus.target, "target": corpus.source})
    assert swapped.fingerprint() != before


@every_kind
def test_a_file_changed_in_place_is_noticed(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    before = corpus.fingerprint()
    list(corpus.pairs())
    WRITE[kind](tmp_path, PAIRS[:2])
    for file in tmp_path.iterdir():
        if file.is_file():
            os.utime(file, (1, 1))  # a clock may be coarse
    assert corpus.fingerprint() != before
    assert list(corpus.pairs()) == PAIRS[:2]


@every_kind
def test_a_missing_file_is_one_line(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    for file in tmp_path.glob("a.*"):
        file.unlink()
    for read in (corpus.fingerprint, lambda: list(corpus.pairs())):
        with pytest.raises(DataError, match=r"a\.(en|jsonl).*expected") as caught:
            read()
        assert "\n" not in str(caught.value)


@every_kind
def test_a_config_survives_being_written_down(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    assert kind.parse(corpus.model_dump(mode="json"), where="test") == corpus


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [(b"ok\nGr\xfc\xdfe\n", 2, "fc"), (b"\xed\xa0\x80\n", 1, "ed"), (b"ok\nok\n\xff\xfe", 3, "ff")],
    ids=["latin-1", "lone surrogate", "utf-16 mark"],
)
def test_text_that_is_not_utf8_names_the_line(tmp_path, content, line, byte):
    corpus = write_plain(tmp_path, PAIRS)
    corpus.target.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.de: .* line {line} holds byte 0x{byte}"):
        list(corpus.pairs())


def test_columns_may_be_flat_and_line_breaks_inside_become_spaces(tmp_path):
    corpus = write_rows(tmp_path, [{"x": "a\nb\r\nc", "y": "d\re"}, {"x": None, "y": "f"}])
    flat = corpus.model_copy(update={"source": "x", "target": "y"})
    assert list(flat.pairs()) == [("a b c", "d e"), ("", "f")]
    assert list(flat.rows()) == [("a\nb\r\nc", "d\re"), ("", "f")]


def test_a_split_may_be_a_part(tmp_path):
    corpus = write_nested(tmp_path, PAIRS).model_copy(update={"split": "train[:1]"})
    assert list(corpus.pairs()) == PAIRS[:1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "trian"}, "did you mean `train`"),
        ({"source": "pair.fr"}, r"expected a column `pair\.fr`.*did you mean `pair\.(en|de)`"),
        ({"source": "zzz"}, r"known are pair\.en, pair\.de"),
        ({"path": "jsno"}, "expected to load this dataset"),
    ],
)
def test_a_mistaken_name_is_answered_with_the_nearest(tmp_path, monkeypatch, change, message):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    corpus = write_nested(tmp_path, PAIRS).model_copy(update=change)
    with pytest.raises(DataError, match=message) as caught:
        list(corpus.pairs())
    assert "\n" not in str(caught.value)


def test_a_column_must_hold_text(tmp_path):
    corpus = write_rows(tmp_path, [{"pair": {"en": "a", "de": 1}}])
    with pytest.raises(DataError, match=r"`pair\.de` to hold text, but it holds int64"):
        list(corpus.pairs())


def test_a_damaged_dataset_is_explained(tmp_path):
    corpus = write_nested(tmp_path, PAIRS)
    (tmp_path / "a.jsonl").write_text("no json\n")
    with pytest.raises(
        DataError, match=r"json, .*a\.jsonl, split train: expected to load"
    ) as caught:
        list(corpus.pairs())
    assert "\n" not in str(caught.value)


def test_an_unreachable_hub_is_one_line(monkeypatch):
    def unreachable(*arguments, **options):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("datasets.load.load_dataset", unreachable)
    corpus = HuggingFaceConfig(
        path="some/corpus", name="de-en", split="train", source="s", target="t"
    )
    with pytest.raises(
        DataError, match=r"^some/corpus, de-en, split train: .* reached; .*plain"
    ) as e:
        list(corpus.pairs())
    assert "\n" not in str(e.value)
