"""A bundle that was written long ago loads and translates as it always did.

It is what the CHANGELOG promises: a new PATCH version translates identically, a new MINOR version
loads. Only where the promise is broken on purpose is the bundle made anew::

    python -m tests.golden.renew bundle
"""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from mt.bundle import read_index
from mt.translation import TranslationConfig, load_translator
from mt.translation.config import BeamConfig, GreedyConfig
from tests.tiny import mt, recipe_of, write_corpus

BUNDLE = Path(__file__).with_name("bundle")
TRANSLATIONS = Path(__file__).with_name("translations.json")
SEARCHES = {"greedy": GreedyConfig(), "beam": BeamConfig(size=4)}


def translate(lines, search, engine="torch"):
    """Return text and score of each line's translation."""
    translator = load_translator(BUNDLE, device="cpu", engine=engine, precision="float32")
    found = translator.translate_all(lines, TranslationConfig(search=SEARCHES[search]))
    return [(each.text, each.score) for each in found]


@pytest.mark.parametrize("engine", ["torch", "ctranslate2"])
@pytest.mark.parametrize("search", SEARCHES)
def test_translations_are_unchanged(search, engine):
    golden = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))
    found = translate(golden["source"], search, engine)
    assert [text for text, _ in found] == [each["text"] for each in golden[search]]
    # Kernels of other processors add in another order: by far less than this, while the choice of
    # another token, or another normalisation by length, moves a score by more.
    expected = [each["score"] for each in golden[search]]
    assert [score for _, score in found] == pytest.approx(expected, abs=1e-4)


def test_it_translates_the_language_it_was_trained_on():
    golden = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))
    pairs = zip(golden["reference"], golden["beam"], strict=True)
    assert sum(reference == found["text"] for reference, found in pairs) >= 36
    assert len(golden["source"]) == 40


def renew():
    with tempfile.TemporaryDirectory() as name:
        corpus = write_corpus(Path(name), pairs=1500)
        recipe = recipe_of(Path())  # seen from the corpus: no path of this machine is kept
        # Without normalisation the tokenizer is 5 KB instead of 250.
        recipe["tokenizer"] |= {"normalization": "identity"}
        recipe["model"] |= {"dim": 24, "feed_forward": 48, "dropout": 0.0}
        recipe["training"] |= {
            "updates": 2000,
            "batch_tokens": 600,
            "optimizer": {"learning_rate": 1e-2},
            "schedule": {"kind": "inverse_square_root", "warmup": 100},
        }
        recipe["validation"] = {"every": 500, "metric": "bleu"}
        (corpus / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
        done = mt("train", "recipe.yaml", "--out", "run", "--device", "cpu", cwd=corpus)
        assert done.returncode == 0, done.stderr
        shutil.rmtree(BUNDLE, ignore_errors=True)
        shutil.copytree(read_index(corpus / "run")["best"], BUNDLE)
        golden = {
            side: (corpus / f"test.{ending}").read_text(encoding="utf-8").splitlines()
            for side, ending in (("source", "src"), ("reference", "tgt"))
        }
    for search in SEARCHES:
        golden[search] = [
            {"text": text, "score": round(score, 6)}
            for text, score in translate(golden["source"], search)
        ]
    TRANSLATIONS.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
