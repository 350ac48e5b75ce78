"""Views are chosen by what they measure."""

import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mt.inspection.alignment.choice import most_agreeing, most_informative, mutual_information


def test_mutual_information_by_hand():
    pairs = [(["a"], ["x"]), (["A"], ["x"]), (["b"], ["y"])]
    links = [frozenset({(0, 0)})] * 3
    # p(x) = 2/3: twice log((2 - 1 + 2/3) / (2 * 2/3)); the only b-y contributes nothing.
    expected = 2 * math.log((5 / 3) / (4 / 3)) / 3
    gains = [math.log(5 / 4)] * 2 + [0]
    spread = sum((gain - expected) ** 2 for gain in gains) / 3
    assert mutual_information(links, pairs) == pytest.approx((expected, math.sqrt(spread / 3)))


def test_links_of_words_linked_once_contribute_nothing():
    pairs = [(["a", "b"], ["x", "y"])]
    assert mutual_information([frozenset({(0, 0), (1, 1)})], pairs) == pytest.approx((0, 0))
    assert mutual_information([frozenset()], pairs) == (0, 0)
    assert mutual_information([], []) == (0, 0)


@pytest.fixture
def planted():
    """Pairs whose target is the source in another order, and three views of each.

    The second view knows the order; the first is off by one word, the last follows positions.
    """
    draw = random.Random(3)
    pairs, weights = [], []
    for _ in range(60):
        source = draw.choices("abcdefghij", k=draw.randint(3, 7))
        order = draw.sample(range(len(source)), len(source))
        pairs.append((source, [source[index].upper() + "!" for index in order]))
        right = torch.eye(len(source))[order]
        weights.append(torch.stack([right.roll(1, dims=0), right, torch.eye(len(source))]))
    return pairs, weights


def test_the_view_that_links_the_same_words_again_and_again_is_chosen(planted):
    pairs, weights = planted
    view, gain = most_informative(weights, pairs)
    assert view == 1
    assert gain > 1


def test_the_first_of_equal_views_is_chosen(planted):
    pairs, weights = planted
    assert most_informative([each[[1, 1, 0]] for each in weights], pairs)[0] == 0


def test_views_that_link_the_same_are_chosen(planted):
    _, weights = planted
    back = [each.transpose(1, 2)[[2, 0, 1]][:2] for each in weights]
    # The reverse model has the view that follows positions and the one that is off by one, which
    # agree with the third and the first; the first of the best is taken.
    assert most_agreeing(weights, back) == (0, 1, 1.0)


def total_words(sizes):
    return sum(map(sum, sizes))


def test_on_one_pair_nothing_is_better_than_the_first_view(planted):
    pairs, weights = planted
    assert most_informative(weights[:1], pairs[:1])[0] == 0


@given(st.integers(0, 1000))
def test_agreement_is_f1_by_brute_force(seed):
    torch.manual_seed(seed)
    sizes = [(3, 5), (4, 2), (1, 1)]
    forward = [torch.rand(3, target, source) for source, target in sizes]
    reverse = [torch.rand(2, source, target) for source, target in sizes]
    scores = {}
    for first in range(3):
        for second in range(2):
            shared = total = 0
            for ahead, back in zip(forward, reverse, strict=True):
                one = {(int(i), j) for j, i in enumerate(ahead[first].argmax(1))}
                two = {(i, int(j)) for i, j in enumerate(back[second].argmax(1))}
                shared += len(one & two)
                total += len(one) + len(two)
            scores[first, second] = 2 * shared / total
    best = max(scores.values())
    enough = best - math.sqrt(best * (1 - best) / ((total_words(sizes)) / 2))
    best = next(pair for pair, score in scores.items() if score >= enough - 1e-12)
    assert most_agreeing(forward, reverse) == (*best, pytest.approx(scores[best]))
