"""Wins, losses and ties by sentence; parts; the page that shows them."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from sacrebleu import TER

from mt.evaluation import evaluate
from mt.evaluation.comparison import compare
from mt.evaluation.page import page_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def comparison(rivals):
    one, other, references = rivals
    return compare({"one": one, "other": other}, references, ["ter", "chrf"], source=references[1])


def test_sentences_are_won_by_the_better_score(rivals, comparison):
    one, other, references = rivals
    edits = TER()
    pairs = zip(one, other, *references, strict=True)
    scores = [[edits.sentence_score(text, refs).score for text in (a, b)] for a, b, *refs in pairs]
    against = comparison.systems[1].against_baseline[0]
    assert against.wins == sum(theirs < ours for ours, theirs in scores)
    assert against.losses == sum(theirs > ours for ours, theirs in scores)
    assert against.wins + against.losses + against.ties == len(one)
    gains = [ours - theirs for ours, theirs in scores]
    most = sorted(gains)
    assert [each.baseline - each.system for each in against.won] == most[::-1][: len(against.won)]
    assert [each.baseline - each.system for each in against.lost] == most[: len(against.lost)]
    assert all(gains[each.line] == each.baseline - each.system for each in against.won)


def test_what_one_wins_the_other_loses(rivals, comparison):
    one, other, references = rivals
    turned = compare({"other": other, "one": one}, references, ["ter", "chrf"])
    for ours, theirs in zip(
        comparison.systems[1].against_baseline, turned.systems[1].against_baseline, strict=True
    ):
        assert (ours.wins, ours.losses, ours.ties) == (theirs.losses, theirs.wins, theirs.ties)
        assert {each.line for each in ours.won} == {each.line for each in theirs.lost}
        assert ours.tests.difference == -theirs.tests.difference


def test_parts_have_the_scores_of_their_lines(rivals, comparison):
    one, _, references = rivals
    lengths = [len(text.replace(".", " .").split()) for text in references[0]]
    for part, scores in comparison.baseline.by_length.items():
        last = max(lengths) if part.last is None else part.last
        lines = [line for line, length in enumerate(lengths) if part.first <= length <= last]
        assert len(lines) == comparison.lines_by_length[part]
        chosen = [[text[line] for line in lines] for text in (one, *references)]
        assert scores == evaluate(chosen[0], chosen[1:], ["ter", "chrf"])


def test_json_counts_lines_from_1_and_shows_chrf_of_sentences(rivals, comparison):
    one, other, references = rivals
    found = comparison.to_json()
    assert [system["name"] for system in found["systems"]] == ["one", "other"]
    assert "against_baseline" not in found["systems"][0]
    example = found["systems"][1]["against_baseline"]["chrf"]["won"][0]
    line = example["line"] - 1
    assert example["baseline"] == one[line]
    assert example["hypothesis"] == other[line]
    assert example["references"] == [lines[line] for lines in references]
    assert example["source"] == references[1][line]
    assert example["score"] > example["baseline_score"]


class Page(HTMLParser):
    """Collects what a page holds, and whether every element is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, _, attributes):
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_loads_nothing():
    evil = "<script>alert(\"1\")</script> & 'more' ${x}"
    systems = {f"a{evil}": ["Ein Hund.", evil, "今天天气"], "b": ["Ein Tier.", "Ja.", "今天天很"]}
    references = [["Ein Tier.", evil, "今天天气"], ["Ein Hund.", "Nein.", ""]]
    comparison = compare(systems, references, ["bleu", "chrf"], source=["A", evil, "C"])
    page = page_of(comparison)
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not {name for name, _ in parsed.attributes} & {"src", "href", "style", "onload"}
    text = "".join(parsed.text)
    assert text.count(evil) >= 4
    for score in comparison.baseline.scores:
        assert score.number in text
        assert score.signature in text
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert "<mark>很</mark>" in page  # by characters where no spaces are
