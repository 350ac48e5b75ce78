"""Whatever damage is planted into good text is found, with its lines."""

import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mt.data.corpora import PlainTextConfig
from mt.data.report import parallel, report
from mt.data.report.findings import findings
from mt.data.report.glance import warn_of_corpora
from mt.data.report.overlap import HeldOut
from mt.data.report.repeats import Repeats
from mt.data.report.survey import survey
from mt.errors import DataError
from mt.text.digests import bare, digest
from tests.parallel_text import parallel_text


class Texts:
    """A corpus in memory."""

    where = "texts"
    reverse = False

    def __init__(self, sources, targets, error=None):
        self.pairs_, self.error = list(zip(sources, targets, strict=True)), error

    def pairs(self):
        from mt.data.corpora import Pair

        yield from (Pair(*pair) for pair in self.pairs_)
        if self.error:
            raise DataError(self.error)


LANGUAGES = "en", "de"


def look(sources, targets, **options):
    return survey(Texts(sources, targets), LANGUAGES, processes=1, **options)


def titles(found, level=None):
    return [each.title for each in findings([found]) if level in {None, each.level}]


@pytest.fixture
def text():
    return parallel_text(2000)


def test_good_text_raises_no_alarm(text):
    found = look(*text)
    assert titles(found, "problem") == []
    assert titles(found, "warning") == ["There are only 2,000 pairs to learn from."]
    assert (found.repeated, found.removed, found.suspicious) == (0, 0, [])


def test_blanks_of_one_side_are_told_with_their_lines(text):
    sources, targets = text
    targets[41] = targets[99] = "  "
    sources[7] = targets[7] = ""
    found = look(sources, targets)
    assert found.target.blank.first == [42, 100]
    assert found.source.blank.count == 0
    assert found.blank.first == [8]
    assert any("target is blank" in title and "(42, 100)" in title for title in titles(found))


def test_copies_are_told(text):
    sources, targets = text
    for line in range(0, 2000, 50):
        targets[line] = sources[line]
    found = look(sources, targets)
    assert found.copies.count == 40
    assert found.copies.first[:3] == [1, 51, 101]
    assert any("untranslated" in title for title in titles(found, "warning"))


def test_repeated_pairs_and_sentences_are_counted(text):
    sources, targets = text
    found = look(sources + sources[:300], targets + targets[:200] + ["Etwas anderes."] * 100)
    assert found.repeated == 200
    assert found.source.repeated == 300
    assert found.target.repeated == 299


def test_damaged_characters_are_told(text):
    sources, targets = text
    targets[500] = "fÃ¼r immer und ewig, sagte der Mann"
    targets[600] = "ein \ufffd Zeichen"
    found = look(sources, targets)
    assert found.objections["encoding"] == 2
    assert {each.line for each in found.suspicious} >= {501, 601}
    assert any("damaged characters" in title for title in titles(found))


def test_sides_in_the_wrong_letters_are_told(text):
    sources, _ = text
    targets = [f"Это предложение номер {number} на русском языке." for number in range(2000)]
    found = look(sources, targets)
    assert any("letters that its language" in title for title in titles(found, "problem"))


def test_exchanged_sides_are_in_each_other_s_letters():
    russian = [f"Это предложение номер {number} на русском языке." for number in range(2000)]
    english = [f"This is sentence number {number} in English." for number in range(2000)]
    corpus = Texts(english, russian)

    def told():
        found = titles(survey(corpus, ("ru", "en"), processes=1), "problem")
        return any("letters that its language" in title for title in found)

    assert told()
    corpus.reverse = True
    assert not told()


def test_a_shift_is_the_first_problem(text):
    sources, targets = text
    del targets[1200], sources[-1]
    found = look(sources, targets)
    [title] = titles(found, "problem")
    assert "the target is 1 line back" in title
    line = int(title.split("From about line ")[1].split()[0].replace(",", ""))
    assert abs(line - 1201) <= 8


def test_shuffled_text_is_told_as_a_whole(text):
    sources, targets = text
    random.Random(1).shuffle(targets)
    assert titles(look(sources, targets), "problem") == [
        "The two sides hardly look like translations of each other."
    ]


def test_what_ends_in_an_error_is_surveyed_up_to_there(text):
    found = survey(Texts(*text, error="x.de: expected 2,001 lines"), LANGUAGES, processes=1)
    assert found.pairs == 2000
    assert "x.de: expected 2,001 lines" in titles(found, "problem")[0]


def test_tokenised_text_is_told(text):
    sources, targets = text
    found = look([f"{source[:-1]} ." for source in sources], targets)
    assert any("source has spaces before its full stops" in title for title in titles(found))


def test_suspicious_pairs_are_of_all_kinds(text):
    sources, targets = text
    for line in range(100):
        targets[line] = targets[line] * 12
    targets[300] = "<b>fett</b> und <i>kursiv</i> und mehr"
    found = look(sources, targets)
    assert len(found.suspicious) == 50
    assert 301 in {each.line for each in found.suspicious}
    assert len({each.line for each in found.suspicious}) == 50


@pytest.mark.slow
def test_blocks_of_several_processes_are_put_together_as_those_of_one(text, monkeypatch):
    monkeypatch.setattr(parallel, "BLOCK", 100)
    alone = look(*text)
    together = survey(Texts(*text), LANGUAGES, processes=2)
    for one, other in ((alone, together), (alone.source, together.source)):
        for name, value in vars(one).items():
            if name not in {"source", "target"}:
                np.testing.assert_equal(getattr(other, name), value, err_msg=name)


def test_overlap_is_that_of_brute_force(text):
    sources, targets = (side[:400] for side in text)
    held_sources = [sources[3], sources[5].upper(), "Something quite new.", sources[9], " "]
    held_targets = [targets[3], "Ganz neu.", targets[8], "Auch neu.", targets[1]]
    held = HeldOut(Texts(held_sources, held_targets))
    look(sources, targets, held_out=[held])
    overlap = held.overlap()
    assert overlap.pairs == 4
    pairs = set(zip(sources, targets, strict=True))
    expected = {
        "same_pair": [pair in pairs for pair in zip(held_sources, held_targets, strict=True)],
        "same_source": [line in sources for line in held_sources],
        "same_target": [line in targets for line in held_targets],
        "near_source": [bare(line) in set(map(bare, sources)) for line in held_sources],
        "near_target": [bare(line) in set(map(bare, targets)) for line in held_targets],
    }
    for name, hits in expected.items():
        lines = [number for number, hit in enumerate(hits[:4], start=1) if hit]
        assert getattr(overlap, name).first == lines, name


@pytest.mark.parametrize(("folder", "held_out"), [("multi30k", "val"), ("tatoeba_deen", "dev")])
def test_real_text_that_is_in_order_raises_no_alarm(folder, held_out, caplog):
    shared = Path(os.environ.get("MT_SHARED_DATA", "nowhere")) / folder
    if not shared.exists():
        pytest.skip(f"needs {folder} in the folder that MT_SHARED_DATA names")
    training, held = (
        PlainTextConfig(source=shared / f"{part}.en", target=shared / f"{part}.de")
        for part in ("train", held_out)
    )
    warn_of_corpora([training], [held], LANGUAGES)
    assert caplog.messages == []


def test_a_short_look_warns_of_the_worst(text, caplog):
    sources, targets = text
    del targets[900], sources[-1]
    held = Texts(sources[100:130], targets[100:130])
    warn_of_corpora([Texts(sources, targets)], [held], LANGUAGES)
    first, second, last = caplog.messages
    assert first.startswith("30 of 30 pairs of texts are in the training data too")
    assert "the target is 1 line back" in second
    assert last == "this is about the first 1,999 pairs; `mt data check` tells more"


@pytest.mark.parametrize("most", [1 << 20, 500])
def test_repeats_are_counted_exactly_or_nearly(most):
    generator = random.Random(1)
    numbers = [digest(str(generator.randint(0, 3000))) for _ in range(9000)]
    repeats = Repeats(most)
    for start in range(0, 9000, 700):
        repeats.add(np.array(numbers[start : start + 700], np.uint64))
    expected = 9000 - len(Counter(numbers))
    assert repeats.count() == pytest.approx(expected, rel=0 if most > 3000 else 0.15)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ein Hund!", "ein hund"), ("„Ja“, 12 Mal.", "ja mal"), ("नमस्ते।", "नमस्ते"), ("12.", "12.")],
)
def test_bare_sentences_are_the_same_for_a_reader(one, other):
    assert bare(one) == bare(other)


@pytest.mark.parametrize(("one", "other"), [("12.", "13."), ("कि", "का"), ("", "a")])
def test_other_sentences_stay_other(one, other):
    assert bare(one) != bare(other)


def test_a_report_tries_vocabularies_and_is_plain_data(text, monkeypatch):
    monkeypatch.setattr("mt.data.report.vocabularies.SIZES", (1000, 50_000))
    import json

    corpus = Texts(*(side[:500] for side in text))
    made = report([corpus], [Texts(*(side[:50] for side in text))], LANGUAGES)
    assert [each.size for each in made.vocabularies] == [1000]  # there is too little text for more
    assert made.vocabularies[0].source_tokens > 5
    plain = json.loads(json.dumps(made.to_json()))
    assert plain["overlaps"][0]["same_pair"]["count"] == 50
    assert plain["findings"][0]["level"] == "problem"
