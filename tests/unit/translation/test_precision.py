"""Numbers an engine multiplies: what it lacks is told; bf16 changes little, and scores alike."""

import json
import logging

import pytest

from mt import hardware
from mt.translation.engines.ctranslate2 import engine as fast
from mt.translation.loading import load_translator
from tests.engines import skip_without
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS

LINES = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]


def test_bf16_translates_nearly_alike_and_scores_what_it_finds(monkeypatch):
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda _: True)
    exact = load_translator(BUNDLE, "cpu", engine="torch", precision="float32")
    rounded = load_translator(BUNDLE, "cpu", engine="torch", precision="bfloat16")
    wanted, found = (list(each.translate(LINES)) for each in (exact, rounded))
    pairs = list(zip(wanted, found, strict=True))
    # bf16 keeps 8 bits, so a logit of 10 is off by up to 0.02; layers add to that, while whole
    # targets and single steps differ in the last product alone.
    assert sum(one.text == other.text for one, other in pairs) >= 0.9 * len(LINES)
    assert all(one.score != other.score for one, other in pairs)
    assert [each.score for each in found] == pytest.approx([e.score for e in wanted], abs=0.1)
    forced = list(rounded.score(zip(LINES, (each.text for each in found), strict=True)))
    assert [e.score for e in forced] == pytest.approx([e.score for e in found], abs=0.02)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_what_a_device_is_not_made_for_is_told(precision, monkeypatch, caplog):
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda _: False)
    with caplog.at_level(logging.WARNING, logger="mt"):
        found = load_translator(BUNDLE, "cpu", engine="torch", precision=precision)
    [message] = caplog.messages
    assert f"does not multiply in {precision} on this cpu, and takes float32" in message
    exact = load_translator(BUNDLE, "cpu", engine="torch", precision="float32")
    assert found.translate_all(LINES[:5]) == exact.translate_all(LINES[:5])


@pytest.mark.parametrize(
    ("asked", "supported", "taken"),
    [("bfloat16", {"int8", "float32"}, "int8"), ("int8", {"float32"}, "float32")],
)
def test_numbers_that_ctranslate2_has_not_here_are_told(
    asked, supported, taken, monkeypatch, caplog
):
    monkeypatch.setattr(fast.ctranslate2, "get_supported_compute_types", lambda _: supported)
    with caplog.at_level(logging.WARNING, logger="mt"):
        found = load_translator(BUNDLE, "cpu", engine="ctranslate2", precision=asked)
    [message] = caplog.messages
    assert f"does not multiply in {asked} on this processor, and takes {taken}" in message
    assert found.engine.translator.compute_type.startswith(taken)


def test_bfloat16_is_not_for_the_native_engine(caplog):
    skip_without("native")
    with caplog.at_level(logging.WARNING, logger="mt"):
        found = load_translator(BUNDLE, "cpu", engine="native", precision="bfloat16")
    assert "does not multiply in bfloat16, and takes int8" in caplog.text
    exact = load_translator(BUNDLE, "cpu", engine="native", precision="int8")
    assert found.translate_all(LINES[:5]) == exact.translate_all(LINES[:5])
