import os
import random
from pathlib import Path

import pytest

from mt.data.corpora import PlainTextConfig
from mt.text.tokenizer import TokenizerConfig, Tokenizers
from mt.text.tokenizer_training import train_tokenizers


@pytest.fixture(scope="session")
def lines() -> list[str]:
    generator = random.Random(1)
    words = ["".join(generator.choices("abcdefghijkl", k=4)) for _ in range(80)]
    return [" ".join(generator.choices(words, k=generator.randint(1, 12))) for _ in range(60)]


@pytest.fixture(scope="session")
def tokenizers(lines, tmp_path_factory) -> Tokenizers:
    config = TokenizerConfig(size=320)
    return train_tokenizers(
        config, zip(lines, lines, strict=True), 1, tmp_path_factory.mktemp("tokenizers")
    )


@pytest.fixture
def write(tmp_path):
    """Write two files, and return the corpus of them."""

    def write(source: str | bytes, target: str | bytes, name: str = "text") -> PlainTextConfig:
        corpus = PlainTextConfig(source=tmp_path / f"{name}.src", target=tmp_path / f"{name}.tgt")
        for path, text in ((corpus.source, source), (corpus.target, target)):
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return corpus

    return write


@pytest.fixture
def multi30k() -> PlainTextConfig:
    root = Path(__file__).parents[3]
    shared = Path(os.environ.get("MT_SHARED_DATA", root / "../shared/data")) / "multi30k"
    corpus = PlainTextConfig(source=shared / "train.de", target=shared / "train.en")
    if not corpus.source.exists():
        pytest.skip("needs multi30k/train.de and .en in the folder that MT_SHARED_DATA names")
    return corpus
