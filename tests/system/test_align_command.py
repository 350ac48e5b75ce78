"""``mt align`` as a shell meets it, with two models that a moment of training made."""

import json
import re
import subprocess

import pytest

from tests import tiny

pytestmark = pytest.mark.slow

TEXT = ["--source", "test.src", "--target", "test.tgt"]
VIEW = ["--view", "plain:1"]
LINES = 40


def run(folder, *arguments, **options):
    return tiny.mt("align", *arguments, cwd=folder, **options)


def lines_of(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus in which word i is the translation of word i, and a model of each direction."""
    folder = tiny.write_corpus(tmp_path_factory.mktemp("align"))
    recipe = tiny.recipe_of(folder)
    recipe["model"]["decoder_layers"] = 2
    recipe["training"]["updates"] = 20
    (folder / "run.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    data = recipe["data"]
    data["source"], data["target"] = data["target"], data["source"]
    for part in ("train", "validation"):
        sides = data[part]
        sides["source"], sides["target"] = sides["target"], sides["source"]
    (folder / "back.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    for name in ("run", "back"):
        done = tiny.mt("train", f"{name}.yaml", "--out", name, "--device", "cpu", cwd=folder)
        assert done.returncode == 0, done.stderr
    sentences = lines_of(folder / "test.src")
    gold = [" ".join(f"{i}-{i}" for i in range(len(line.split()))) for line in sentences]
    from_one = [
        " ".join(f"{i + 1}-{i + 1}" for i in range(len(line.split()))) for line in sentences
    ]
    for name, text in {
        "gold": gold,
        "gold1": from_one,
        "short": gold[:3],
        "outside": [*gold[:6], "9-0", *gold[7:]],
        "odd": ["0:0", *gold[1:]],
        "short.tgt": lines_of(folder / "test.tgt")[:3],
        "blank.src": [sentences[0], "", " ", sentences[3]],
        "blank.tgt": [lines_of(folder / "test.tgt")[0], "", "ba", ""],
    }.items():
        (folder / name).write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return folder


def test_a_line_of_links_for_every_pair_in_order(folder):
    done = run(folder, "run", *TEXT, *VIEW)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n")[:-1]
    assert len(lines) == LINES
    sides = zip(lines, lines_of(folder / "test.src"), lines_of(folder / "test.tgt"), strict=True)
    for line, source, target in sides:
        links = [tuple(map(int, link.split("-"))) for link in line.split()]
        assert links == sorted(set(links))
        assert {i for i, _ in links} == set(range(len(source.split())))
        assert {j for _, j in links} == set(range(len(target.split())))


def test_two_models_and_the_choice_is_logged(folder):
    done = run(folder, "run", *TEXT, "--reverse", "back", "--join", "grow-diag-final-and")
    assert done.returncode == 0
    assert done.stdout.count("\n") == LINES
    assert re.search(
        r"alignment: --view \S+ --reverse-view \S+ chosen, whose links agree by \d", done.stderr
    )


def test_blank_lines_stay_blank(folder):
    done = run(folder, "run", "--source", "blank.src", "--target", "blank.tgt", *VIEW)
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.split("\n")
    assert first
    assert rest == ["", "", "", ""]


def test_weights_and_a_file_that_can_be_scored(folder):
    done = run(folder, "run", *TEXT, *VIEW, "--scores", "--output", "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    lines = lines_of(folder / "out")
    assert len(lines) == LINES
    assert all(
        re.fullmatch(r"\d+-\d+:[01]\.\d{4}", link) for line in lines for link in line.split()
    )
    scored = run(folder, "--links", "out", "--gold", "gold")
    same = run(folder, "run", *TEXT, *VIEW, "--gold", "gold", "--output", "again")
    assert scored.returncode == same.returncode == 0
    assert scored.stdout == same.stdout
    assert scored.stdout.startswith("AER ")
    assert len(lines_of(folder / "again")) == LINES
    assert not list(folder.glob("*.part"))


def test_gold_links_count_from_0_or_1(folder):
    done = run(folder, "--links", "gold", "--gold", "gold1", "--gold-base", "1", *TEXT, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    score = json.loads(done.stdout)
    assert (score["aer"], score["precision"], score["recall"], score["lines"]) == (0, 100, 100, 40)
    assert score["links"] == score["sure"] == score["possible"] > LINES


def test_gold_links_in_another_convention_are_noticed(folder):
    done = run(folder, "--links", "gold", "--gold", "gold1")
    assert done.returncode == 0
    assert done.stdout.startswith("AER ")
    assert re.fullmatch(
        r"mt: warning: gold links: expected words counted from 0, .*AER 0\.00 instead of .*; "
        r"give --gold-base 1\n",
        done.stderr,
    )


def test_a_few_pairs_choose_no_view(folder):
    few = ["--source", "blank.src", "--target", "blank.tgt"]
    done = run(folder, "run", *few)
    assert done.returncode == 0
    assert "but got 1; taking the mean of all, --view plain:all" in done.stderr
    assert run(folder, "run", *few, "--view", "plain:all").stdout == done.stdout


@pytest.mark.parametrize(("options", "lines"), [("| head -n 2", 2), ("--gold gold", 1)])
def test_text_may_come_from_a_pipe(folder, options, lines):
    call = f"{' '.join(tiny.command('align', 'run'))} --source /dev/stdin --target test.tgt"
    done = subprocess.run(
        ["sh", "-c", f"cat test.src | {call} --view plain:1 {options}"], cwd=folder,
        env=tiny.environment(), encoding="utf-8", capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", "--source", "test.src", "--target", "short.tgt"],
            "short.tgt: expected 40 lines as in test.src, but found 3;",
        ),
        (["run", "--source", "none", "--target", "none"], "none: expected a text file, but"),
        (["none", *TEXT], "none: expected a run or bundle directory"),
        (["run", *TEXT, "--view", "odd"], "--view: expected plain or shifted"),
        (["run", *TEXT, "--view", "plain:3"], "--view: expected a view of run, plain:all to plain"),
        (["run", *TEXT, "--reverse", "run"], "run: expected a model from yy to xx, but it"),
        (
            ["run", *TEXT, "--gold", "short"],
            "short: expected 40 lines as in test.src, but found 3;",
        ),
        (["run", *TEXT, "--gold", "odd"], "odd: expected links such as 0-0, or 1?2"),
        (["run", *TEXT, "--gold", "outside"], "outside line 7: expected links between "),
        (["run", *TEXT, "--gold", "gold1"], "gold1 line 1: expected links between "),
        (["run", *TEXT, "--output", "gold/out"], "gold/out: expected a file to write, but it"),
        (["--links", "gold", "--gold", "gold", "--gold-base", "1"], "gold: expected words counted"),
        (["--links", "gold", "--gold", "short"], "short: expected 40 lines as in gold, but found"),
        (["--links", "outside", "--gold", "none"], "none: expected a text file"),
        (["--links", "outside", "--gold", "gold", *TEXT], "outside line 7: expected links between"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(folder, arguments, message):
    done = run(folder, *arguments, "--device", "cpu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"mt: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "expected MODEL, --source and --target"),
        (TEXT, "expected MODEL, --source and --target"),
        (["run", "--source", "test.src"], "--source and --target together"),
        (["run", *TEXT, "--json"], "give --gold"),
        (["run", *TEXT, "--gold", "gold", "--scores"], "give --output"),
        (["run", *TEXT, "--join", "union"], "give --reverse"),
        (["run", *TEXT, "--reverse-view", "plain:1"], "give --reverse"),
        (["run", *TEXT, "--join", "odd"], "--join"),
        (["--links", "gold"], "expected --gold"),
        (["run", "--links", "gold", "--gold", "gold", "--scores"], "leave out MODEL, --scores"),
        (["--links", "gold", "--gold", "gold", "--threshold", "0.1"], "leave out --threshold"),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder, arguments, named):
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in " ".join(done.stderr.replace("│", " ").split())
