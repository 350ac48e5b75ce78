"""A score shows its value, its interval and its signature."""

import dataclasses

import pytest

from mt.evaluation import Score


def test_prints_value_interval_and_signature():
    score = Score("bleu", 39.1234, "nrefs:1|case:mixed", 38.006, 40.3)
    assert str(score) == "BLEU 39.12 [38.01, 40.30] · nrefs:1|case:mixed"


def test_prints_no_interval_where_there_is_none():
    assert str(Score("ter", 101.5, "nrefs:1")) == "TER 101.50 · nrefs:1"


def test_json_keeps_every_digit():
    score = Score("chrf", 1 / 3, "nrefs:1", 0.25, 0.5)
    expected = {"score": 1 / 3, "signature": "nrefs:1", "low": 0.25, "high": 0.5}
    assert score.to_json() == expected
    assert Score("bleu", 0.0, "s").to_json()["low"] is None


def test_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Score("bleu", 1.0, "s").value = 2.0
