import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mt.data import processes
from mt.data import store as module
from mt.data.filters import Selection
from mt.data.filters.config import CopiesConfig, DuplicatesConfig
from mt.data.pairs import PairCounts
from mt.data.store import prepare_store
from mt.errors import DataError
from mt.text.tokenizer import END, Tokenizer, TokenizerConfig, Tokenizers
from mt.text.tokenizer_training import train_tokenizers

EVERY = np.arange(60)
SELECTION = Selection(max_tokens=256)


@pytest.fixture
def corpus(write, lines):
    return write("\n".join(lines) + "\n", "\n".join(reversed(lines)) + "\n")


@pytest.fixture
def prepare(tokenizers, tmp_path):
    def prepare(corpus, tokenizers=tokenizers, selection=SELECTION, **options):
        return prepare_store(corpus, tokenizers, tmp_path / "store", selection, **options)

    return prepare


@pytest.fixture
def many_chunks(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 7)
    monkeypatch.setattr(processes, "available_cores", lambda: 1)


@pytest.mark.parametrize("chunk", [8192, 7, 1])
def test_rows_are_those_of_the_tokenizer(corpus, lines, tokenizers, prepare, monkeypatch, chunk):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    store = prepare(corpus, processes=1)
    expected = [[*ids, END] for ids in tokenizers.source.encode(lines)]
    assert len(store) == 60
    for side, rows in enumerate((expected, expected[::-1])):
        assert store.lengths(EVERY)[side].tolist() == [len(row) for row in rows]
        for picked in ([59], [0, 59, 30], [3, 3, 3], range(60)):
            tokens = store.tokens(np.array(picked))[side]
            assert tokens.tolist() == [token for row in picked for token in rows[row]]
    for (source, target), *rows in zip(store.pairs(EVERY), expected, expected[::-1], strict=True):
        assert [source.tolist(), target.tolist()] == rows
    assert [store.row(pair) for pair in range(60)] == list(range(60))
    assert store.counts == PairCounts(read=60)


def test_several_processes_encode_what_one_does(write, prepare, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 7)
    rows = range(90)
    corpus = write(*("".join(f"{word * (row % 9)}\n" for row in rows) for word in ("ab ", "c ")))
    corpus = corpus.model_copy(update={"tag": "<bt>"})
    selection = Selection((DuplicatesConfig(),), max_tokens=20)
    stores = []
    for number in (2, 1):
        stores.append(prepare(corpus, selection=selection, processes=number))
        stores[-1].path.rename(tmp_path / str(number))
    assert {*stores[0].counts.dropped} == {"blank", "duplicate", "too long"}
    files = [{file.name: file.read_bytes() for file in (tmp_path / str(number)).iterdir()}
             for number in (1, 2)]  # fmt: skip
    assert files[0] == files[1]


def test_totals_are_those_of_all_pairs(corpus, prepare, many_chunks):
    store = prepare(corpus)
    longer = np.maximum(*store.lengths(EVERY))
    assert (store.longest, store.longest_pair) == (longer.max(), longer.argmax())
    assert store.longer_tokens == longer.sum()


@pytest.mark.parametrize(("size", "kind"), [(60, "<u2"), (1 << 17, "<i4")])
def test_tokens_take_as_few_bytes_as_they_need(corpus, tokenizers, tmp_path, size, kind):
    class Large(Tokenizer):
        size = 0

        def encode(self, lines):
            return [[self.size - 1] if line else [] for line in lines]

    large = Large(tokenizers.source.model)
    large.size = size
    store = prepare_store(corpus, Tokenizers(large, large), tmp_path, Selection())
    assert store.tokens(np.array([7]))[0].tolist() == [size - 1, END]
    assert (store.path / "tokens").stat().st_size == 60 * 4 * np.dtype(kind).itemsize


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux to tell")
def test_what_was_read_is_no_longer_in_memory(write, tokenizers, prepare):
    store = prepare(write("abcd efgh\n" * 50_000, "jihg fedc\n" * 50_000))
    for pairs in np.arange(len(store)).reshape(-1, 500):
        store.tokens(pairs)
    mapped = Path("/proc/self/smaps").read_text().split(str(store.path / "tokens"))[1]
    [resident] = re.search(r"^Rss: +(\d+) kB$", mapped, re.MULTILINE).groups()
    assert (store.path / "tokens").stat().st_size > 1 << 20
    assert resident == "0"


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
    others = train_tokenizers(config, zip(lines, lines, strict=True), 1, tmp_path / "others")
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
    source, target = store.lengths(np.arange(3))
    assert source.tolist() == [lengths[0] + 1, lengths[1] + 1, lengths[0] + 1]
    assert target.tolist() == [lengths[0] + 1, lengths[0] + 1, lengths[1] + 1]
    assert [store.row(pair) for pair in range(3)] == [0, 1, 6]
    fewer = prepare(corpus, selection=Selection(max_tokens=lengths[1]))
    assert fewer.counts == PairCounts(7, {"blank": 2, "too long": 4})


def test_filters_add_their_reasons_before_tokens_are_counted(write, prepare, many_chunks):
    copies, duplicates = CopiesConfig(min_length=0), DuplicatesConfig()
    selection = Selection((duplicates, copies), max_tokens=20)
    corpus = write("x\nx\n\ny\n" + "x " * 30 + "\nx\nx\n", "x\ny\ny\nY\nx\ny\n\n")
    expected = PairCounts(7, {"copied": 2, "blank": 2, "too long": 1, "duplicate": 1})
    for _ in ("prepared", "reused"):  # and nothing is remembered from one to the next
        store = prepare(corpus, selection=selection)
        assert (store.counts, len(store), store.row(0)) == (expected, 1, 1)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_corpus_of_which_nothing_is_kept_has_a_store(write, prepare, text):
    for store in (prepare(write(text, text)), prepare(write(text, text))):
        assert (len(store), store.counts.kept) == (0, 0)
        assert (store.longest, store.longer_tokens) == (0, 0)


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
    rows = [store.tokens(EVERY).source.tolist() for store in stores]
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


KILLED = """
import os, pathlib, signal, sys
from mt.data import store as module
from mt.data.corpora import PlainTextConfig
from mt.data.filters import Selection
from mt.text.tokenizer import Tokenizers

source, target, tokenizers, directory, moment = sys.argv[1:]
module._CHUNK = 7
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if moment == "complete but for its name":
    pathlib.Path.rename = die
corpus = PlainTextConfig(source=source, target=target)
progress = lambda counts: counts.read == 28 and moment == "half written" and die()
selection = Selection(max_tokens=256)
module.prepare_store(
    corpus, Tokenizers.load(pathlib.Path(tokenizers)), pathlib.Path(directory), selection,
    progress=progress, processes=1,
)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("moment", ["half written", "complete but for its name"])
def test_what_a_killed_process_left_is_not_taken_for_a_store(
    corpus, tokenizers, prepare, tmp_path, moment
):
    tokenizers.save(tmp_path / "tokenizers")
    arguments = [corpus.source, corpus.target, tmp_path / "tokenizers", tmp_path / "store", moment]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)],
        cwd=Path(__file__).parents[3], check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list((tmp_path / "store").iterdir()), "it has begun"
    store = prepare(corpus)
    assert not store.reused
    assert len(store) == 60
    assert prepare(corpus).reused


def truncate(path):
    path.write_bytes(path.read_bytes()[:-48])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


FILES = (
    "manifest.json",
    "tokens",
    "offsets",
    "source.lengths",
    "target.lengths",
    "rows",
    "SHA256SUMS",
)


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
