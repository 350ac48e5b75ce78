"""Numbers an engine multiplies: what is refused, and that bf16 changes little and scores alike."""

import json

import pytest

from mt import hardware
from mt.errors import ConfigError
from mt.translation.engines.ctranslate2 import engine as fast
from mt.translation.loading import load_translator
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS

LINES = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]


def test_bf16_translates_nearly_alike_and_scores_what_it_finds(monkeypatch):
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda _: True)
    exact = load_translator(BUNDLE, "cpu", engine="torch", precision="float32")
    rounded = load_translator(BUNDLE, "cpu", engine="torch", precision="bfloat16")
    wanted, found = (list(each.translate(LINES)) for each in (exact, rounded))
    pairs = list(zip(wanted, found, strict=True))
    assert sum(one.text == other.text for one, other in pairs) >= 0.9 * len(LINES)
    assert all(one.score != other.score for one, other in pairs)
    assert [each.score for each in found] == pytest.approx([e.score for e in wanted], abs=0.1)
    forced = list(rounded.score(zip(LINES, (each.text for each in found), strict=True)))
    assert [e.score for e in forced] == pytest.approx([e.score for e in found], abs=0.02)


def test_a_device_that_is_not_made_for_it_is_named(monkeypatch):
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda _: False)
    with pytest.raises(ConfigError, match="this cpu is not made for bfloat16"):
        load_translator(BUNDLE, "cpu", engine="torch", precision="bfloat16")


def test_numbers_that_ctranslate2_has_not_here_are_refused(monkeypatch):
    monkeypatch.setattr(fast.ctranslate2, "get_supported_compute_types", lambda _: {"float32"})
    with pytest.raises(ConfigError, match=r"this processor \(float32\), but found int8"):
        load_translator(BUNDLE, "cpu", engine="ctranslate2", precision="int8")
    assert load_translator(BUNDLE, "cpu", engine="ctranslate2").translate_all(LINES[:1])
