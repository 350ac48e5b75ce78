"""The same text becomes the same tokens, wherever it comes from."""

import pytest
import torch

from mt.bundle import open_bundle
from mt.data.corpora import PlainTextConfig
from mt.data.filters import Selection
from mt.data.mixture import prepare
from mt.text.tokenizer import END, Tokenizer
from mt.translation import load_translator
from tests.tiny import mt, write_corpus, write_untrained

LINES = [
    "bado e\u0301 \u212b \u1112\u1161\u11ab",
    "\u0628\u0651\u064e fage\u200clu \u201ebado\u201c \u00abx\u00bb",
    "bado\u00a0fage\tlu\u2028na\x0bme  \u3000 \u200b!",
    "\u05d1\u05bc\u05b8 \uff01 \u2026 \U0001d15e \u2581\u2585 nalu",
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A model that knows nothing."""
    return write_untrained(write_corpus(tmp_path_factory.mktemp("corpus")))


def test_file_pipe_api_and_training_encode_alike(bundle, tmp_path, monkeypatch):
    encode, seen = Tokenizer.encode, []

    def watched(tokenizer, lines):
        encoded = encode(tokenizer, lines)
        seen.extend(encoded)
        return encoded

    def seen_by(call):
        seen.clear()
        call()
        return list(filter(None, seen))

    tokenizers = open_bundle(bundle).tokenizers()
    expected = tokenizers.source.encode(LINES)
    text = "".join(f"{line}\r\n" for line in LINES)
    file = tmp_path / "lines.txt"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    options = ("translate", bundle, "--no-split", "--device", "cpu")
    translator = load_translator(bundle, "cpu")
    config = translator.config.model_copy(update={"split_sentences": False})

    monkeypatch.setattr(Tokenizer, "encode", watched)
    assert seen_by(lambda: mt(*options, file)) == expected
    assert seen_by(lambda: mt(*options, stdin=text)) == expected
    assert seen_by(lambda: translator.translate_all(LINES, config)) == expected
    corpus = PlainTextConfig(source=file, target=file)
    pairs = prepare([corpus], tokenizers, tmp_path / "store", [Selection()])
    for row, line in enumerate(expected):
        batch = pairs.batch(torch.tensor([row]).numpy())
        assert batch.source.tolist() == batch.target.tolist() == [[*line, END]]
