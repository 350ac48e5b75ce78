"""Search against brute force, with a table of probabilities instead of a model."""

import itertools
import math
import random
from dataclasses import dataclass

import pytest
import torch

from mt.kernels.top_k import BLOCK, top_k
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.text.tokenizer import END, PAD, START, UNKNOWN
from mt.translation.engines.torch import TorchEngine
from mt.translation.search import Hypothesis, Limits, beam_search, greedy_search

CPU = torch.device("cpu")
WORDS = (4, 5, 6)
SIZE = 7
NEVER = (PAD, UNKNOWN, START)


def log_probabilities(sentence, prefix):
    """Draw the logits after a prefix, always the same ones for the same prefix."""
    generator = random.Random(repr((sentence, tuple(prefix))))
    return [generator.gauss(0, 1.5) for _ in range(SIZE)]


def log_softmax(logits):
    total = math.log(sum(map(math.exp, logits)))
    return [logit - total for logit in logits]


@dataclass(frozen=True)
class Prefixes:
    """A state that remembers what it read."""

    rows: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    def select(self, rows, sentences=None):
        names = self.names if sentences is None else tuple(self.names[i] for i in sentences)
        kept = tuple(self.rows[i] for i in rows)
        assert len(kept) % len(names) == 0
        return Prefixes(kept, names)


class Table:
    """Scores by :func:`log_probabilities`."""

    def __init__(self, log_probabilities=log_probabilities):
        self.log_probabilities = log_probabilities

    def start(self, names, beam):
        return Prefixes(((),) * len(names) * beam, tuple(names))

    def step(self, tokens, state):
        rows = tuple((*row, token) for row, token in zip(state.rows, tokens.tolist(), strict=True))
        beam = len(rows) // len(state.names)
        logits = [
            self.log_probabilities(state.names[i // beam], row[1:]) for i, row in enumerate(rows)
        ]
        assert all(row[0] == START for row in rows)
        return torch.tensor(logits, dtype=torch.float32), Prefixes(rows, state.names)


def log_probability(sentence, tokens, log_probabilities=log_probabilities):
    whole = (*tokens, END)
    return sum(
        log_softmax(log_probabilities(sentence, whole[:index]))[token]
        for index, token in enumerate(whole)
    )


def brute_force(sentence, length, length_penalty, log_probabilities=log_probabilities):
    found = []
    for words in range(length):
        for tokens in itertools.product(WORDS, repeat=words):
            total = log_probability(sentence, tokens, log_probabilities)
            found.append(Hypothesis.ended(tokens, total, length_penalty))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def limits(lengths, never=NEVER):
    return Limits(start=START, end=END, never=never, lengths=tuple(lengths))


def greedy(names, lengths, penalty=1.0, table=None):
    table = table or Table()
    return greedy_search(table, table.start(names, 1), limits(lengths), CPU, penalty)


def beam(names, lengths, width, penalty=1.0, table=None):
    table = table or Table()
    return beam_search(table, table.start(names, width), limits(lengths), CPU, width, penalty)


NAMES = tuple("abcdefghijklmnop")
LENGTHS = tuple(1 + index % 9 for index in range(len(NAMES)))
# Log-probabilities are sums of at most nine float32 numbers below 10.
close = {"abs": 1e-5}


def same(found, expected):
    assert [hypothesis.tokens for hypothesis in found] == [other.tokens for other in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, **close)
        assert one.score == pytest.approx(other.score, **close)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
def test_a_wide_beam_finds_what_brute_force_finds(penalty):
    names, length = NAMES[:6], 4
    width = sum(len(WORDS) ** words for words in range(length))  # every sequence there is
    for name, pool in zip(names, beam(names, [length] * 6, width, penalty), strict=True):
        same(pool, brute_force(name, length, penalty))


def test_a_beam_of_one_is_greedy():
    same([pool[0] for pool in beam(NAMES, LENGTHS, 1)], greedy(NAMES, LENGTHS))


def test_greedy_takes_the_likeliest_token():
    for name, length, found in zip(NAMES, LENGTHS, greedy(NAMES, LENGTHS), strict=True):
        tokens = []
        while len(tokens) < length - 1:
            scores = log_probabilities(name, tokens)
            best = max((*WORDS, END), key=scores.__getitem__)
            if best == END:
                break
            tokens.append(best)
        assert found.tokens == tuple(tokens)


def plain_beam(name, length, width, penalty):
    """Search as the docstring of the beam says, with lists and loops."""
    living, finished = [((), 0.0)], []
    for step in range(length):
        if step == length - 1:
            finished += [
                (row, total + log_softmax(log_probabilities(name, row))[END])
                for row, total in living
            ]
            break
        options = sorted(
            (
                (total + log_softmax(log_probabilities(name, row))[token], row, token)
                for row, total in living
                for token in (*WORDS, END)
            ),
            reverse=True,
        )
        finished += [(row, total) for total, row, token in options[:width] if token == END]
        living = [((*row, token), total) for total, row, token in options if token != END][:width]
        if len(finished) >= width:
            break
    return sorted(
        (Hypothesis.ended(row, total, penalty) for row, total in finished),
        key=lambda hypothesis: -hypothesis.score,
    )[:width]


@pytest.mark.parametrize("width", [2, 3, 5, 8])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_any_beam_is_the_plain_one(width, penalty):
    for name, length, pool in zip(
        NAMES, LENGTHS, beam(NAMES, LENGTHS, width, penalty), strict=True
    ):
        same(pool, plain_beam(name, length, width, penalty))


@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_reported_probability_is_that_of_the_table(width):
    for name, pool in zip(NAMES, beam(NAMES, LENGTHS, width), strict=True):
        for found in pool:
            expected = log_probability(name, found.tokens)
            assert found.log_probability == pytest.approx(expected, **close)
            assert found.score == pytest.approx(expected / (len(found.tokens) + 1), **close)


def test_greedy_reports_the_probability_of_the_table():
    for name, found in zip(NAMES, greedy(NAMES, LENGTHS, 0.5), strict=True):
        expected = log_probability(name, found.tokens)
        assert found.log_probability == pytest.approx(expected, **close)
        assert found.score == pytest.approx(expected / (len(found.tokens) + 1) ** 0.5, **close)


@pytest.mark.parametrize("width", [1, 4])
def test_the_order_and_company_of_sentences_do_not_matter(width):
    together = beam(NAMES, LENGTHS, width)
    order = random.Random(3).sample(range(len(NAMES)), len(NAMES))
    moved = beam([NAMES[i] for i in order], [LENGTHS[i] for i in order], width)
    for place, index in enumerate(order):
        same(moved[place], together[index])
        same(beam([NAMES[index]], [LENGTHS[index]], width)[0], together[index])
        if width == 1:
            same(greedy([NAMES[index]], [LENGTHS[index]]), together[index])


@pytest.mark.parametrize("width", [1, 3])
def test_no_hypothesis_is_longer_than_its_sentence_allows(width):
    def endless(sentence, prefix):
        return [0.0, 0.0, 0.0, -30.0, 1.0, 0.5, 0.2]

    for pools in (
        beam(NAMES, LENGTHS, width, table=Table(endless)),
        [[found] for found in greedy(NAMES, LENGTHS, table=Table(endless))],
    ):
        for length, pool in zip(LENGTHS, pools, strict=True):
            assert {len(found.tokens) + 1 for found in pool} == {length}
            assert pool[0].tokens == (4,) * (length - 1)


@pytest.mark.parametrize("width", [1, 2, 6])
def test_forbidden_tokens_never_appear_however_likely(width):
    def tempting(sentence, prefix):
        return [9.0, 8.0, 7.0, *log_probabilities(sentence, prefix)[3:]]

    table = Table(tempting)
    pools = beam(NAMES, LENGTHS, width, table=table)
    pools += [[found] for found in greedy(NAMES, LENGTHS, table=table)]
    for pool in pools:
        assert pool
        assert all(math.isfinite(found.log_probability) for found in pool)
        assert not any(set(found.tokens) & {*NEVER, END} for found in pool)


def test_nothing_but_the_end_is_still_a_hypothesis():
    table = Table(lambda *_: [0.0] * SIZE)
    rules = Limits(START, END, never=(*NEVER, *WORDS), lengths=(5, 3))
    for pool in beam_search(table, table.start("ab", 4), rules, CPU, 4):
        same(pool, [Hypothesis.ended((), math.log(1 / SIZE), 1.0)])


def test_the_length_penalty_ranks_as_algebra_says():
    # Ending at once: log 0.4. Two words, each 0.6, then a certain end: 2 log 0.6, over 3 tokens.
    first = {END: 0.4, 4: 0.6}

    def two_ways(sentence, prefix):
        shares = (first, {4: 0.6, 5: 0.4}, {END: 1.0})[min(len(prefix), 2)]
        return [math.log(shares.get(token, 1e-30)) for token in range(SIZE)]

    def pools(penalty):
        [pool] = beam("a", [9], 3, penalty, Table(two_ways))
        return [(found.tokens, found.score) for found in pool]

    short, long = math.log(0.4), 2 * math.log(0.6)
    assert long < short < long / 3
    assert pools(0.0)[0][0] == ()
    assert pools(1.0)[0][0] == (4, 4)
    for penalty in (0.0, 1.0):
        scores = dict(pools(penalty))
        assert scores[()] == pytest.approx(short, **close)
        assert scores[4, 4] == pytest.approx(long / 3**penalty, **close)


@pytest.mark.parametrize("vocabulary", [3, 63, 64, 65, 500, 640, 641, 8003])
@pytest.mark.parametrize("count", [1, 2, 10])
@pytest.mark.parametrize("spoilt", [False, True])
def test_likeliest_is_topk(vocabulary, count, spoilt):
    generator = torch.manual_seed(vocabulary + count)
    # A shuffled range has no ties, which topk may break as it likes.
    rows = [torch.randperm(vocabulary, generator=generator).float() for _ in range(5)]
    scores = torch.stack(rows)
    if spoilt:
        scores[:, [0, vocabulary // 2]] = -torch.inf
        count = min(count, vocabulary - 2)
    values, tokens = top_k(scores, count)
    expected = scores.topk(min(count, vocabulary), dim=-1)
    assert torch.equal(values, expected.values)
    assert torch.equal(tokens, expected.indices)


@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, 10 * BLOCK - 1, 10 * BLOCK, 10 * BLOCK + 4])
def test_likeliest_looks_everywhere(place):
    scores = torch.zeros(1, 10 * BLOCK + 5)
    scores[0, place] = 1.0
    assert top_k(scores, 1)[1].item() == place


def test_likeliest_values_are_right_even_with_ties():
    scores = torch.randint(0, 4, (7, 1000), generator=torch.manual_seed(1)).float()
    values, tokens = top_k(scores, 5)
    assert torch.equal(values, scores.topk(5).values)
    assert torch.equal(values, scores.gather(1, tokens))
    assert all(len(set(row)) == 5 for row in tokens.tolist())


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    config = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=2, tie="none"
    )
    return config.build(150, 150).double().eval()


GENERATOR = random.Random(1)
SOURCES = [GENERATOR.choices(range(4, 150), k=length) for length in (3, 1, 4, 4, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 4])
def test_a_model_translates_a_batch_as_one_by_one(model, width):
    engine = TorchEngine(model, CPU)
    together = engine.generate(SOURCES, width, 1.0)
    alone = [engine.generate([source], width, 1.0)[0] for source in SOURCES]
    same(together, alone)
    assert len({found.tokens for found in together}) > 1


@pytest.mark.parametrize("width", [1, 4])
def test_the_score_is_that_of_forced_decoding(model, width):
    for source, found in zip(
        SOURCES, TorchEngine(model, CPU).generate(SOURCES, width, 0.7), strict=True
    ):
        with torch.no_grad():
            read = torch.tensor([[START, *found.tokens]])
            logits = model.output(model(torch.tensor([[*source, END]]), read))[0]
        written = torch.tensor([*found.tokens, END])
        total = logits.log_softmax(-1).gather(1, written[:, None]).sum().item()
        # Search sums at most 41 log-probabilities in float32.
        assert found.log_probability == pytest.approx(total, abs=1e-4)
        assert found.score == pytest.approx(total / len(written) ** 0.7, abs=1e-4)
        assert len(written) <= 3 * len(source) + 20


def test_the_engine_splits_what_is_too_much_at_once(model, monkeypatch):
    engine = TorchEngine(model, CPU)
    whole = engine.generate(SOURCES, 2, 1.0)
    monkeypatch.setattr("mt.translation.engines.torch.BATCH_TOKENS", 20)
    same(engine.generate(SOURCES, 2, 1.0), whole)
    assert engine.generate([], 2, 1.0) == []


def forced(names, lengths, prefixes, width):
    table = Table()
    rules = Limits(START, END, NEVER, tuple(lengths), tuple(prefixes))
    if width == 1:
        found = greedy_search(table, table.start(names, 1), rules, CPU)
        return [[one] for one in found]
    return beam_search(table, table.start(names, width), rules, CPU, width)


PREFIXES = ((), (4,), (5, 5), (6, 4), (5, 6, 4), (4, END))


def test_a_wide_beam_finds_the_best_of_all_that_begin_as_forced():
    names, length = NAMES[:6], 5
    width = sum(len(WORDS) ** words for words in range(length))
    for name, prefix, pool in zip(
        names, PREFIXES, forced(names, [length] * 6, PREFIXES, width), strict=True
    ):
        expected = [
            found for found in brute_force(name, length, 1.0)
            if (*found.tokens, END)[: len(prefix)] == prefix
        ]  # fmt: skip
        same(pool, expected[:width])


def test_greedy_goes_on_from_what_is_forced():
    for name, prefix, (found,) in zip(
        NAMES[:6], PREFIXES, forced(NAMES[:6], [7] * 6, PREFIXES, 1), strict=True
    ):
        tokens = list(prefix)
        while END not in tokens:
            scores = log_probabilities(name, tokens)
            best = max((*WORDS, END), key=scores.__getitem__)
            tokens.append(END if len(tokens) == 6 else best)
        assert (*found.tokens, END) == tuple(tokens)
        assert found.log_probability == pytest.approx(log_probability(name, found.tokens), **close)


@pytest.mark.parametrize("width", [1, 3])
def test_forcing_all_that_was_found_gives_it_the_same_score(width):
    free = [pool[0] for pool in forced(NAMES, LENGTHS, [()] * len(NAMES), width)]
    whole = [(*found.tokens, END) for found in free]
    same([pool[0] for pool in forced(NAMES, LENGTHS, whole, width)], free)


RECURRENT = RecurrentConfig(dim=16, attention=None, tie="none").build(150, 150).double().eval()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
@pytest.mark.parametrize("width", [1, 4])
def test_variants_are_those_of_a_search_forced_from_the_start(model, monkeypatch, kind, width):
    model = {"transformer": model, "recurrent": RECURRENT}[kind]
    # Five variants at once: a batch holds several places, and a place is cut by two batches.
    source, target = SOURCES[0], [*range(50, 57), END]
    tokens = 5 * width * (len(source) + 1)
    monkeypatch.setattr("mt.translation.engines.torch.BATCH_TOKENS", tokens)
    others = [[4 + place, 90 + place, END][: place % 4] for place in range(len(target))]
    prefixes = [(*target[:place], token) for place, row in enumerate(others) for token in row]
    found = TorchEngine(model, CPU).generate_variants(source, target, others, width, 0.7)

    def search(prefix):
        rules = Limits(START, END, NEVER, (max(29, len(prefix) + 1),), (prefix,))
        with torch.no_grad():
            state = model.start(torch.tensor([[*source, END]]), width)
            if width == 1:
                return greedy_search(model, state, rules, CPU, 0.7)[0]
            return beam_search(model, state, rules, CPU, width, 0.7)[0][0]

    same(found, [search(prefix) for prefix in prefixes])
    for prefix, one in zip(prefixes, found, strict=True):
        assert (*one.tokens, END)[: len(prefix)] == prefix
