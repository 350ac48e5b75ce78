"""Hosts share the work of encoding corpora, where they see each other's stores."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mt.data.filters import Selection
from mt.data.mixture import prepare
from mt.training import encoding
from mt.training.encoding import encode_together
from mt.training.recipe import RecipeConfig
from mt.training.world import Hosts
from tests.tiny import recipe_of, write_corpus

HOSTS = 2
PROCESSES = 2
"""Of each host."""


class Gathering:
    """Threads that play the processes of several hosts."""

    def __init__(self):
        self._barrier = threading.Barrier(HOSTS * PROCESSES, timeout=60)
        self._values = [None] * HOSTS * PROCESSES

    def world(self, rank):
        return Process(self, rank)

    def gather(self, rank, value):
        self._values[rank] = value
        self._barrier.wait()
        values = list(self._values)
        self._barrier.wait()
        return values


class Process:
    def __init__(self, gathering, rank):
        self._gathering, self._rank = gathering, rank
        self.hosts = Hosts(HOSTS, rank // PROCESSES, rank % PROCESSES == 0)

    def gather(self, value):
        return self._gathering.gather(self._rank, value)


@pytest.fixture
def corpora(tmp_path):
    found = []
    for number in range(5):
        folder = tmp_path / f"corpus{number}"
        folder.mkdir()
        recipe = recipe_of(write_corpus(folder, seed=number, pairs=40 + number))
        found += RecipeConfig.parse(recipe, where="tiny").data.train
    return found


@pytest.mark.parametrize("shared", [True, False])
def test_each_corpus_is_encoded_once_where_stores_are_shared(
    shared, corpora, tokenizers, tmp_path, monkeypatch
):
    encoded, selections = [], [Selection(max_tokens=256)] * 5

    def counting(corpus, *arguments, **options):
        encoded.append(corpus.where)
        return prepare_store(corpus, *arguments, **options)

    prepare_store = encoding.prepare_store
    monkeypatch.setattr(encoding, "prepare_store", counting)
    gathering = Gathering()

    def be(rank):
        folder = tmp_path / ("stores" if shared else f"stores{rank // PROCESSES}")
        return encode_together(corpora, tokenizers, folder, selections, gathering.world(rank))

    with ThreadPoolExecutor(HOSTS * PROCESSES) as threads:
        mixtures = list(threads.map(be, range(HOSTS * PROCESSES)))
    alone = prepare(corpora, tokenizers, tmp_path / "alone", selections)
    assert {mixture.fingerprint for mixture in mixtures} == {alone.fingerprint}
    assert {len(mixture) for mixture in mixtures} == {len(alone)} == {40 + 41 + 42 + 43 + 44}
    names = [corpus.where for corpus in corpora]
    assert sorted(encoded) == sorted(names * (1 if shared else HOSTS))
