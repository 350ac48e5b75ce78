"""What data/phrasebook/README.md promises of the corpus."""

import hashlib
import re
from collections import Counter
from zipfile import ZipFile

import pytest

from mt.text.words import split_words
from tests.tiny import ROOT

FOLDER = ROOT / "data/phrasebook"
SIZES = {"train": 18_000, "dev": 1_000, "test": 1_000}
SIDES = ("en", "de")


@pytest.fixture(scope="module")
def files():
    with ZipFile(FOLDER / "phrasebook.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def parts(files):
    def lines(name):
        return files[name].decode().split("\n")[:-1]

    return {part: {end: lines(f"{part}.{end}") for end in (*SIDES, "align")} for part in SIZES}


def words_of(sentences):
    return Counter(word for sentence in sentences for word in split_words(sentence, "marks"))


def test_the_archive_holds_the_files_of_the_digests(files):
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    recorded = (FOLDER / "SHA256SUMS").read_text("utf-8").splitlines()
    assert digests == {name: digest for digest, name in map(str.split, recorded)}


def test_every_sentence_has_its_translation_and_links(parts):
    for part, size in SIZES.items():
        assert [len(lines) for lines in parts[part].values()] == [size] * 3


@pytest.mark.parametrize("side", SIDES)
def test_sentences_are_raw_text_and_none_occurs_twice(parts, side):
    # Which also means that no English sentence has two translations.
    sentences = [sentence for part in parts.values() for sentence in part[side]]
    assert len(set(sentences)) == len(sentences) == 20_000
    raw = re.compile(r"[A-ZÄÖÜ][\w'-]*(,? [\w'-]+)*[.?!]")
    assert not [sentence for sentence in sentences if not raw.fullmatch(sentence)]


def test_links_stay_within_the_sentences_and_join_their_last_marks(parts):
    for part in parts.values():
        for english, german, line in zip(*part.values(), strict=True):
            links = [tuple(map(int, link.split("-"))) for link in line.split(" ")]
            last = len(split_words(english, "marks")) - 1, len(split_words(german, "marks")) - 1
            assert links == sorted(set(links)), line
            assert links[-1] == last, (english, german, line)
            assert max(j for _, j in links) == last[1], (english, german, line)


@pytest.mark.parametrize("side", SIDES)
def test_every_word_held_out_occurs_in_train_three_times(parts, side):
    train = words_of(parts["train"][side])
    held_out = words_of(parts["dev"][side] + parts["test"][side])
    assert not [word for word in held_out if train[word] < 3]
