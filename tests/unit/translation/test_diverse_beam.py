"""Diverse beam search against lists and loops, with a table of probabilities instead of a model."""

from collections import Counter

import pytest

from mt.errors import ConfigError
from mt.text.tokenizer import END, START
from mt.translation.config import BeamConfig, DiverseBeamConfig, TranslationConfig
from mt.translation.search import Limits, run_search
from mt.translation.search.greedy import finished
from tests.unit.translation.test_search import (
    CPU,
    LENGTHS,
    NAMES,
    PERMITTED,
    WORDS,
    Table,
    beam,
    log_probabilities,
    log_softmax,
    same,
)


def diverse(config):
    table, limits = Table(), Limits(START, END, LENGTHS)
    return run_search(config, table, table.start(NAMES, config.size), limits, CPU, PERMITTED)


def plain(name, length, config):
    """Search as the docstring says: a hypothesis is its rank, its log-probability, its tokens."""
    groups, size = config.groups, config.size // config.groups
    living = [[(0.0, 0.0, ())] for _ in range(groups)]
    ended = [[] for _ in range(groups)]
    for step in range(length):
        chosen = Counter()
        for group in range(groups):
            if len(ended[group]) >= size:
                living[group] = []
            options = [
                (
                    rank + value - config.diversity * chosen[token],
                    total + value,
                    (*tokens, token),
                )
                for rank, total, tokens in living[group]
                for token, value in enumerate(log_softmax(log_probabilities(name, tokens)))
                if (token == END if step == length - 1 else token in {*WORDS, END})
            ]
            options.sort(reverse=True)
            ended[group] += [each for each in options[:size] if each[2][-1] == END]
            living[group] = [each for each in options if each[2][-1] != END][:size]
            if len(ended[group]) < size:
                chosen.update(tokens[-1] for _, _, tokens in living[group])
    found = {
        tokens[:-1]: finished(tokens[:-1], total, config.score)
        for group in ended
        for _, total, tokens in group
    }
    return sorted(found.values(), key=lambda each: -each.score)[: config.size]


@pytest.mark.parametrize(("size", "groups"), [(2, 2), (4, 2), (6, 3), (5, 5)])
@pytest.mark.parametrize("diversity", [0.3, 1.0, 5.0])
def test_it_is_the_plain_one(size, groups, diversity):
    config = DiverseBeamConfig(size=size, groups=groups, diversity=diversity, length_penalty=0.5)
    for name, length, pool in zip(NAMES, LENGTHS, diverse(config), strict=True):
        same(pool, plain(name, length, config))


def test_one_group_is_a_beam_and_groups_that_do_not_mind_are_one():
    expected = beam(NAMES, LENGTHS, 3)
    for config in (
        DiverseBeamConfig(size=3, groups=1),
        DiverseBeamConfig(size=6, groups=2, diversity=0),
    ):
        for pool, known in zip(diverse(config), expected, strict=True):
            same(pool[:3], known)


def test_first_tokens_differ_where_repeating_one_costs_too_much():
    config = DiverseBeamConfig(size=3, diversity=50)  # each hypothesis is a group; three words
    for length, pool in zip(LENGTHS, diverse(config), strict=True):
        firsts = [each.tokens[:1] for each in pool]
        assert len(firsts) == len(set(firsts))
        assert len(pool) == 3 or any(not first for first in firsts) or length == 1


def test_groups_must_be_equal():
    search = {"kind": "diverse_beam", "size": 5, "groups": 2}
    with pytest.raises(ConfigError, match="expected a divisor of the 5 hypotheses"):
        TranslationConfig.parse({"search": search}, where="test")
    wide = TranslationConfig(search=DiverseBeamConfig(size=6, groups=3)).with_beam(9)
    assert wide.search == DiverseBeamConfig(size=9, groups=3)
    assert not isinstance(TranslationConfig().with_beam(2).search, DiverseBeamConfig)
    assert BeamConfig().torch_only is None
