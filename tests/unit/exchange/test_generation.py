"""What transformers is told of a search, and that what it cannot be told is reported."""

import json
import logging

import pytest

from mt.bundle import load_bundle
from mt.exchange.huggingface.export import write
from tests.golden.test_frozen_bundle import BUNDLE


@pytest.mark.parametrize(
    ("search", "expected", "whole"),
    [
        ({"kind": "greedy", "no_repeat_ngram": 3}, (1, 1.0, 3), True),
        ({"kind": "beam", "size": 7, "length_penalty": 0.6}, (7, 0.6, 0), True),
        ({"kind": "beam", "length_penalty": 0.6, "length_norm": "gnmt"}, (5, 1.0, 0), False),
        ({"kind": "beam", "size": 3, "max_length_ratio": 2}, (3, 1.0, 0), False),
        ({"kind": "diverse_beam", "size": 6}, (6, 1.0, 0), False),
        ({"kind": "mbr"}, (5, 1.0, 0), False),
    ],
)
def test_the_search_of_a_recipe(search, expected, whole, tmp_path, monkeypatch, caplog):
    bundle = load_bundle(BUNDLE, lambda bundle: bundle)
    monkeypatch.setitem(bundle.config, "translation", {"search": search})
    with caplog.at_level(logging.WARNING, logger="mt"):
        write(bundle, tmp_path / "model")
    text = (tmp_path / "model" / "generation_config.json").read_text(encoding="utf-8")
    told = json.loads(text)
    fields = "num_beams", "length_penalty", "no_repeat_ngram_size"
    assert tuple(told[field] for field in fields) == expected
    assert ("expected a search that transformers knows" in caplog.text) != whole
