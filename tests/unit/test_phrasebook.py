"""The embedded corpus: what holds of every sentence, its splits, its command line."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from phrasebook import (
    KINDS,
    MAX_PAIRS,
    CorpusError,
    Pair,
    Splits,
    deal,
    distinct_pairs,
    draw,
    tokenize,
)
from phrasebook.adjectives import ADJECTIVES
from phrasebook.command import main
from phrasebook.numbers import cardinal, clock
from phrasebook.words import Fixed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def drawn() -> list[Pair]:
    return list(itertools.islice(draw(seed=11), 8_000))


@pytest.fixture(scope="module")
def splits() -> Splits:
    return deal(distinct_pairs(4_000, seed=5))


def words_of(pairs, side):
    return Counter(word for pair in pairs for word in tokenize(getattr(pair, side)))


def test_english_determines_german(drawn):
    german = {}
    for pair in drawn:
        assert german.setdefault(pair.english, pair.german) == pair.german


def test_sentences_are_written_as_raw_text(drawn):
    for pair in drawn:
        for side in (pair.english, pair.german):
            assert re.fullmatch(r"[A-ZÄÖÜ][\w'-]*(,? [\w'-]+)*[.?!]", side), side


def test_links_stay_within_the_sentences(drawn):
    for pair in drawn:
        english, german = len(tokenize(pair.english)), len(tokenize(pair.german))
        assert all(0 <= i < english and 0 <= j < german for i, j in pair.links)
        assert len(set(pair.links)) == len(pair.links) >= 1
        assert pair.links == tuple(sorted(pair.links))
        assert (english - 1, german - 1) in pair.links, "the final marks belong together"


def test_sentences_are_neither_tiny_nor_endless(drawn):
    lengths = [len(tokenize(pair.english)) for pair in drawn]
    assert 7 < sum(lengths) / len(lengths) < 11
    assert max(lengths) <= 28
    assert sum(length < 4 for length in lengths) < 0.02 * len(lengths)


def test_no_kind_of_sentence_dominates():
    weights = [weight for _, weight in KINDS]
    assert len(KINDS) >= 30
    assert max(weights) < 0.2 * sum(weights)


# What may stand directly before a noun, by hand: der-words and ein-words of its gender.
ARTICLES = {
    "m": {"der", "den", "dem", "ein", "einen", "einem", "kein", "keinen", "keinem", "im", "am"},
    "f": {"die", "der", "eine", "einer", "keine", "keiner", "zur"},
    "n": {"das", "dem", "ein", "einem", "kein", "keinem", "im", "ins", "am"},
}
GENDERS = {
    **dict.fromkeys(("Mantel", "Hund", "Brief", "Tisch", "Film", "Zug", "Schlüssel"), "m"),
    **dict.fromkeys(("Lampe", "Katze", "Zeitung", "Tür", "Frau", "Birne"), "f"),
    **dict.fromkeys(("Buch", "Kind", "Fenster", "Auto", "Pferd", "Kleid", "Haus"), "n"),
}
SAME_IN_PLURAL = {"Schlüssel", "Fenster"}
ENDINGS = {
    "m": {"der": "e", "den": "en", "dem": "en", "ein": "er", "einen": "en", "einem": "en"},
    "f": {"die": "e", "der": "en", "eine": "e", "einer": "en"},
    "n": {"das": "e", "dem": "en", "ein": "es", "einem": "en"},
}


def test_articles_agree_with_nouns_and_adjectives_with_both(drawn):
    seen = Counter()
    stems = tuple(word.german_stem for word in ADJECTIVES)
    known = {article for articles in ARTICLES.values() for article in articles}
    for pair in drawn:
        tokens = [token[0].lower() + token[1:] for token in tokenize(pair.german)[:1]]
        tokens += tokenize(pair.german)[1:]
        for article, noun in itertools.pairwise(tokens):
            gender = GENDERS.get(noun)
            if gender and article in known and noun not in SAME_IN_PLURAL:
                assert article in ARTICLES[gender], pair
                seen["article"] += 1
        for article, adjective, noun in zip(tokens, tokens[1:], tokens[2:], strict=False):
            gender = GENDERS.get(noun)
            agreeing = gender and article in ENDINGS[gender] and noun not in SAME_IN_PLURAL
            if agreeing and adjective.startswith(stems):
                assert adjective.endswith(ENDINGS[gender][article]), pair
                seen["adjective"] += 1
    assert seen["article"] > 400
    assert seen["adjective"] > 30


def test_mit_and_zu_govern_the_dative_and_fuer_the_accusative(drawn):
    text = " ".join(pair.german for pair in drawn)
    after = {word: set(re.findall(rf"\b{word} (\w+)", text)) for word in ("mit", "von", "für")}
    nominative = {"die", "das", "ein", "eine", "einen", "er", "ihn", "ich", "mich", "sie"}
    assert not after["mit"] & nominative
    assert not after["von"] & nominative
    assert not after["für"] & {"dem", "einem", "einer", "ihm", "mir", "der", "ich", "er"}


def test_no_sentence_of_either_language_is_in_two_splits(splits):
    for side in ("english", "german"):
        sentences = [getattr(pair, side) for part in splits for pair in part]
        assert len(set(sentences)) == len(sentences) == 4_000


def test_every_word_held_out_is_seen_in_training(splits):
    for side in ("english", "german"):
        train = words_of(splits.train, side)
        held = words_of(splits.dev + splits.test, side)
        assert not [word for word in held if train[word] < 3]


def test_splits_have_their_share(splits):
    assert [len(part) for part in splits] == [3_600, 200, 200]


def test_a_seed_settles_the_corpus():
    assert distinct_pairs(300, seed=3) == distinct_pairs(300, seed=3)
    assert distinct_pairs(300, seed=3) != distinct_pairs(300, seed=4)


def test_too_few_or_too_many_pairs_are_refused():
    with pytest.raises(CorpusError, match=r"expected 1 to \d+, but got"):
        distinct_pairs(MAX_PAIRS + 1, seed=1)
    with pytest.raises(CorpusError, match="60 are too few"):
        deal(distinct_pairs(60, seed=1))


@pytest.mark.parametrize(
    ("number", "english", "german"),
    [
        (1, "one", "eins"),
        (16, "sixteen", "sechzehn"),
        (21, "twenty-one", "einundzwanzig"),
        (30, "thirty", "dreißig"),
        (67, "sixty-seven", "siebenundsechzig"),
        (99, "ninety-nine", "neunundneunzig"),
    ],
)
def test_numbers(number, english, german):
    assert cardinal(number) == (english, german)


def test_numbers_beyond_two_digits_are_refused():
    with pytest.raises(ValueError, match="expected 0 to 99, but got 100"):
        cardinal(100)


@pytest.mark.parametrize(
    ("hour", "half", "english", "german"),
    [
        (1, False, "one o'clock", "ein Uhr"),
        (3, True, "half past three", "halb vier"),
        (12, True, "half past twelve", "halb eins"),
    ],
)
def test_clock_times(hour, half, english, german):
    phrase = Fixed.parse(*clock(hour, half))
    assert " ".join(word.text for word in phrase.english_words("")) == english
    assert " ".join(word.text for word in phrase.german_words("")) == german


def test_tokens_keep_inner_hyphens_and_apostrophes():
    assert tokenize("Anna's dog, twenty-three years old, woke up at six o'clock.") == [
        *("Anna's", "dog", ",", "twenty-three", "years", "old", ",", "woke", "up", "at", "six"),
        *("o'clock", "."),
    ]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "data/phrasebook", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )


def test_command_line_writes_the_corpus(tmp_path):
    done = run(tmp_path / "demo", "--pairs", 1200, "--seed", 7)
    assert (done.returncode, done.stdout) == (0, "")
    assert "1080 train, 60 dev, 60 test" in done.stderr
    names = {f"{part}.{ending}" for part in Splits._fields for ending in ("en", "de", "align")}
    assert {path.name for path in (tmp_path / "demo").iterdir()} == names
    expected = deal(distinct_pairs(1200, seed=7))
    for part, pairs in zip(Splits._fields, expected, strict=True):
        files = {ending: tmp_path / "demo" / f"{part}.{ending}" for ending in ("en", "de", "align")}
        assert all(b"\r" not in path.read_bytes() for path in files.values())
        lines = {end: path.read_text("utf-8").splitlines() for end, path in files.items()}
        assert lines["en"] == [pair.english for pair in pairs]
        assert lines["de"] == [pair.german for pair in pairs]
        assert lines["align"] == [pair.pharaoh for pair in pairs]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pairs", "many"], "invalid int value: 'many'"),
        (["--pairs", "0"], "expected 1 to"),
        (["--pairs", "60"], "60 are too few"),
        (["--pairs", "10000000"], "but got 10000000"),
        (["--colour", "red"], "unrecognized arguments"),
    ],
)
def test_command_line_refuses_in_one_line(tmp_path, capsys, arguments, message):
    assert main([str(tmp_path / "demo"), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "demo").exists()


def test_command_line_needs_a_folder_it_can_write(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file"), "--pairs", "900"]) == 2
    assert "file: " in capsys.readouterr().err


def test_bad_arguments_end_the_program_with_2(tmp_path):
    done = run()
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "OUT_DIR" in done.stderr
