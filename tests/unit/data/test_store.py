import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mt.data import store as module
from mt.data.filters import Selection
from mt.data.filters.config import CopiesConfig, DuplicatesConfig
from mt.data.pairs import PairCounts
from mt.data.store import prepare_store
from mt.errors import DataError
from mt.text.tokenizer import END, TokenizerConfig, train_tokenizers

SELECTION = Selection(max_tokens=256)


@pytest.fixture
def corpus(write, lines):
    return write("\n".join(lines) + "\n", "\n".join(reversed(lines)) + "\n")


@pytest.fixture
def prepare(tokenizers, tmp_path):
    def prepare(corpus, tokenizers=tokenizers, selection=SELECTION, progress=None):
        return prepare_store(corpus, tokenizers, tmp_path / "store", selection, progress)

    return prepare


@pytest.fixture
def many_chunks(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 7)


@pytest.mark.parametrize("chunk", [8192, 7, 1])
def test_rows_are_those_of_the_tokenizer(corpus, lines, tokenizers, prepare, monkeypatch, chunk):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    store = prepare(corpus)
    expected = [[*ids, END] for ids in tokenizers.source.encode(lines)]
    for side, rows in ((store.source, expected), (store.target, expected[::-1])):
        assert len(store) == len(side) == 60
        assert side.lengths().tolist() == [len(row) for row in rows]
        assert side.lengths().dtype == np.int32
        for picked in ([59], [0, 59, 30], [3, 3, 3], range(60)):
            tokens = side.tokens(np.array(picked))
            assert tokens.tolist() == [token for row in picked for token in rows[row]]
    assert store.rows.tolist() == list(range(60))
    assert store.counts == PairCounts(read=60)


def test_files_are_mapped_and_not_loaded(corpus, prepare):
    store = prepare(corpus)
    arrays = [store.rows, *vars(store.source).values(), *vars(store.target).values()]
    assert len(arrays) == 5
    for array in arrays:
        assert isinstance(array.base, np.memmap)
        assert not array.flags.writeable


def test_a_second_run_reuses_the_first(corpus, prepare, monkeypatch):
    first = prepare(corpus)
    monkeypatch.setattr(module, "_write", None)  # would fail
    second = prepare(corpus)
    assert (first.reused, second.reused) == (False, True)
    assert (first.path, first.counts) == (second.path, second.counts)
    assert first.fingerprint == second.fingerprint


def test_files_of_the_same_content_are_the_same_corpus(corpus, prepare, tmp_path):
    first = prepare(corpus)
    moved = corpus.model_copy(update={"source": tmp_path / "elsewhere"})
    shutil.move(corpus.source, moved.source)
    assert prepare(moved).path == first.path
    assert prepare(moved).where == moved.where


def test_whatever_changes_the_pairs_makes_another_store(
    corpus, lines, prepare, tmp_path, monkeypatch
):
    config = TokenizerConfig(size=310)
    others = train_tokenizers(config, lines, lines, 1, tmp_path / "others")
    stores = [
        prepare(corpus),
        prepare(corpus, tokenizers=others),
        prepare(corpus, selection=Selection(max_tokens=255)),
        prepare(corpus, selection=Selection((CopiesConfig(),), "de", "en", 256)),
        prepare(corpus, selection=Selection((CopiesConfig(),), "de", "fr", 256)),
        prepare(corpus, selection=Selection((CopiesConfig(min_length=9),), "de", "en", 256)),
        prepare(corpus.model_copy(update={"target": corpus.source})),
    ]
    corpus.target.write_text(corpus.target.read_text() + "\n")
    corpus.source.write_text(corpus.source.read_text() + "\n")
    stores.append(prepare(corpus))
    monkeypatch.setattr(module, "_VERSION", module._VERSION + 1)
    stores.append(prepare(corpus))
    assert len({store.path for store in stores}) == 9
    assert not any(store.reused for store in stores)


def test_long_and_invisible_pairs_are_dropped_and_counted(write, tokenizers, prepare):
    lengths = [len(tokenizers.source.encode(["x " * count])[0]) for count in (1, 2, 3)]
    corpus = write("x\nx x\nx x x\nx\n\u200b\n\nx\n", "x\nx\nx\nx x x\nx\nx\nx x\n")
    store = prepare(corpus, selection=Selection(max_tokens=lengths[1] + 1))
    assert store.counts == PairCounts(7, {"blank": 2, "too long": 2})
    assert store.source.lengths().tolist() == [lengths[0] + 1, lengths[1] + 1, lengths[0] + 1]
    assert store.target.lengths().tolist() == [lengths[0] + 1, lengths[0] + 1, lengths[1] + 1]
    assert store.rows.tolist() == [0, 1, 6]
    fewer = prepare(corpus, selection=Selection(max_tokens=lengths[1]))
    assert fewer.counts == PairCounts(7, {"blank": 2, "too long": 4})


def test_filters_add_their_reasons_before_tokens_are_counted(write, prepare, many_chunks):
    copies, duplicates = CopiesConfig(min_length=0), DuplicatesConfig()
    selection = Selection((duplicates, copies), max_tokens=20)
    corpus = write("x\nx\n\ny\n" + "x " * 30 + "\nx\nx\n", "x\ny\ny\nY\nx\ny\n\n")
    expected = PairCounts(7, {"copied": 2, "blank": 2, "too long": 1, "duplicate": 1})
    for _ in ("prepared", "reused"):  # and nothing is remembered from one to the next
        store = prepare(corpus, selection=selection)
        assert (store.counts, store.rows.tolist()) == (expected, [1])


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_corpus_of_which_nothing_is_kept_has_a_store(write, prepare, text):
    for store in (prepare(write(text, text)), prepare(write(text, text))):
        assert (len(store), store.counts.kept) == (0, 0)
        assert store.source.lengths().tolist() == []


def test_a_broken_corpus_leaves_nothing(write, prepare, tmp_path, many_chunks):
    with pytest.raises(DataError, match="50.*49"):
        prepare(write("a\n" * 50, "a\n" * 49))
    assert list((tmp_path / "store").iterdir()) == []


def test_progress_is_reported(corpus, prepare, many_chunks):
    seen = []
    prepare(corpus, progress=lambda counts: seen.append(counts.read))
    assert seen == [7, 14, 21, 28, 35, 42, 49, 56, 60]


def test_preparing_at_once_is_safe(corpus, prepare, tmp_path, many_chunks):
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(prepare, corpus) for _ in range(4)]
        stores = [job.result() for job in jobs]
    rows = [store.source.tokens(np.arange(60)).tolist() for store in stores]
    assert rows == [rows[0]] * 4
    assert [path.name for path in (tmp_path / "store").iterdir()] == [stores[0].path.name]


def test_who_comes_second_keeps_the_first(corpus, prepare, tmp_path):
    files = []

    def meanwhile(counts):
        files.append((prepare(corpus).path / "rows").stat().st_ino)

    second = prepare(corpus, progress=meanwhile)
    files.append((second.path / "rows").stat().st_ino)
    assert files[0] == files[1]
    assert [path.name for path in (tmp_path / "store").iterdir()] == [second.path.name]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-48])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


FILES = (
    "manifest.json", "rows", "source.tokens", "source.offsets", "target.tokens", "target.offsets",
    "SHA256SUMS",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [flip, truncate, lambda path: path.unlink()])
def test_a_damaged_store_is_prepared_again(corpus, prepare, damage, name, caplog):
    path = prepare(corpus).path
    assert {file.name for file in path.iterdir()} == set(FILES)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    damage(path / name)
    assert not prepare(corpus).reused
    [message] = caplog.messages
    assert message.startswith(str(path))
    assert message.endswith("is missing or damaged; they are encoded again")
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert prepare(corpus).reused


def test_a_store_that_cannot_be_written_is_named(corpus, tokenizers, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file.*cannot be written .*data\.store"):
        prepare_store(corpus, tokenizers, tmp_path / "file" / "store", SELECTION)
