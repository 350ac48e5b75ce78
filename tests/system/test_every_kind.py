"""Every kind of attention, positions and architecture trains on the phrasebook and translates it.

Not all combinations, but every member of every union in every place that admits it.
"""

import json
from zipfile import ZipFile

import pytest

from tests.tiny import ROOT, mt

TRANSFORMER = "kind: transformer, encoder_layers: 1, decoder_layers: 1, feed_forward: 64, heads: 2"
RECURRENT = "kind: recurrent, heads: 1"
BILINEAR, ADDITIVE, DOT = (f"score: {{kind: {kind}}}" for kind in ("bilinear", "additive", "dot"))
WINDOW, PREDICTED = (f"scope: {{kind: {kind}, width: 3}}" for kind in ("window", "predicted"))
MODELS = {
    "learned positions, bilinear": f"{TRANSFORMER}, positions: {{kind: learned}}, "
    f"self_attention: {{{BILINEAR}}}, cross_attention: {{{BILINEAR}}}",
    "t5, additive": f"{TRANSFORMER}, positions: {{kind: t5}}, "
    f"self_attention: {{{ADDITIVE}}}, cross_attention: {{{ADDITIVE}}}",
    "rotary, dot": f"{TRANSFORMER}, positions: {{kind: rotary}}, "
    f"self_attention: {{{DOT}}}, cross_attention: {{{DOT}}}",
    "shaw, windows": f"{TRANSFORMER}, positions: {{kind: shaw}}, "
    f"self_attention: {{{WINDOW}}}, cross_attention: {{{WINDOW}}}",
    "alibi, predicted": f"{TRANSFORMER}, positions: {{kind: alibi}}, "
    f"self_attention: {{{PREDICTED}}}, cross_attention: {{{PREDICTED}, {ADDITIVE}}}",
    "no positions": f"{TRANSFORMER}, positions: {{kind: none}}",
    "fixed context": f"{RECURRENT}, attention: null",
    "fixed context, gru, one way": f"{RECURRENT}, attention: null, cell: gru, bidirectional: false",
    "additive, previous state": (
        f"{RECURRENT}, attention_query: previous_state, cell: gru, decoder_layers: 2"
    ),
    "dot": f"{RECURRENT}, attention: {{{DOT}}}, encoder_layers: 2",
    "bilinear, input feeding": f"{RECURRENT}, attention: {{{BILINEAR}}}, input_feeding: true",
    "local-m": f"{RECURRENT}, attention: {{{DOT}, {WINDOW}}}",
    "local-p": f"{RECURRENT}, attention: {{{BILINEAR}, {PREDICTED}}}, input_feeding: true",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def phrasebook(tmp_path_factory):
    directory = tmp_path_factory.mktemp("phrasebook")
    with ZipFile(ROOT / "data/phrasebook/phrasebook.zip") as archive:
        archive.extractall(directory)
    return directory


@pytest.mark.parametrize("name", MODELS)
def test_it_trains_saves_loads_and_translates(name, phrasebook, tmp_path):
    run = tmp_path / "run"
    settings = {
        "data.train": f"[{{source: {phrasebook}/train.en, target: {phrasebook}/train.de}}]",
        "data.validation": f"[{{source: {phrasebook}/dev.en, target: {phrasebook}/dev.de}}]",
        "data.store": str(phrasebook / "prepared"),
        "model": f"{{{MODELS[name]}, dim: 32}}",
        "training.updates": 20,
        "training.batch_tokens": 512,
        "training.optimizer.learning_rate": 1e-2,
        "training.schedule.warmup": 5,
        "training.report_every": 5,
        "validation.every": 20,
        "validation.metric": "loss",
    }
    changes = [f"--set={key}={value}" for key, value in settings.items()]
    done = mt("train", ROOT / "configs/demo.yaml", *changes, "--out", run, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [report["cross_entropy"] for report in reports if "cross_entropy" in report]
    assert losses[-1] < losses[0] - 1  # nats per token; each lost 1.4 or more
    lines = "The dog sleeps.\n\nWhere is the old woman?\n"
    written = mt("translate", run, "--device", "cpu", "--beam", "2", stdin=lines)
    assert written.returncode == 0, written.stderr
    assert written.stdout.count("\n") == 3
    assert written.stdout.split("\n")[1] == ""
