"""``mt export``: what is written runs in its own program and translates as it does here."""

import json
import zipfile

import ctranslate2
import pytest
import sentencepiece

from mt.bundle import load_bundle
from mt.model.config import RecurrentConfig
from mt.translation import load_translator
from mt.translation.export import export
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.tiny import mt

LINES = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))["source"]


def plain_script(model, tokenizer, lines, **options):
    """Translate as people do who have CTranslate2 and SentencePiece alone."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    translator = ctranslate2.Translator(str(model), compute_type="float32")
    found = translator.translate_batch(pieces.encode(lines, out_type=str), **options)
    return [pieces.decode_pieces(each.hypotheses[0]) for each in found]


def ours(**search):
    overrides = [f"search={{kind: beam, {', '.join(f'{k}: {v}' for k, v in search.items())}}}"]
    translator = load_translator(BUNDLE, "cpu", precision="float32", overrides=overrides)
    return [each.text for each in translator.translate_all(LINES)]


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


def test_what_cannot_be_expressed_is_named(tmp_path, monkeypatch):
    config = RecurrentConfig().model_dump(mode="json")
    bundle = load_bundle(BUNDLE, lambda bundle: bundle)
    monkeypatch.setitem(bundle.config, "model", config)
    with pytest.raises(Exception, match="it cannot compute recurrent layers; train one without"):
        export(bundle, "argos", tmp_path / "a")
