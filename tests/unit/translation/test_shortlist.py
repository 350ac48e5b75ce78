import itertools
import json
import random
from collections import defaultdict

import pytest

from mt.bundle import open_bundle
from mt.text.tokenizer import END
from mt.translation import load_translator
from mt.translation import shortlist as module
from mt.translation.shortlist import Lexicon, learn_lexicon
from tests.tiny import mt, recipe_of, write_corpus

WORDS = range(10, 22)


def corpus(size=60, seed=1):
    """Return pairs whose target has the source's words plus 100, in another order, and noise."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(size):
        source = draw.choices(WORDS, weights=WORDS, k=draw.randint(1, 6))
        target = [word + 100 for word in source]
        draw.shuffle(target)
        pairs.append(([*source, END], [*target, 200, END]))
    return pairs


def model1(pairs, iterations=4):
    """Estimate translation probabilities with dictionaries, as the paper writes it."""
    table = defaultdict(lambda: 1.0)
    for _ in range(iterations):
        counts, totals = defaultdict(float), defaultdict(float)
        for source, target in pairs:
            source = {word for word in source if word != END}  # noqa: PLW2901
            for word in target:
                if word == END:
                    continue
                whole = sum(table[other, word] for other in source)
                for other in source:
                    counts[other, word] += table[other, word] / whole
                    totals[other] += table[other, word] / whole
        table = {key: count / totals[key[0]] for key, count in counts.items()}
    return table


def test_candidates_are_those_of_a_plain_model_1():
    pairs = corpus()
    table = model1(pairs)
    lexicon = learn_lexicon(pairs)
    assert lexicon.candidates.keys() == {source for source, _ in table}
    for source, candidates in lexicon.candidates.items():
        probabilities = [table[source, candidate] for candidate in candidates]
        assert probabilities == pytest.approx(sorted(probabilities, reverse=True), abs=1e-12)
        assert len(candidates) == sum(key[0] == source for key in table)
        assert candidates[0] == source + 100


def test_frequent_tokens_are_counted_once_each_time_they_occur():
    pairs = [([5, 6, 7, END], [8, 8, 9, END]), ([5, END], [9, 9, 4, END])]
    assert learn_lexicon(pairs).frequent == [9, 8, 4]


def test_blank_sides_and_no_pairs_teach_nothing():
    assert learn_lexicon([([END], [4, END]), ([4, END], [END])]) == Lexicon({}, [])
    assert learn_lexicon([]) == Lexicon({}, [])


def test_learning_ends_where_it_would_take_too_much_memory(monkeypatch):
    monkeypatch.setattr(module, "MOST_LINKS", 6)
    endless = itertools.chain.from_iterable(itertools.repeat([([5, 6, END], [7, END])]))
    assert learn_lexicon(endless).candidates == {5: [7], 6: [7]}


def test_a_line_names_the_candidates_and_the_token_itself():
    lexicon = Lexicon({1: [2, 0, 3], 3: [1]}, [2, 1, 0])
    target = ["a", "b", "c", "d"]
    shared = lexicon.write((target, target), size=2, always=1)
    assert shared == "\tc\nb\tc a b\nd\tb d\n"
    separate = lexicon.write((["w", "x", "y", "z"], target), size=2, always=2)
    assert separate == "\tc b\nx\tc a\nz\tb\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that has learnt its invented language, and with it a shortlist."""
    folder = write_corpus(tmp_path_factory.mktemp("shortlist"), pairs=1500)
    recipe = recipe_of(folder)
    recipe["model"] |= {"dim": 24, "feed_forward": 48, "dropout": 0.0}
    recipe["training"] |= {
        "updates": 1000,
        "batch_tokens": 600,
        "optimizer": {"learning_rate": 1e-2},
    }
    recipe["validation"] = {"every": 500, "metric": "bleu"}
    del recipe["translation"]
    (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    done = mt("train", "recipe.yaml", "--out", "run", "--device", "cpu", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.mark.slow
def test_training_learns_one_and_translation_uses_it(trained):
    bundle = open_bundle(trained)
    assert bundle.metadata.shortlist_cost <= module.MOST_COST
    lines = (trained.parent / "test.src").read_text(encoding="utf-8").splitlines()
    short = load_translator(trained, "cpu", precision="float32")
    whole = load_translator(trained, "cpu", precision="float32", shortlist="never")
    found, expected = (
        [each.text for each in translator.translate_all(lines)] for translator in (short, whole)
    )
    assert sum(one == other for one, other in zip(found, expected, strict=True)) >= len(lines) - 2
    allowed = defaultdict(set)
    for row in bundle.shortlist().decode().splitlines():
        token, _, candidates = row.partition("\t")
        allowed[token] = set(candidates.split())
    tokenizers = bundle.tokenizers()
    for line in lines:  # alone: a batch shares its candidates
        [translation] = short.translate_all([line])
        names = tokenizers.source.tokens(tokenizers.source.encode([line])[0])
        assert set(translation.tokens) <= allowed[""].union(*(allowed[name] for name in names))


@pytest.mark.slow
def test_the_command_learns_it_anew(trained):
    before = open_bundle(trained)
    done = mt("shortlist", "run", cwd=trained.parent)
    assert done.returncode == 0
    assert done.stdout.startswith("run: a shortlist is used from now on; it costs ")
    assert open_bundle(trained).shortlist() == before.shortlist()
    assert "shortlist" in mt("info", "run", cwd=trained.parent).stdout
