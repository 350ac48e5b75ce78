"""What transformers is told of a search, and that what it cannot be told is reported."""

import json
import logging

import pytest

from mt.bundle import load_bundle
from mt.exchange.huggingface.export import write
from tests.golden.test_frozen_bundle import BUNDLE

BEAM = {"kind": "beam"}


@pytest.mark.parametrize(
    ("section", "expected", "whole"),
    [
        ({"search": {"kind": "greedy", "no_repeat_ngram": 3}}, (1, 1.0, 3), True),
        ({"search": {"size": 7, "length_penalty": 0.6} | BEAM}, (7, 0.6, 0), True),
        ({"search": {"length_penalty": 0.6, "length_norm": "gnmt"} | BEAM}, (5, 1.0, 0), False),
        ({"search": {"size": 3, "max_length_ratio": 2} | BEAM}, (3, 1.0, 0), False),
        ({"search": {"kind": "diverse_beam", "size": 6}}, (6, 1.0, 0), False),
        ({"search": {"kind": "sampling"}}, (5, 1.0, 0), False),
        ({"search": BEAM, "decision": "mbr"}, (5, 1.0, 0), False),
    ],
)
def test_the_search_of_a_recipe(section, expected, whole, tmp_path, monkeypatch, caplog):
    bundle = load_bundle(BUNDLE, lambda bundle: bundle)
    monkeypatch.setitem(bundle.config, "translation", section)
    with caplog.at_level(logging.WARNING, logger="mt"):
        write(bundle, tmp_path / "model")
    text = (tmp_path / "model" / "generation_config.json").read_text(encoding="utf-8")
    told = json.loads(text)
    fields = "num_beams", "length_penalty", "no_repeat_ngram_size"
    assert tuple(told[field] for field in fields) == expected
    assert (
        "which transformers knows" in caplog.text or "that transformers knows" in caplog.text
    ) != whole
