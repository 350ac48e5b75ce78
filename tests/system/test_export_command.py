"""``mt export``: what is written runs in its own program and translates as it does here."""

import json
import random
import sys
import zipfile

import ctranslate2
import numpy as np
import pytest
import sentencepiece

from mt.bundle import load_bundle
from mt.exchange.export import export
from mt.model.config import RecurrentConfig
from mt.translation import load_translator
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.tiny import mt, process

KNOWN = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]
WORDS = sorted({word for line in KNOWN for word in line.split()})
_DRAW = random.Random(1)
LINES = [" ".join(_DRAW.sample(WORDS, k=_DRAW.randint(1, 5))) for _ in range(200)]


def ours(kind="beam", **search):
    chosen = ", ".join(f"{key}: {value}" for key, value in {"kind": kind, **search}.items())
    overrides = [f"search={{{chosen}}}", "split_sentences=false"]
    translator = load_translator(BUNDLE, "cpu", precision="float32", overrides=overrides)
    return [each.text for each in translator.translate_all(LINES)]


def plain_script(model, tokenizer, lines, **options):
    """Translate as people do who have CTranslate2 and SentencePiece alone."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    translator = ctranslate2.Translator(str(model), compute_type="float32")
    found = translator.translate_batch(pieces.encode(lines, out_type=str), **options)
    return [pieces.decode_pieces(each.hypotheses[0]) for each in found]


def test_a_directory_for_ctranslate2(tmp_path):
    done = mt("export", BUNDLE, "--to", "ctranslate2", "--output", "model", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "model: written\n")
    model = tmp_path / "model"
    found = plain_script(model, model / "tokenizer.model", LINES, beam_size=4)
    assert found == ours(size=4)
    again = mt("export", BUNDLE, "--to", "ctranslate2", "--output", "model", cwd=tmp_path)
    assert again.returncode == 2
    assert "model: expected a new directory, but it exists" in again.stderr


def test_a_package_for_argos_translate(tmp_path):
    done = mt("export", BUNDLE, "--to", "argos", "--output", "xx_yy.argosmodel", cwd=tmp_path)
    assert done.returncode == 0
    with zipfile.ZipFile(tmp_path / "xx_yy.argosmodel") as file:
        file.extractall(tmp_path)
    [package] = tmp_path.glob("*/metadata.json")
    metadata = json.loads(package.read_text(encoding="utf-8"))
    assert (metadata["from_code"], metadata["to_code"]) == ("xx", "yy")
    # What Argos Translate asks of CTranslate2.
    found = plain_script(
        package.parent / "model", package.parent / "sentencepiece.model", LINES,
        beam_size=4, length_penalty=0.2, replace_unknowns=True,
    )  # fmt: skip
    assert found == ours(size=4, length_penalty=0.2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "beam"), [("greedy", 1), ("beam", 5)])
def test_a_directory_for_transformers(tmp_path, kind, beam):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    done = mt("export", BUNDLE, "--to", "huggingface", "--output", "model", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "model: written\n")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model")
    assert model.generation_config.num_beams == 5  # as the bundle's recipe has it
    batch = tokenizer(LINES, return_tensors="pt", padding=True)
    written = model.generate(**batch, num_beams=beam)
    found = tokenizer.batch_decode(written, skip_special_tokens=True)
    expected = ours(kind, **({"size": beam} if beam > 1 else {}))
    same = sum(one == other for one, other in zip(found, expected, strict=True))
    assert same >= 198  # near-ties may fall either way


@pytest.mark.slow
def test_graphs_for_onnx(tmp_path):
    import onnxruntime

    model = tmp_path / "model"
    # In a process of its own: torch cannot trace functions whose shapes are checked.
    done = process("export", BUNDLE, "--to", "onnx", "--output", model)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{model}: written\n", "")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    encoder, decoder = (
        onnxruntime.InferenceSession(model / f"{name}.onnx", options)
        for name in ("encoder", "decoder")
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model / "tokenizer.model"))
    start, end = pieces.bos_id(), pieces.eos_id()

    def translate(line):  # as docs/howto/export.md does
        source = [[*pieces.encode(line), end]]
        memory_keys, memory_values, visible = encoder.run(None, {"source": source})
        layers, batch, heads, _, depth = memory_keys.shape
        past = [np.zeros((layers, batch, heads, 0, depth), np.float32)] * 2
        token, written = start, []
        while token != end and len(written) < 3 * len(source[0]) + 20:
            logits, *past = decoder.run(
                None,
                {
                    "token": [token],
                    "memory_keys": memory_keys,
                    "memory_values": memory_values,
                    "visible": visible,
                    "past_keys": past[0],
                    "past_values": past[1],
                },
            )
            logits[:, : start + 1] = -np.inf
            if not written:
                logits[:, end] = -np.inf
            token = int(logits[0].argmax())
            written.append(token)
        return pieces.decode(written)

    assert [translate(line) for line in LINES] == ours("greedy")


def test_packages_that_write_graphs_are_named_when_they_are_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = mt("export", BUNDLE, "--to", "onnx", "--output", "model", cwd=tmp_path)
    assert done.returncode == 2
    assert "--to onnx: expected the package onnxscript, but it is not installed" in done.stderr
    assert not (tmp_path / "model").exists()


def test_what_cannot_be_expressed_is_named(tmp_path, monkeypatch):
    bundle = load_bundle(BUNDLE, lambda bundle: bundle)
    monkeypatch.setitem(bundle.config, "model", RecurrentConfig().model_dump(mode="json"))
    with pytest.raises(Exception, match="it cannot compute recurrent layers; train one without$"):
        export(bundle, "argos", tmp_path / "a")
    window = {"cross_attention": {"scope": {"kind": "window"}}}
    monkeypatch.setitem(bundle.config, "model", {"kind": "transformer", **window})
    with pytest.raises(
        Exception, match="the window scope of cross-attention; train one without, or export it to"
    ):
        export(bundle, "huggingface", tmp_path / "a")
