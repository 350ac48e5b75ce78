"""A model learns a new domain: what is held out, what is mixed in, and what is told of it."""

import json
import shutil

import pytest

from mt.bundle import open_bundle, read_index
from mt.config import load
from mt.text.digests import bare
from mt.training.finetuning import Request, finetuning_recipe, warn_of_no_tag
from mt.training.recipe import RecipeConfig
from tests.tiny import mt, write_corpus, write_recipe, write_untrained

NEW_PAIRS, OLD_PAIRS = 200, 300


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Write a model beside the corpora of its recipe."""
    corpus = write_corpus(tmp_path_factory.mktemp("old"), seed=1, pairs=OLD_PAIRS)
    write_untrained(corpus)
    return corpus


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    directory = write_corpus(tmp_path_factory.mktemp("new"), seed=2, pairs=NEW_PAIRS)
    sides = [(directory / f"train.{side}").read_text().splitlines() for side in ("src", "tgt")]
    pairs = "".join(f"{one}\t{other}\n" for one, other in zip(*sides, strict=True))
    (directory / "memory.tsv").write_text(pairs)
    return directory


def finetune(old, *arguments, code=0):
    done = mt("finetune", old / "bundle", *arguments, "--device", "cpu", "--updates", 10)
    assert done.returncode == code, done.stderr
    return done


def recipe_of(run):
    return load(RecipeConfig, run / "config.yaml")


def pairs_of(corpora):
    return [pair for corpus in corpora for pair in corpus.pairs()]


@pytest.fixture(scope="module")
def tuned(old, new):
    run = old / "run"
    return run, finetune(old, new / "memory.tsv", "--out", run, "--share", 0.25)


@pytest.mark.slow
def test_pairs_are_held_out_and_old_ones_mixed_in(tuned, old, new):
    recipe = recipe_of(tuned[0])
    learnt, mixed = recipe.data.train
    measured, general = recipe.data.validation
    assert (measured.set, general.set) == ("new", "general")
    assert recipe.validation.lead == "new"
    assert pairs_of([general]) == pairs_of(open_recipe(old).data.validation)
    assert pairs_of([mixed]) == pairs_of(open_recipe(old).data.train)

    kept, held_out = pairs_of([learnt]), pairs_of([measured])
    assert len(kept) + len(held_out) == NEW_PAIRS
    assert len(held_out) == NEW_PAIRS // 4
    for side in (0, 1):
        assert not {bare(pair[side]) for pair in kept} & {bare(pair[side]) for pair in held_out}
    # A quarter of an epoch is old.
    assert mixed.weight * OLD_PAIRS / (len(kept) + mixed.weight * OLD_PAIRS) == pytest.approx(
        0.25, rel=1e-4
    )


def open_recipe(corpus):
    return RecipeConfig.parse(open_bundle(corpus / "bundle").config, where="old")


@pytest.mark.slow
def test_what_was_learnt_and_forgotten_is_told(tuned, old):
    run, done = tuned
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found = [entry["validation"] for entry in entries if "validation" in entry]
    first, last = found[0], found[-1]
    assert first.keys() == {"loss", "new/loss", "general/loss"}
    assert first["loss"] == first["new/loss"]
    assert last["new/loss"] < first["new/loss"]
    best = min(range(len(found)), key=lambda i: found[i]["loss"])
    card = (run / "README.md").read_text()
    for name in ("new", "general"):
        before, now = (f"loss {found[i][f'{name}/loss']:.3f}" for i in (0, best))
        assert f"{name} {before} → {now}" in " ".join(done.stderr.split())
        assert f"| {name} | {before} | {now} |" in card
    bundle = open_bundle(run)
    assert bundle.metadata.origin == open_bundle(old / "bundle").origin
    assert mt("translate", run, old / "test.src", "--device", "cpu").returncode == 0


@pytest.mark.slow
def test_it_goes_on_where_it_stopped(tuned, old, new, tmp_path):
    run = shutil.copytree(tuned[0], tmp_path / "run")
    # What a run of 10 updates and one that is stopped after 5 have learnt is the same.
    shutil.rmtree(run / "bundles" / "update-000010")
    for file in (run / "state").glob("update-000010*"):
        file.unlink()
    asked = [new / "memory.tsv", "--out", run, "--resume", "--share"]
    refused = finetune(old, *asked, 0.5, code=2)
    assert "--share was 0.25 and is 0.5; restore it, or choose another --out" in refused.stderr
    refused = finetune(old, *asked, 0.25, "--set", "training.batch_tokens=300", code=2)
    assert "`training.batch_tokens` was 200 and is 300" in refused.stderr
    refused = mt("finetune", old, *asked, 0.25, "--updates", 10)
    assert refused.returncode == 2
    assert f"MODEL was {(old / 'bundle').resolve()} and is {old.resolve()}" in refused.stderr
    begun = (run / "finetune.json").rename(tmp_path / "begun.json")
    refused = finetune(old, *asked, 0.25, code=2)
    assert "finetune.json: expected what the run was begun with, but" in refused.stderr
    begun.rename(run / "finetune.json")
    done = finetune(old, *asked, 0.25)
    assert "resuming after update 5" in done.stderr
    whole, again = (open_bundle(read_index(each)["last"]) for each in (tuned[0], run))
    assert whole.manifest.files["model.safetensors"] == again.manifest.files["model.safetensors"]


def test_a_run_is_not_replaced(tuned, old, new):
    done = finetune(old, new / "memory.tsv", "--out", tuned[0], code=2)
    assert "it holds a run; add --resume" in done.stderr


@pytest.mark.slow
def test_without_the_old_text(old, new, tmp_path):
    corpus = tmp_path / "moved"
    values = shutil.copytree(old / "bundle", corpus / "bundle")
    for name in ("train.src", "dev.tgt"):
        (old / name).rename(old / f"{name}.away")
    try:
        done = finetune(
            corpus, new / "train.src", new / "train.tgt", new / "memory.tsv",
            "--validation", new / "dev.src", "--validation", new / "dev.tgt",
            "--out", tmp_path / "run",
        )  # fmt: skip
    finally:
        for name in ("train.src", "dev.tgt"):
            (old / f"{name}.away").rename(old / name)
    told = " ".join(done.stderr.split())
    assert "expected the corpora of its recipe (data.train)" in told
    assert "no text that the model has learnt from is mixed in" in told
    assert "what the model forgets is not measured" in told
    recipe = recipe_of(tmp_path / "run")
    assert [len(list(corpus.pairs())) for corpus in recipe.data.train] == [NEW_PAIRS] * 2
    assert recipe.validation.max_forgetting is None
    assert values.exists()


@pytest.mark.slow
def test_some_of_the_old_text_is_held_out_where_nothing_measures_it(old, new, tmp_path):
    """As of a model that was imported, which has no recipe with validation pairs."""
    moved = tmp_path / "moved"
    shutil.copytree(old / "bundle", moved / "bundle")
    (old / "dev.tgt").rename(old / "dev.tgt.away")
    try:
        done = finetune(
            moved, new / "memory.tsv", "--mix", old / "train.src", "--mix", old / "train.tgt",
            "--out", tmp_path / "run",
        )  # fmt: skip
    finally:
        (old / "dev.tgt.away").rename(old / "dev.tgt")
    assert "what the model forgets is not measured" not in done.stderr
    recipe = recipe_of(tmp_path / "run")
    mixed, general = recipe.data.train[1], recipe.data.validation[1]
    assert (general.set, recipe.validation.max_forgetting) == ("general", 0.1)
    kept, held_out = pairs_of([mixed]), pairs_of([general])
    assert len(kept) + len(held_out) == OLD_PAIRS
    assert len(held_out) == OLD_PAIRS // 4
    assert not {bare(pair.source) for pair in kept} & {bare(pair.source) for pair in held_out}


def test_a_model_of_several_languages_is_measured_in_each(old, caplog):
    bundle = open_bundle(old / "bundle")
    [corpus] = open_recipe(old).data.validation
    general = [corpus.model_copy(update={"set": name}) for name in ("de", "fr", "new", None)]
    request = Request([corpus], [corpus], [], general, 1.0, 0.5, None, seed=1, updates=7)
    recipe = finetuning_recipe(bundle, request)
    sets = [corpus.set for corpus in recipe.data.validation]
    assert sets == ["new", "de", "fr", "earlier", "general"]
    warn_of_no_tag(bundle, [corpus])
    bundle.config["data"]["train"] = [{"tag": "<2de>"}, {"tag": "<2fr>"}]
    warn_of_no_tag(bundle, [corpus.model_copy(update={"tag": "<2de>"})])
    assert not caplog.messages
    warn_of_no_tag(bundle, [corpus])
    assert "expected a tag, as all text that" in caplog.text


@pytest.mark.slow
def test_a_tag_that_is_measured_alone_is_one_that_the_model_knows(new, tmp_path):
    """Without old text, that of the other languages is validated on, but not learnt from."""
    corpus = write_corpus(tmp_path)
    path = write_recipe(corpus)
    values = json.loads(path.read_text())
    for use in ("train", "validation"):
        alone = values["data"][use]
        values["data"][use] = [alone | {"tag": tag} for tag in ("<2de>", "<2fr>")]
    values["training"] |= {"updates": 2, "schedule": {"kind": "cosine", "warmup": 0}}
    path.write_text(json.dumps(values))
    done = mt("train", path, "--out", tmp_path / "bundle", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    asked = ["--share", 0, "--tag", "<2de>", "--out", tmp_path / "run"]
    finetune(tmp_path, new / "memory.tsv", *asked)
    values["init_from"] = str(tmp_path / "bundle")
    for section in ("model", "tokenizer"):
        values.pop(section)
    values["data"]["validation"][1]["tag"] = "<2xx>"
    path.write_text(json.dumps(values))
    done = mt("train", path, "--out", tmp_path / "other", "--device", "cpu")
    assert "data.validation: expected tags that" in done.stderr


def test_it_is_begun_by_one_process(old, new, tmp_path, monkeypatch):
    started = {"WORLD_SIZE": 2, "RANK": 0, "MASTER_ADDR": "localhost", "MASTER_PORT": 29500}
    for name, value in started.items():
        monkeypatch.setenv(name, str(value))
    done = finetune(old, new / "memory.tsv", "--out", tmp_path / "run", code=2)
    assert "mt: processes: expected one to begin a fine-tuning, but found 2; begin" in done.stderr
    assert not (tmp_path / "run").exists()


def test_old_text_of_the_other_direction_is_refused(old, new, tmp_path):
    recipe = write_recipe(old)
    values = json.loads(recipe.read_text())
    values["data"] |= {"source": "yy", "target": "xx"}
    (tmp_path / "back.yaml").write_text(json.dumps(values))
    done = finetune(
        old, new / "memory.tsv", "--mix", tmp_path / "back.yaml", "--out", tmp_path / "run", code=2
    )
    assert "expected a recipe for pairs from xx to yy, as the model needs, but" in done.stderr


@pytest.mark.parametrize("budget", [3600.0, None])
def test_a_short_training_has_no_budget_and_compares_from_the_start(old, budget):
    bundle = open_bundle(old / "bundle")
    late = {"kind": "simcut", "from_update": 9999}
    bundle.config["training"] |= {"budget": budget, "consistency": late}
    corpora = open_recipe(old).data.train
    request = Request(corpora, corpora, [], [], 1.0, 0.5, None, seed=1, updates=7)
    training = finetuning_recipe(bundle, request).training
    assert (training.budget, training.updates) == (None, 7)
    assert training.consistency.from_update == 1
