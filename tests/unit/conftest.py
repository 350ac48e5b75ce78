import random

import pytest

from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory):
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(2, 7))) for _ in range(40)]
    lines = [" ".join(draw.choices(words, k=draw.randint(3, 8))) for _ in range(150)]
    config = TokenizerConfig(size=300)
    return train_tokenizers(
        config, zip(lines, lines, strict=True), 1, tmp_path_factory.mktemp("tokens")
    )
