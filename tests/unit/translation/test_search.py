"""Search against brute force, with a table of probabilities instead of a model."""

import itertools
import math
import random
from dataclasses import dataclass

import pytest
import torch

from mt.inspection.variants import translate_variants
from mt.model.config import RecurrentConfig, TransformerConfig
from mt.text.tokenizer import END, START
from mt.translation.config import BeamConfig, GreedyConfig
from mt.translation.engines.torch import NEVER, TorchEngine
from mt.translation.search import (
    ForcePrefix,
    Hypothesis,
    Limits,
    MinimumLength,
    Suppress,
    beam_search,
    greedy_search,
    run_search,
)
from mt.translation.search.greedy import finished

CPU = torch.device("cpu")
WORDS = (4, 5, 6)
SIZE = 7


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
            found.append(finished(tokens, total, normalised(length_penalty)))
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


PERMITTED = (Suppress(NEVER),)


def normalised(penalty):
    return BeamConfig(length_penalty=penalty).score


def greedy(names, lengths, penalty=1.0, table=None, processors=PERMITTED):
    table, limits = table or Table(), Limits(START, END, tuple(lengths))
    start = table.start(names, 1)
    return greedy_search(table, start, limits, CPU, processors, normalised(penalty))


def beam(names, lengths, width, penalty=1.0, table=None, processors=PERMITTED):
    table, limits = table or Table(), Limits(START, END, tuple(lengths))
    start = table.start(names, width)
    return beam_search(table, start, limits, CPU, width, processors, normalised(penalty))


def test_a_config_chooses_the_search():
    limits, table = Limits(START, END, LENGTHS), Table()

    def found(config, rows):
        assert config.kept == rows
        return run_search(config, table, table.start(NAMES, rows), limits, CPU, PERMITTED)

    alone = [[each] for each in greedy(NAMES, LENGTHS)]
    assert found(GreedyConfig(), 1) == alone
    assert found(BeamConfig(size=1), 1) == alone
    assert found(BeamConfig(size=3, length_penalty=0.5), 3) == beam(NAMES, LENGTHS, 3, 0.5)


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


def test_greedy_takes_the_most_probable_token():
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
    living, ended = [((), 0.0)], []
    for step in range(length):
        if step == length - 1:
            ended += [
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
        ended += [(row, total) for total, row, token in options[:width] if token == END]
        living = [((*row, token), total) for total, row, token in options if token != END][:width]
        if len(ended) >= width:
            break
    return sorted(
        (finished(row, total, normalised(penalty)) for row, total in ended),
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
    nothing = math.log(1 / SIZE)
    for pool in beam("ab", (5, 3), 4, table=table, processors=[Suppress((*NEVER, *WORDS))]):
        same(pool, [Hypothesis((), nothing, nothing)])


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
    processors = [Suppress(NEVER), MinimumLength(END, torch.ones(3, dtype=torch.long))]
    [pool] = beam("a", [9], 3, 0.0, Table(two_ways), processors)
    assert pool[0].tokens == (4, 4)
    assert all(found.tokens for found in pool)
    for penalty in (0.0, 1.0):
        scores = dict(pools(penalty))
        assert scores[()] == pytest.approx(short, **close)
        assert scores[4, 4] == pytest.approx(long / 3**penalty, **close)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    config = TransformerConfig(
        dim=16, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=2, tie="none"
    )
    return config.build(150, 150).double().eval()


GENERATOR = random.Random(1)
SOURCES = [GENERATOR.choices(range(4, 150), k=length) for length in (3, 1, 4, 4, 1)]


@pytest.mark.parametrize("width", [1, 4])
def test_a_model_translates_a_batch_as_one_by_one(model, width):
    engine = TorchEngine(model, CPU)
    together = engine.submit(SOURCES, BeamConfig(size=width))()
    for source, pool in zip(SOURCES, together, strict=True):
        same(pool, engine.submit([source], BeamConfig(size=width))()[0])
    assert len({pool[0].tokens for pool in together}) > 1


@pytest.mark.parametrize("width", [1, 4])
def test_the_score_is_that_of_forced_decoding(model, width):
    config = BeamConfig(size=width, length_penalty=0.7)
    pools = TorchEngine(model, CPU).submit(SOURCES, config)()
    for source, found in (
        (source, found) for source, pool in zip(SOURCES, pools, strict=True) for found in pool
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


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_occurs_twice(model, width, size):
    engine = TorchEngine(model, CPU)

    def repeats(tokens):
        ngrams = [tokens[start : start + size] for start in range(len(tokens) - size + 1)]
        return len(ngrams) - len(set(ngrams))

    plain = engine.submit(SOURCES, BeamConfig(size=width))()
    assert any(repeats(each.tokens) for pool in plain for each in pool)
    found = engine.submit(SOURCES, BeamConfig(size=width, no_repeat_ngram=size))()
    assert not any(repeats(each.tokens) for pool in found for each in pool)


def test_the_engine_splits_what_is_too_much_at_once(model, monkeypatch):
    engine = TorchEngine(model, CPU)
    whole = engine.submit(SOURCES, BeamConfig(size=2))()
    monkeypatch.setattr("mt.translation.engines.torch.BATCH_TOKENS", 20)
    for pool, expected in zip(engine.submit(SOURCES, BeamConfig(size=2))(), whole, strict=True):
        same(pool, expected)
    assert engine.submit([], BeamConfig(size=2))() == []


def forced(names, lengths, prefixes, width):
    processors = [Suppress(NEVER), ForcePrefix.of(prefixes, width, CPU)]
    if width == 1:
        return [[found] for found in greedy(names, lengths, processors=processors)]
    return beam(names, lengths, width, processors=processors)


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


class NoRepetition:
    """Forbids a token that its hypothesis holds already."""

    def __call__(self, log_probabilities, written):
        for row, tokens in enumerate(written.tolist()):
            log_probabilities[row, tokens] = -torch.inf
        return log_probabilities

    def select(self, _):
        return self


@pytest.mark.parametrize("width", [1, 40])
def test_a_processor_sees_what_was_written(width):
    """No token twice: of all sequences of three words without repetition, the best are found."""
    names, length, processors = NAMES[:6], 4, [Suppress(NEVER), NoRepetition()]
    if width == 1:
        pools = [[found] for found in greedy(names, [length] * 6, processors=processors)]
    else:
        pools = beam(names, [length] * 6, width, processors=processors)
    for name, pool in zip(names, pools, strict=True):
        expected = {
            found.tokens: found.log_probability
            for found in brute_force(name, length, 1.0)
            if len(set(found.tokens)) == len(found.tokens)
        }
        assert all(found.tokens in expected for found in pool)
        if width > 1:
            best = max(expected, key=lambda tokens: expected[tokens] / (len(tokens) + 1))
            assert pool[0].tokens == best
            assert len(pool) == len(expected)


class Counter:
    """Remembers by itself how often each row has written a token, as search reorders the rows."""

    def __init__(self, counts):
        self.counts = counts

    def __call__(self, log_probabilities, written):
        if written.size(1):
            self.counts = self.counts + (written[:, -1] == WORDS[0])
        assert torch.equal(self.counts, (written == WORDS[0]).sum(dim=1))
        return log_probabilities

    def select(self, rows):
        return Counter(self.counts[rows])


@pytest.mark.parametrize("width", [1, 2, 5])
def test_what_a_processor_remembers_follows_the_reordering_of_hypotheses(width):
    counter = Counter(torch.zeros(len(NAMES) * width, dtype=torch.long))
    processors = [Suppress(NEVER), counter]
    found = (
        [[one] for one in greedy(NAMES, LENGTHS, processors=processors)]
        if width == 1
        else beam(NAMES, LENGTHS, width, processors=processors)
    )
    plain = [[one] for one in greedy(NAMES, LENGTHS)] if width == 1 else beam(NAMES, LENGTHS, width)
    assert found == plain


@pytest.fixture(scope="module")
def recurrent():
    torch.manual_seed(5)
    model = RecurrentConfig(dim=16, attention=None, tie="none").build(150, 150).double().eval()
    for parameter in model.parameters():
        parameter.data.mul_(3)  # a fresh one runs in circles of tokens that are all but equal
    return model


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
@pytest.mark.parametrize("width", [1, 4])
def test_variants_are_those_of_a_search_forced_from_the_start(request, monkeypatch, kind, width):
    model = request.getfixturevalue({"transformer": "model", "recurrent": "recurrent"}[kind])
    # Five variants at once: a batch holds several positions, and one is cut by two batches.
    source, target = SOURCES[0], [*range(50, 57), END]
    tokens = 5 * width * (len(source) + 1)
    monkeypatch.setattr("mt.inspection.variants.BATCH_TOKENS", tokens)
    others = [[4 + index, 90 + index, END][: index % 4] for index in range(len(target))]
    prefixes = [(*target[:index], token) for index, row in enumerate(others) for token in row]
    config = BeamConfig(size=width, length_penalty=0.7)
    found = translate_variants(TorchEngine(model, CPU), source, target, others, config)

    def search(prefix):
        limits = Limits(START, END, (max(29, len(prefix) + 1),))
        processors = [Suppress(NEVER), ForcePrefix.of([prefix], width, CPU)]
        with torch.no_grad():
            state = model.start(torch.tensor([[*source, END]]), width)
            return run_search(config, model, state, limits, CPU, processors)[0][0].tokens

    assert found == [search(prefix) for prefix in prefixes]
    for prefix, tokens in zip(prefixes, found, strict=True):
        assert (*tokens, END)[: len(prefix)] == prefix
