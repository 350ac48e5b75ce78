import random

import pytest

from mt.text.casing import lower_case, title_case, truecase, upper_case
from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers


@pytest.mark.parametrize(
    ("language", "text", "upper", "title"),
    [
        ("de", "das große Haus", "DAS GROSSE HAUS", "Das Große Haus"),
        ("en", "a man's hat-box, 3d", "A MAN'S HAT-BOX, 3D", "A Man's Hat-box, 3d"),
        ("tr", "iki ışık", "İKİ IŞIK", "İki Işık"),
        ("az-Latn", "iki", "İKİ", "İki"),
        ("el", "ο άνθρωπος", "Ο ΑΝΘΡΩΠΟΣ", "Ο Ανθρωπος"),
        ("uk", "їжак і ґава", "ЇЖАК І ҐАВА", "Їжак І Ґава"),
        ("hy", "բարև", "ԲԱՐԵՒ", "Բարև"),
        ("ja", "日本の テスト", "日本の テスト", "日本の テスト"),
        ("ar", "مرحبا بك", "مرحبا بك", "مرحبا بك"),
        ("hi", "नमस्ते दुनिया", "नमस्ते दुनिया", "नमस्ते दुनिया"),
    ],
)
def test_case_is_that_of_the_language(language, text, upper, title):
    assert (upper_case(text, language), title_case(text, language)) == (upper, title)


@pytest.mark.parametrize(
    ("language", "text", "lower"),
    [("tr", "DİL KIRIK", "dil kırık"), ("el", "ΛΟΓΟΣ", "λογο\u03c2"), ("en", "KI", "ki")],
)
def test_small_letters_are_those_of_the_language(language, text, lower):
    assert lower_case(text, language) == lower


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    generator = random.Random(1)
    common = "man runs through with blue dogs don't people towards street rd".split()
    common += ["".join(generator.choices("abcdefghiklmnoprstuw", k=6)) for _ in range(80)]
    names = ["Paris", "Hamburg", "USA"]
    lines = [
        " ".join(["The", *generator.choices(common, k=5), generator.choice(names), "."])
        for _ in range(800)
    ]
    config = TokenizerConfig(size=500, algorithm="bpe")
    pairs = zip(lines, lines, strict=True)
    return train_tokenizers(config, pairs, 1, tmp_path_factory.mktemp("tokenizer")).source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("THE MAN RUNS THROUGH PARIS, HAMBURG, USA.", "The man runs through Paris, Hamburg, USA."),
        ("PEOPLE DON'T RUN!", "People don't run!"),
        ("THE 3RD MAN", "The 3rd man"),
        ("USA", "USA"),
        ("The MAN RUNS", "The MAN RUNS"),
        ("3 + 4 = 7", "3 + 4 = 7"),
        ("日本", "日本"),
        ("", ""),
    ],
)
def test_what_is_in_capitals_gets_the_case_that_the_tokenizer_knows(tokenizer, text, expected):
    assert truecase(text, tokenizer, "en") == expected
