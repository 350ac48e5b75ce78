import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import torch

from mt.data import store as module
from mt.data.pairs import PairCounts
from mt.data.store import PairStore, prepare
from mt.errors import DataError
from mt.text.tokenizer import END, PAD, TokenizerConfig, train_tokenizers


@pytest.fixture
def corpus(write, lines):
    return write("\n".join(lines) + "\n", "\n".join(reversed(lines)) + "\n")


@pytest.fixture(params=[8192, 7, 1])
def chunk(request, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", request.param)
    return request.param


@pytest.fixture
def many_chunks(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 7)


def naive(tokenizer, texts):
    rows = [[*ids, END] for ids in tokenizer.encode(texts)]
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def test_gathering_equals_a_loop_over_rows(corpus, lines, tokenizers, tmp_path, chunk):
    store = prepare([corpus], tokenizers, tmp_path / "store", max_tokens=256)
    targets = lines[::-1]
    generator = np.random.default_rng(1)
    picks = [generator.permutation(len(lines))[:size] for size in (1, 2, 8, 60)]
    for indices in [*picks, np.array([59]), np.array([0]), np.array([3, 3, 3])]:
        batch = store.batch(indices)
        source = naive(tokenizers.source, [lines[i] for i in indices])
        target = naive(tokenizers.target, [targets[i] for i in indices])
        assert batch.source.dtype == batch.target.dtype == torch.int64
        assert torch.equal(batch.source, source)
        assert torch.equal(batch.target, target)
        assert batch.source_tokens == store.source_lengths[indices].sum() == (source != PAD).sum()
        assert batch.target_tokens == store.target_lengths[indices].sum() == (target != PAD).sum()


def test_lengths_count_the_end_mark(corpus, lines, tokenizers, tmp_path, chunk):
    store = prepare([corpus], tokenizers, tmp_path / "store", max_tokens=256)
    expected = [len(ids) + 1 for ids in tokenizers.source.encode(lines)]
    assert store.source_lengths.tolist() == expected
    assert store.target_lengths.tolist() == expected[::-1]
    assert store.source_lengths.dtype == store.target_lengths.dtype == np.int32
    assert len(store) == store.counts.kept == len(lines)


def test_padding_may_reach_past_the_file(write, tokenizers, tmp_path):
    texts = ["abcd " * 5000, "efgh"]
    corpus = write("\n".join(texts), "\n".join(texts))
    batch = prepare([corpus], tokenizers, tmp_path / "store", 99_999).batch(np.arange(2))
    assert torch.equal(batch.target, naive(tokenizers.target, texts))


@pytest.mark.parametrize("indices", [[60], [-1], [0, 99]])
def test_no_such_pair(corpus, tokenizers, tmp_path, indices):
    store = prepare([corpus], tokenizers, tmp_path / "store", max_tokens=256)
    with pytest.raises(IndexError, match=r"out of bounds"):
        store.batch(np.array(indices))


def test_opening_copies_nothing(corpus, tokenizers, tmp_path, many_chunks):
    path = prepare([corpus], tokenizers, tmp_path / "store", 256).path
    before = pa.total_allocated_bytes()
    store = PairStore.open(path)
    assert pa.total_allocated_bytes() == before
    assert not store._words.flags.owndata
    assert not store._words.flags.writeable
    assert store._words.nbytes == (path / "pairs.arrow").stat().st_size // 4 * 4


def test_a_second_run_reuses_the_first(corpus, tokenizers, tmp_path, monkeypatch):
    first = prepare([corpus], tokenizers, tmp_path / "store", 256)
    monkeypatch.setattr(module, "read_pairs", None)  # would fail
    second = prepare([corpus], tokenizers, tmp_path / "store", 256)
    assert (first.reused, second.reused) == (False, True)
    assert first.path == second.path
    assert first.counts == second.counts


def test_files_of_the_same_content_are_the_same_corpus(corpus, tokenizers, tmp_path):
    first = prepare([corpus], tokenizers, tmp_path / "store", 256)
    moved = corpus.model_copy(update={"source": tmp_path / "elsewhere"})
    shutil.move(corpus.source, moved.source)
    assert prepare([moved], tokenizers, tmp_path / "store", 256).path == first.path


def test_whatever_changes_the_pairs_makes_another_store(
    corpus, write, lines, tokenizers, tmp_path, monkeypatch
):
    def fresh(corpora=(corpus,), tokenizers=tokenizers, max_tokens=256):
        store = prepare(corpora, tokenizers, tmp_path / "store", max_tokens)
        assert not store.reused
        return store.path

    config = TokenizerConfig(size=310)
    others = train_tokenizers(config, lines, lines, 1, tmp_path / "others")
    paths = {
        fresh(),
        fresh(tokenizers=others),
        fresh(max_tokens=255),
        fresh(corpora=(corpus, corpus)),
        fresh(corpora=(corpus.model_copy(update={"target": corpus.source}),)),
    }
    corpus.target.write_text(corpus.target.read_text() + "\n")
    corpus.source.write_text(corpus.source.read_text() + "\n")
    paths.add(fresh())
    monkeypatch.setattr(module, "_VERSION", 2)
    paths.add(fresh())
    assert len(paths) == 7


def test_long_and_invisible_pairs_are_dropped_and_counted(write, tokenizers, tmp_path):
    lengths = [len(tokenizers.source.encode(["x " * count])[0]) for count in (1, 2, 3)]
    corpus = write("x\nx x\nx x x\nx\n\u200b\n\nx\n", "x\nx\nx\nx x x\nx\nx\nx x\n")
    store = prepare([corpus], tokenizers, tmp_path / "store", max_tokens=lengths[1] + 1)
    assert store.counts == PairCounts(read=7, blank=2, too_long=2)
    fewer = prepare([corpus], tokenizers, tmp_path / "store", max_tokens=lengths[1])
    assert fewer.counts == PairCounts(read=7, blank=2, too_long=4)
    assert store.source_lengths.tolist() == [lengths[0] + 1, lengths[1] + 1, lengths[0] + 1]
    assert store.target_lengths.tolist() == [lengths[0] + 1, lengths[0] + 1, lengths[1] + 1]


def test_nothing_kept_is_an_error_and_leaves_nothing(corpus, tokenizers, tmp_path):
    with pytest.raises(DataError, match=r"^data\.max_tokens: .* at most 2 .* 60 too long"):
        prepare([corpus], tokenizers, tmp_path / "store", max_tokens=2)
    assert list((tmp_path / "store").iterdir()) == []


def test_a_broken_corpus_leaves_nothing(write, tokenizers, tmp_path, many_chunks):
    corpus = write("a\n" * 50, "a\n" * 49)
    with pytest.raises(DataError, match="found 50 and 49"):
        prepare([corpus], tokenizers, tmp_path / "store", 256)
    assert list((tmp_path / "store").iterdir()) == []


def test_progress_is_told(corpus, tokenizers, tmp_path, many_chunks):
    seen = []
    prepare([corpus], tokenizers, tmp_path / "store", 256, lambda counts: seen.append(counts.read))
    assert seen == [7, 14, 21, 28, 35, 42, 49, 56, 60]


def test_preparing_at_once_is_safe(corpus, tokenizers, tmp_path, many_chunks):
    with ThreadPoolExecutor(4) as pool:
        directory = tmp_path / "store"
        jobs = [pool.submit(prepare, [corpus], tokenizers, directory, 256) for _ in range(4)]
        stores = [job.result() for job in jobs]
    batches = [store.batch(np.arange(60)) for store in stores]
    assert all(torch.equal(batch.source, batches[0].source) for batch in batches)
    assert [path.name for path in directory.iterdir()] == [stores[0].path.name]


def test_who_comes_second_keeps_the_first(corpus, tokenizers, tmp_path):
    files = []

    def meanwhile(counts):
        first = prepare([corpus], tokenizers, tmp_path / "store", 256)
        files.append((first.path / "pairs.arrow").stat().st_ino)

    second = prepare([corpus], tokenizers, tmp_path / "store", 256, meanwhile)
    files.append((second.path / "pairs.arrow").stat().st_ino)
    assert files[0] == files[1]
    assert [path.name for path in (tmp_path / "store").iterdir()] == [second.path.name]


@pytest.mark.parametrize("damage", ["no manifest", "no pairs", "truncated", "garbage", "version"])
def test_a_damaged_store_is_named(corpus, tokenizers, tmp_path, damage):
    path = prepare([corpus], tokenizers, tmp_path / "store", 256).path
    file, manifest = path / "pairs.arrow", path / "manifest.json"
    if damage == "no manifest":
        manifest.unlink()
    elif damage == "no pairs":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-50])
    elif damage == "garbage":
        manifest.write_text("[]")
    else:
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 0'))
    with pytest.raises(DataError, match=rf"{path.name}: .* delete the directory"):
        prepare([corpus], tokenizers, tmp_path / "store", 256)


def test_a_store_that_cannot_be_written_is_named(corpus, tokenizers, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file.*cannot be written .*data\.store"):
        prepare([corpus], tokenizers, tmp_path / "file" / "store", 256)
