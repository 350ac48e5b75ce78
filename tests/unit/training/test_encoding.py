"""Hosts share the work of encoding corpora, where they see each other's stores."""

import os
import re
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
        self.is_main = rank == 0
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


@pytest.fixture
def encode(corpora, tokenizers):
    """Play all processes, and list their mixtures.

    Each is told where its host keeps stores; ``blind`` are those that see another folder instead.
    """
    selections = [Selection(max_tokens=256)] * 5

    def run(folder_of, blind=None):
        gathering = Gathering()

        def be(rank):
            world = gathering.world(rank)
            folder = (blind or {}).get(rank) or folder_of(rank // PROCESSES)
            return encode_together("training", corpora, tokenizers, folder, selections, world)

        with ThreadPoolExecutor(HOSTS * PROCESSES) as threads:
            return list(threads.map(be, range(HOSTS * PROCESSES)))

    return run


@pytest.fixture
def encoded(monkeypatch):
    """List the corpora that were handed to prepare_store."""
    names, prepare_store = [], encoding.prepare_store

    def counting(corpus, *arguments, **options):
        names.append(corpus.where)
        return prepare_store(corpus, *arguments, **options)

    monkeypatch.setattr(encoding, "prepare_store", counting)
    return names


@pytest.mark.parametrize("shared", [True, False])
def test_each_corpus_is_encoded_once_where_stores_are_shared(
    shared, corpora, tokenizers, tmp_path, encode, encoded
):
    mixtures = encode(lambda host: tmp_path / ("stores" if shared else f"stores{host}"))
    alone = prepare(corpora, tokenizers, tmp_path / "alone", [Selection(max_tokens=256)] * 5)
    assert {mixture.fingerprint for mixture in mixtures} == {alone.fingerprint}
    assert {len(mixture) for mixture in mixtures} == {len(alone)} == {40 + 41 + 42 + 43 + 44}
    names = [corpus.where for corpus in corpora]
    assert sorted(encoded) == sorted(names * (1 if shared else HOSTS))
    assert not [*tmp_path.glob("stores*/.shared-*")]


def test_the_main_process_tells_what_each_host_has_encoded(tmp_path, encode, caplog, monkeypatch):
    caplog.set_level("INFO", logger="mt.training.encoding")
    monkeypatch.setattr(encoding.platform, "node", lambda: threading.current_thread().name)
    assert not any(mixture.reused for mixture in encode(lambda _: tmp_path / "stores"))
    [line] = caplog.messages
    # One host has the corpora of 40, 42 and 44 pairs, the other those of 41 and 43.
    assert re.fullmatch(r"encoded training pairs: 126 read on \S+, 84 read on \S+", line)
    assert all(mixture.reused for mixture in encode(lambda _: tmp_path / "stores"))
    assert caplog.messages == [line]


def test_what_a_process_encodes_that_sees_no_store_is_told_too(
    tmp_path, encode, caplog, monkeypatch
):
    caplog.set_level("INFO", logger="mt.training.encoding")
    monkeypatch.setattr("mt.training.sharing._SECONDS_TO_APPEAR", 0.0)
    monkeypatch.setattr(encoding.platform, "node", lambda: "host")
    encode(lambda _: tmp_path / "stores", blind={3: tmp_path / "own"})
    # All pairs by those who see the stores, and all again by the last.
    assert caplog.messages == ["encoded training pairs: 420 read on host"]


def test_damage_on_any_host_s_own_disk_is_found_and_told(tmp_path, encode, caplog):
    first = encode(lambda host: tmp_path / f"stores{host}")
    path = tmp_path / "stores1" / first[0].stores[0].path.name / "tokens"  # host 0's in a division
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with caplog.at_level("WARNING", logger="mt.training.encoding"):
        mixtures = encode(lambda host: tmp_path / f"stores{host}")
    assert path.read_bytes() == whole
    assert [mixture.reused for mixture in mixtures] == [True, True, False, False]
    [told] = [each.getMessage() for each in caplog.records if each.name == encoding.__name__]
    assert told.startswith(f"{path}: expected encoded pairs, but on ")
    assert told.endswith(" the file was missing or damaged; they were encoded again")


def test_what_another_host_has_written_is_waited_for(tmp_path, encode, encoded, monkeypatch):
    looks = threading.local()

    def exists(path):
        """Show files from the third look on, as NFS may."""
        looks.count = getattr(looks, "count", 0) + 1
        return looks.count > 2 and os.path.lexists(path)

    monkeypatch.setattr("mt.training.sharing.Path.exists", exists)
    encode(lambda _: tmp_path / "stores")
    assert len(encoded) == 5
