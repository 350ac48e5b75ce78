"""What every kind of corpus promises."""

import gzip
import json
import os
import re
from pathlib import Path
from typing import get_args

import pytest

from mt.data.corpora import CorpusConfig, HuggingFaceConfig, Pair, PlainTextConfig
from mt.data.pairs import read_pairs
from mt.errors import ConfigError, DataError

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
    for read in (corpus.check, corpus.fingerprint, lambda: list(corpus.pairs())):
        with pytest.raises(DataError, match=r"a\.(en|jsonl).*expected") as caught:
            read()
        for line in str(caught.value).splitlines():
            assert re.search(r"a\.(en|de|jsonl)\b.*: expected ", line)


@every_kind
def test_what_can_be_read_passes_the_check(kind, tmp_path):
    WRITE[kind](tmp_path, PAIRS).check()


@every_kind
def test_an_empty_file_is_one_line(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    file = tmp_path / ("a.de" if kind is PlainTextConfig else "a.jsonl")
    file.write_bytes(b"")
    with pytest.raises(DataError, match=rf"^{file}: expected .*, but the file is empty; check it$"):
        corpus.check()


@every_kind
def test_a_fingerprint_is_of_the_content_alone(kind, tmp_path):
    corpus = WRITE[kind](tmp_path, PAIRS)
    before = corpus.fingerprint()
    for file in tmp_path.glob("a.*"):
        os.utime(file)
    assert corpus.fingerprint() == before


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


def checked(content: dict[str, bytes], directory: Path, *, suffix: str = "") -> list[str]:
    """Check two files of the given content, and return the lines of what is wrong."""
    paths = {side: directory / f"a.{side}{suffix}" for side in ("en", "de")}
    for side, data in content.items():
        paths[side].write_bytes(data)
    corpus = PlainTextConfig(source=paths["en"], target=paths["de"])
    with pytest.raises(DataError) as caught:
        corpus.check()
    return str(caught.value).splitlines()


def test_the_check_names_what_is_wrong_with_each_file(tmp_path):
    source, target = checked({"de": b"ok\nGr\xfc\xdfe\n"}, tmp_path)
    assert source.endswith("a.en: expected a text file, but it cannot be read (No such file or "
                           "directory); check the path")  # fmt: skip
    assert "a.de: expected UTF-8, but line 2 holds byte 0xfc" in target


@pytest.mark.parametrize("cut", [b"caf\xc3", b"\xff", b"a\n" * 40000 + b"\xe6\x9d"])
def test_the_check_reads_to_the_last_byte(tmp_path, cut):
    [line] = checked({"en": b"a\n", "de": cut}, tmp_path)
    assert f"line {cut.count(10) + 1} holds byte" in line


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\nb\n", 2), (b"a\nb", 2), (b"\n", 1), (b"\xef\xbb\xbfa", 1), (b"a\r\nb\r\n", 2),
        (b"a\rb\n", 1), (b"a\n\n\n", 3), ("\u2028 \x85 a\n".encode(), 1),
        ("京\n".encode() * 30000, 30000),  # more than one block of bytes, cut inside a character
    ],
)  # fmt: skip
def test_the_check_counts_the_lines_that_are_read(tmp_path, content, lines):
    found = checked({"en": content, "de": b"a\n" * (lines + 1)}, tmp_path)
    assert found == [
        f"{tmp_path}/a.de: expected {lines:,} lines as in {tmp_path}/a.en, but found "
        f"{lines + 1:,}; compare the files line by line"
    ]


def test_compressed_files_are_checked_too(tmp_path):
    whole = gzip.compress(b"a\nb\n")
    [line] = checked({"en": whole, "de": whole[:-9]}, tmp_path, suffix=".gz")
    assert "a.de.gz (gzip): expected a compressed file" in line
    [line] = checked({"en": whole, "de": gzip.compress(b"a\n")}, tmp_path, suffix=".gz")
    assert "expected 2 lines" in line


def test_lines_that_end_with_a_carriage_return_alone_are_told(tmp_path):
    [line] = checked({"en": b"a\nb\nc\n", "de": b"a\rb\rc\r"}, tmp_path)
    assert "a.de: expected lines that end with a line feed, but found carriage returns" in line
    assert line.endswith(r"for example with tr '\r' '\n'")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_nothing_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "a.de")
    [line] = checked({"en": b"a\n"}, tmp_path)
    assert "a.de: expected a file, but found a pipe or a device, which can be read once" in line
    corpus = PlainTextConfig(source=tmp_path / "a.en", target=tmp_path / "a.de")
    with pytest.raises(DataError, match="found a pipe or a device"):
        corpus.fingerprint()


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


@pytest.mark.parametrize(
    ("values", "kind"), [([1.5], "float64"), ([True], "bool"), ([1, "a"], "values of several")]
)
def test_a_column_must_hold_text(tmp_path, values, kind):
    corpus = write_rows(tmp_path, [{"pair": {"en": "a", "de": value}} for value in values])
    for read in (corpus.check, lambda: list(corpus.pairs())):
        with pytest.raises(DataError, match=rf"`pair\.de` to hold text, but it holds {kind}"):
            read()


@pytest.mark.slow
def test_text_and_whole_numbers_of_any_width_are_text(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    columns = {
        "view": pa.array(["a", None], pa.string_view()),
        "large": pa.array(["b", "c"], pa.large_string()),
        "small": pa.array([1, 2], pa.uint8()),
        "signed": pa.array([-3, None], pa.int64()),
    }
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = []
    for source, target in (("view", "large"), ("small", "signed")):
        corpus = HuggingFaceConfig(
            path="parquet", data_files=f"{tmp_path}/a.parquet", split="train",
            source=source, target=target,
        )  # fmt: skip
        corpus.check()
        found.append(list(corpus.pairs()))
    assert found == [[("a", "b"), ("", "c")], [("1", "-3"), ("2", "")]]


WORDS = [
    "None",
    "null",
    "N/A",
    "NA",
    "nan",
    "NULL",
    "#N/A",
    "True",
    "007",
    "1.50",
    "1e5",
    "",
    " a ",
]


def write_table(directory: Path, name: str, text: str, **options) -> HuggingFaceConfig:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return HuggingFaceConfig(
        path="csv", data_files=str(path), split="train", source="en", target="de", **options
    )


def test_words_that_mean_nothing_to_others_stay_text_in_csv(tmp_path):
    corpus = write_table(tmp_path, "a.csv", "".join(f"{word},x\n" for word in ["en", *WORDS]))
    corpus = corpus.model_copy(update={"target": "x"})
    assert list(corpus.pairs()) == [(word, "x") for word in WORDS]


def test_numbers_stay_as_they_stand_in_csv(tmp_path):
    corpus = write_table(tmp_path, "a.csv", "en,de\n0000,1.50\n-0,1e5\n")
    assert list(corpus.pairs()) == [("0000", "1.50"), ("-0", "1e5")]


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("a.csv", 'en,de\n"a, b","c ""d"""\n', {}),
        ("a.csv", 'en;de\n"a, b";"c ""d"""\n', {"separator": ";"}),
        ("a.tsv", 'en\tde\na, b\tc "d"\n', {}),
        ("a.txt", 'en\tde\na, b\tc "d"\n', {"separator": "\t"}),
    ],
)
def test_columns_are_separated_as_the_file_has_it(tmp_path, name, text, options):
    corpus = write_table(tmp_path, name, text, **options)
    assert list(corpus.pairs()) == [("a, b", 'c "d"')]


def test_a_quote_in_a_table_with_tabs_swallows_no_line(tmp_path):
    corpus = write_table(tmp_path, "a.tsv", 'en\tde\n"a\tb\nc\t"d\n')
    assert list(corpus.pairs()) == [('"a', "b"), ("c", '"d')]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("en;de\na;b\n", "the only one is `en;de`; set separator"),
        ("Hello,Hallo\na,b\n", "known are Hello, Hallo; the first line must name the columns"),
        ("en,de\n", "expected to load .* no data"),
        ("en\tde\na\tb\na, b, c\td\n", "expected to load .* and separator"),
    ],
)
def test_what_is_wrong_with_a_table_is_told(tmp_path, text, message):
    corpus = write_table(tmp_path, "a.csv", text)
    with pytest.raises(DataError, match=message) as caught:
        corpus.check()
    assert "\n" not in str(caught.value)


def test_only_tables_have_a_separator():
    with pytest.raises(ConfigError, match="separator: expected none with path json, but found ';'"):
        HuggingFaceConfig.parse(
            {"path": "json", "split": "train", "source": "a", "target": "b", "separator": ";"}, "x"
        )


def test_a_pattern_that_matches_no_file_is_one_line(tmp_path):
    corpus = write_nested(tmp_path, PAIRS).model_copy(update={"data_files": f"{tmp_path}/b*.jsonl"})
    with pytest.raises(DataError, match=r"b\*\.jsonl, split train: expected files, but none") as e:
        corpus.check()
    assert "\n" not in str(e.value)


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

    monkeypatch.setattr("datasets.load.load_dataset_builder", unreachable)
    corpus = HuggingFaceConfig(
        path="some/corpus", name="de-en", split="train", source="s", target="t"
    )
    with pytest.raises(
        DataError, match=r"^some/corpus, de-en, split train: .* reached; .*plain"
    ) as e:
        list(corpus.pairs())
    assert "\n" not in str(e.value)
