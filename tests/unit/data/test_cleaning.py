"""Cleaning parts the pairs of a corpus into those kept and those rejected, and loses none."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt.data import cleaning
from mt.data.cleaning import clean, judge_pairs
from mt.data.filters import STANDARD, Selection
from mt.data.store import prepare_store

DE_EN = Selection(STANDARD, "de", "en")
WORDS = ["Hund", "dog", "1985", "1986", "<b>", "FÃ¼r", "собака", "Ha" * 20, "aaaaaaaaaaaaaaa", ""]
SIDES = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)


def cleaned(pairs, selection=DE_EN):
    """Return the pairs kept, the rejects, and the counts."""
    source, target, rejects = io.StringIO(), io.StringIO(), io.StringIO()
    counts = clean(pairs, selection, source, target, rejects=rejects)
    sides = (file.getvalue().split("\n")[:-1] for file in (source, target))
    lines = rejects.getvalue().splitlines()
    return list(zip(*sides, strict=True)), [json.loads(line) for line in lines], counts


@settings(max_examples=50)
@given(st.lists(st.tuples(SIDES, SIDES), max_size=40))
def test_kept_and_rejected_pairs_are_those_of_the_corpus_in_order(pairs):
    kept, rejects, counts = cleaned(pairs)
    rejected = {each["line"]: (each["source"], each["target"]) for each in rejects}
    assert sorted(rejected) == list(rejected)
    rest = iter(kept)
    together = [rejected.get(line) or next(rest) for line in range(1, len(pairs) + 1)]
    assert together == pairs
    assert next(rest, None) is None
    assert (counts.read, counts.kept) == (len(pairs), len(kept))


def test_a_reject_says_where_it_stood_and_what_decided():
    kept, [reject], _ = cleaned([("Ein Hund.", "A dog."), ("Im Jahr 1985", "In 1986")])
    assert kept == [("Ein Hund.", "A dog.")]
    assert reject == {
        "line": 2, "reason": "other numbers", "measure": 1.0,
        "source": "Im Jahr 1985", "target": "In 1986",
    }  # fmt: skip


def test_processes_say_what_one_says_and_read_a_few_chunks_ahead(monkeypatch):
    monkeypatch.setattr(cleaning, "_CHUNK", 7)
    pairs = [(f"Hund {number % 21}", f"dog {number % 7}") for number in range(300)]
    read = []

    def stream():
        for pair in pairs:
            read.append(pair)
            yield pair

    judged = judge_pairs(stream(), DE_EN, 2)
    first = next(judged)
    assert len(read) <= 7 * 5
    together = [first, *judged]
    alone = list(judge_pairs(pairs, DE_EN, 1))
    assert together == alone
    names = {reason.name for part in alone for reason in part.reasons if reason}
    assert names == {"other numbers", "duplicate"}


@pytest.mark.parametrize("max_tokens", [256, 3])
def test_a_store_drops_the_same_pairs_for_the_same_reasons(write, tokenizers, tmp_path, max_tokens):
    pairs = [
        ("Ein Hund.", "A dog."), ("Ein Hund.", "A dog."), ("FÃ¼r", "for"), ("1985", "1986"),
        ("", "x"), ("Siehe unten auf der Seite", "Siehe unten auf der Seite"), ("Hund", "dog"),
    ]  # fmt: skip
    corpus = write(*("".join(f"{side}\n" for side in sides) for sides in zip(*pairs, strict=True)))
    _, rejects, counts = cleaned(corpus.pairs())
    selection = Selection(STANDARD, "de", "en", max_tokens)
    store = prepare_store(corpus, tokenizers, tmp_path / "store", selection)
    too_long = store.counts.dropped.pop("too long", 0)
    assert store.counts.dropped == counts.dropped
    assert len(counts.dropped) == 5
    if max_tokens == 256:
        assert too_long == 0
        rows = {store.row(pair) for pair in range(len(store))}
        assert rows == {*range(7)} - {each["line"] - 1 for each in rejects}
    else:
        assert too_long == counts.kept
