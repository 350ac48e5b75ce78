import random

import pytest

from mt.text.tokenizer import TokenizerConfig, Tokenizers
from mt.text.tokenizer_training import train_tokenizers


@pytest.fixture(scope="session")
def words() -> list[str]:
    generator = random.Random(1)
    return ["".join(generator.choices("abcdefghijkl", k=4)) for _ in range(80)]


@pytest.fixture(scope="session")
def tokenizers(words, tmp_path_factory) -> Tokenizers:
    generator = random.Random(2)
    lines = [" ".join(generator.choices(words, k=generator.randint(1, 12))) for _ in range(300)]
    config = TokenizerConfig(size=330)
    return train_tokenizers(
        config, zip(lines, lines, strict=True), 1, tmp_path_factory.mktemp("tokenizers")
    )
