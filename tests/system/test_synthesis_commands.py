"""``mt distill`` and ``mt backtranslate`` as a person runs them, with the frozen bundle."""

import json
import os
import threading

import pytest
from sacrebleu import CHRF

from mt.synthesis.corpus import SyntheticCorpus
from mt.yaml import parse_yaml
from tests.golden.test_frozen_bundle import BUNDLE, TRANSLATIONS
from tests.tiny import mt, recipe_of, write_corpus

GOLDEN = json.loads(TRANSLATIONS.read_text(encoding="utf-8"))
SOURCES = [*GOLDEN["source"][:12], " ", GOLDEN["source"][0], *GOLDEN["source"][12:]]
BEAM = {"": ""} | {
    source: each["text"] for source, each in zip(GOLDEN["source"], GOLDEN["beam"], strict=True)
}
REFERENCES = [f"{BEAM[source.strip()][2:]} na" for source in SOURCES]
LONG = [line for line in SOURCES if len(line.split()) > 1]
FILTERS = "[length_ratio, repetition, duplicates]"


@pytest.fixture
def folder(tmp_path):
    for name, lines in (("in.xx", SOURCES), ("in.yy", REFERENCES)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


def run(folder, command, *arguments):
    return mt(command, BUNDLE, *arguments, "--device", "cpu", cwd=folder)


def make(folder, command, *arguments, output="out.jsonl"):
    done = run(folder, command, *arguments, "--output", output)
    assert done.returncode == 0, done.stderr
    return done, objects(folder / output)


def objects(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def counts(done):
    """Return the table of a command as a dictionary."""
    rows = (line.rsplit(maxsplit=2) for line in done.stdout.partition("\n\n")[0].splitlines())
    return {name: int(count) for name, count, _ in rows}


def test_each_source_gets_its_translation_in_order(folder):
    done, found = make(folder, "distill", "in.xx", "--beam", "4")
    pairs = [(number, line) for number, line in enumerate(SOURCES, start=1) if line.strip()]
    assert found == [{"line": number, "xx": line, "yy": BEAM[line]} for number, line in pairs]
    assert counts(done) == {"read": len(SOURCES), "blank": 1, "kept": len(pairs)}
    assert parse_yaml(done.stdout.partition("data.train:")[2], "") == [{"path": "out.jsonl"}]


def test_people_write_the_targets_of_back_translation(folder):
    done, found = make(folder, "backtranslate", "in.xx", "in.xx", "--beam", "4", "--weight", "0.5")
    expected = [{"yy": BEAM[line], "xx": line} for line in SOURCES if line.strip()]
    assert [{"yy": each["yy"], "xx": each["xx"]} for each in found] == expected * 2
    [section] = parse_yaml(done.stdout.partition("data.train:")[2], "")
    assert section == {"path": "out.jsonl", "tag": "<bt>", "weight": 0.5}


def test_the_targets_of_pairs_are_translated_back(folder):
    rows = "".join(f"{BEAM[line]}\t{line}\n" for line in GOLDEN["source"])
    (folder / "pairs.tsv").write_text(rows, encoding="utf-8")
    of_pairs = make(folder, "backtranslate", "pairs.tsv", "--corpus-tag", "")
    text = "".join(f"{line}\n" for line in GOLDEN["source"])
    (folder / "mono.xx").write_text(text, encoding="utf-8")
    assert of_pairs[1] == make(folder, "backtranslate", "mono.xx")[1]
    assert "<bt>" not in of_pairs[0].stdout


def test_several_translations_of_a_line(folder):
    options = "--nbest", "3", "--filters", "[]"
    (folder / "lines").write_text("".join(f"{line}\n" for line in SOURCES), encoding="utf-8")
    listed = mt("translate", BUNDLE, "lines", "--format", "tsv", "--nbest", "3", cwd=folder)
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    _, found = make(folder, "distill", "in.xx", *options)
    assert [(each["line"], each["yy"]) for each in found] == [
        (int(number), text) for number, _, text in rows if text
    ]
    options = "--nbest", "1", "--set=alternatives=2", "--filters", "[]"
    _, best = make(folder, "distill", "in.xx", *options)
    assert len(best) == len({each["line"] for each in found})
    _, drawn = make(folder, "distill", "in.xx", "--samples", "2", "--filters", "[]")
    several = [number for number, line in enumerate(SOURCES, start=1) if line.strip()]
    assert [each["line"] for each in drawn] == [each for each in several for _ in range(2)]


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        (["--nbest", "5"], []),  # the beam of the model
        (["--beam", "6", "--nbest", "6"], ["--beam", "6"]),
        (["--nbest", "3"], ["--nbest", "3"]),
        (["--samples", "3"], ["--samples", "3"]),
        (["--beam", "6", "--nbest", "6"], ["--beam", "6", "--set=alternatives=1"]),
    ],
)
def test_interpolation_takes_the_candidate_closest_to_the_reference(candidates, chosen, folder):
    _, everything = make(folder, "distill", "in.xx", *candidates, "--filters", "[]")
    done, found = make(
        folder, "distill", "in.xx", "in.yy", *chosen, "--filters", "[]", "--interpolate"
    )
    likeness = CHRF()
    places = set()
    for each in found:
        same = [one["yy"] for one in everything if one["line"] == each["line"]]
        reference = [REFERENCES[each["line"] - 1]]
        values = [likeness.sentence_score(text, reference).score for text in same]
        assert each["yy"] == same[values.index(max(values))]
        places.add(same.index(each["yy"]))
    assert len(places) > 2  # not always the likeliest
    assert counts(done)["kept"] == len({each["line"] for each in everything})


def test_models_translate_together(folder):
    (other := folder / "other").mkdir()
    from tests.tiny import write_untrained

    write_untrained(write_corpus(other))
    alone = make(folder, "distill", "in.xx", "--beam", "4", "--engine", "torch")[1]
    assert make(folder, "distill", "in.xx", "--beam", "4", "--ensemble", BUNDLE)[1] == alone
    done = run(folder, "distill", "in.xx", "--output", "o.jsonl", "--ensemble", other / "bundle")
    assert done.returncode == 2
    assert "expected a model of the same tokenizers" in done.stderr


def test_what_filters_drop_is_counted(folder):
    filters = "[{kind: length, min_words: 2}, duplicates]"
    done, found = make(folder, "distill", "in.xx", "--beam", "4", "--filters", filters)
    assert [each["xx"] for each in found] == list(dict.fromkeys(LONG))
    assert counts(done) == {
        "read": len(SOURCES),
        "blank": 1,
        "too short": len(SOURCES) - 1 - len(LONG),
        "duplicate": len(LONG) - len(found),
        "kept": len(found),
    }


@pytest.mark.parametrize("kept", [0, 1, 100, 555, 10**9])
def test_an_interrupted_run_is_resumed_without_a_pair_lost_or_twice(folder, kept):
    options = "in.xx", "in.xx", "--nbest", "3", "--filters", FILTERS
    make(folder, "backtranslate", *options)
    whole = (folder / "out.jsonl").read_bytes()
    (folder / "out.jsonl").rename(folder / "whole.jsonl")
    (folder / "out.jsonl.part").write_bytes(whole[:kept])
    done, _ = make(folder, "backtranslate", *options, "--resume")
    assert (folder / "out.jsonl").read_bytes() == whole
    assert not (folder / "out.jsonl.part").exists()
    before = whole[:kept].count(b"\n")
    # The last line of which something is there is translated again.
    again = sum(
        each["line"] == objects(folder / "whole.jsonl")[max(0, before - 1)]["line"]
        for each in objects(folder / "whole.jsonl")[:before]
    )
    assert (f"{before - again:,} pairs of lines" in done.stdout) == (before > again)


def test_an_interrupted_run_tells_what_it_dropped_and_is_resumed_as_it_began(folder, monkeypatch):
    add = SyntheticCorpus.add

    def interrupted(corpus, number, pairs):
        if number > 13:  # that one is blank
            raise KeyboardInterrupt
        add(corpus, number, pairs)

    monkeypatch.setattr(SyntheticCorpus, "add", interrupted)
    done = run(folder, "distill", "in.xx", "--output", "out.jsonl")
    assert done.returncode == 130
    assert counts(done) == {"read": 13, "blank": 1, "kept": 12}
    monkeypatch.undo()

    again = "distill", "in.xx", "--output", "out.jsonl", "--resume"
    for other, words in [
        (["--set", "search.size=3"], "translation.search.size was 5 and is 3"),
        (["--filters", "[]"], "filters was "),
        (["--ensemble", BUNDLE], "weights was "),
    ]:
        failed = run(folder, *again[:-1], "--set", "search.sise=1")
        assert failed.returncode == 2  # and what is not finished stays that of the first
        done = run(folder, *again, *other)
        assert done.returncode == 2
        assert f"out.jsonl: expected to go on as it was begun, but {words}" in done.stderr
    assert run(folder, *again).returncode == 0
    assert not [path.name for path in folder.iterdir() if ".part" in path.name]
    done = run(folder, *again)
    assert done.returncode == 2
    assert (
        "expected what an interrupted run left (out.jsonl.part), but there is none" in done.stderr
    )


@pytest.mark.parametrize(
    ("part", "fragment"),
    [
        ('{"line": 1, "xx": "other", "yy": "a"}\n', "expected what was made from the same text"),
        ('{"line": 999, "xx": "robu", "yy": "a"}\n', "expected what was made from the same text"),
        ('{"line": 0, "xx": "robu", "yy": "a"}\n', "expected what was made from the same text"),
        ("\udce4\n", "expected pairs that an interrupted run wrote, but found \ufffd; start anew"),
        ("other text\n", "expected pairs that an interrupted run wrote, but found other text"),
        ('{"xx": "robu", "yy": "a"}\n', "expected pairs that an interrupted run wrote"),
    ],
)
def test_another_output_is_not_resumed(folder, part, fragment):
    content = part + '{"line": 1000, "xx": "last", "yy": "a"}\n'
    (folder / "out.jsonl.part").write_text(content, encoding="utf-8", errors="surrogateescape")
    done = run(folder, "distill", "in.xx", "--output", "out.jsonl", "--resume")
    assert done.returncode == 2
    assert f"out.jsonl: {fragment}" in done.stderr


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("recipe"), pairs=60)


def write_recipe(corpus, **data):
    recipe = recipe_of(corpus)
    recipe["data"] |= data
    recipe["training"] |= {"updates": 1, "schedule": {"warmup": 0}, "average": {"count": 1}}
    (corpus / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")


@pytest.mark.parametrize("options", [[], ["--replace"]])
def test_a_recipe_for_a_student(corpus, options):
    write_recipe(corpus)
    (corpus / "student.yaml").unlink(missing_ok=True)
    arguments = "--recipe", "student.yaml", "--corpus-tag", "<kd>", "--weight", "2", *options
    _, found = make(corpus, "distill", "recipe.yaml", *arguments)
    assert len(found) == 60
    train = parse_yaml((corpus / "student.yaml").read_text(encoding="utf-8"), "")["data"]["train"]
    ours = {"path": "out.jsonl", "tag": "<kd>", "weight": 2.0}
    assert train == ([ours] if options else [recipe_of(corpus)["data"]["train"], ours])
    assert mt("config", "check", "student.yaml", cwd=corpus).stdout == "student.yaml: OK\n"
    again = run(corpus, "distill", "recipe.yaml", "--output", "o.jsonl", "--recipe", "student.yaml")
    assert again.returncode == 2
    assert "student.yaml: expected to write a new recipe, but it exists" in again.stderr


@pytest.mark.slow
def test_a_student_can_be_trained(corpus):
    write_recipe(corpus)
    make(corpus, "distill", "recipe.yaml", "--recipe", "trained.yaml", "--corpus-tag", "<kd>")
    done = mt("train", "trained.yaml", "--out", "student", "--device", "cpu", cwd=corpus)
    assert done.returncode == 0, done.stderr
    assert "training pairs: 120 read, none dropped, 120 kept" in done.stderr
    done = mt("translate", "student", "--tag", "<kd>", "--device", "cpu", cwd=corpus, stdin="ba\n")
    assert done.returncode == 0, done.stderr


def test_filters_of_a_recipe_are_used(corpus):
    write_recipe(corpus, filters=[{"kind": "length", "min_words": 3}])
    done, found = make(corpus, "distill", "recipe.yaml")
    sources = (corpus / "train.src").read_text(encoding="utf-8").splitlines()
    fitting = [line for line in sources if len(line.split()) > 2]
    assert {each["xx"] for each in found} <= set(fitting)
    assert counts(done)["too short"] >= len(sources) - len(fitting) > 0


def test_a_recipe_for_other_languages_is_refused(corpus):
    write_recipe(corpus)
    done = run(corpus, "backtranslate", "recipe.yaml", "--output", "other.jsonl")
    assert done.returncode == 2
    assert "recipe.yaml: expected a recipe for pairs from yy to xx" in done.stderr


def test_corpora_of_several_tags_are_refused(corpus):
    plain = recipe_of(corpus)["data"]["train"]
    write_recipe(corpus, train=[plain, plain | {"tag": "<a>"}])
    done = run(corpus, "distill", "recipe.yaml", "--output", "other.jsonl")
    assert done.returncode == 2
    assert "data.train: expected corpora of one tag, but found <a>, none" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["distill", "none.xx"], "none.xx: expected a file, but there is none"),
        (["distill", "in.xx", "in.yy", "in.xx"], "in.xx: expected a recipe, a file of pairs"),
        (["distill", "in.xx", "--interpolate"], "--interpolate needs a recipe, or sources with"),
        (["distill", "in.xx", "--samples", "2", "--nbest", "2"], "--samples draws; leave out"),
        *(
            (["distill", "in.xx", "in.yy", "--interpolate", *one], "of a line, but there is one")
            for one in (
                ["--beam", "1"],
                ["--nbest", "1"],
                ["--nbest", "1", "--set=alternatives=2"],
                ["--samples", "1"],
                ["--set=search.kind=greedy"],
            )
        ),
        (["distill", "in.xx", "--recipe", "student.yaml"], "--recipe needs a RECIPE to begin"),
        (["distill", "in.xx", "in.yy", "--replace"], "--replace needs --recipe"),
        (["distill", "in.xx", "--tag", "<a>"], "--tag: expected a tag that the model was trained"),
        (["distill", "in.xx", "--filters", "[lenth]"], "--filters: `filters.0.kind`: expected"),
        (["distill", "in.xx", "--corpus-tag", "bt"], "out.jsonl: `tag`: expected"),
        (["backtranslate", "in.xx", "a.tsv"], "a.tsv: expected texts, as there are several files"),
        (
            ["backtranslate", "in.yy", "in.xx"],
            "in.yy: expected a text in xx, which the model reads",
        ),
        (["backtranslate", "in.xx", "b.YY.gz"], "b.YY.gz: expected a text in xx, which the model"),
        (["distill", "in.yy", "in.xx"], "in.yy: expected a text in xx, which the model reads, but"),
        (["backtranslate", "in.xx", "--weight", "0"], "out.jsonl: `weight`: expected"),
        (["distill", "latin.xx"], "latin.xx: expected UTF-8, but line 2 holds byte 0xe4"),
    ],
)
def test_bad_input_is_a_line_and_leaves_nothing(folder, arguments, fragment):
    (folder / "a.tsv").write_text("a\tb\n", encoding="utf-8")
    (folder / "b.YY.gz").touch()
    (folder / "latin.xx").write_bytes(b"robu\n\xe4\n")
    done = run(folder, *arguments, "--output", "out.jsonl")
    assert done.returncode == 2
    assert fragment in " ".join(done.stderr.replace("│", " ").split())
    assert not list(folder.glob("out*"))


def test_what_can_be_read_once_only_is_refused(folder):
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_text, args=("robu\n",), daemon=True)
    writer.start()
    done = run(folder, "backtranslate", "in.xx", "pipe", "--output", "out.jsonl")
    assert done.returncode == 2
    assert "pipe: expected a file, but found a pipe or a device" in done.stderr
    assert not list(folder.glob("out*"))


def test_the_output_is_a_file_of_pairs_and_no_input(folder):
    done = run(folder, "distill", "in.xx", "--output", "out.de")
    assert "expected a name that ends in .jsonl" in done.stderr
    (folder / "a.jsonl").write_text('{"xx": "robu", "yy": "a"}\n', encoding="utf-8")
    done = run(folder, "distill", "a.jsonl", "--output", "a.jsonl")
    assert "a.jsonl: expected a file for each of what is read" in done.stderr
    assert done.returncode == 2
    assert (folder / "a.jsonl").read_text(encoding="utf-8") == '{"xx": "robu", "yy": "a"}\n'
