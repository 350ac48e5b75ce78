"""A training that starts from a bundle: its weights, its tokenizers, and what is said of it."""

import json
import re
import shutil
import subprocess
import time

import pytest
import torch

from mt.bundle import open_bundle, read_index
from mt.cli.synthesis import read_recipe
from mt.errors import ConfigError
from mt.training.recipe import parse_recipe
from mt.translation import load_translator
from tests.tiny import (
    command,
    environment,
    mt,
    recipe_of,
    write_corpus,
    write_recipe,
    write_untrained,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_untrained(write_corpus(tmp_path_factory.mktemp("start"), seed=1))


@pytest.fixture
def recipe(tmp_path, bundle):
    """Write a recipe for other text, which starts from the bundle."""
    path = write_recipe(write_corpus(tmp_path, seed=2))
    values = json.loads(path.read_text())
    del values["model"], values["tokenizer"]
    path.write_text(json.dumps(values | {"init_from": str(bundle)}))
    return path


def train(recipe, run, *arguments):
    done = mt("train", recipe, "--device", "cpu", "--out", run, *arguments)
    assert done.returncode == 0, done.stderr
    return done


def weights(run, which="last"):
    return open_bundle(read_index(run)[which]).weights()


@pytest.mark.slow
def test_weights_and_tokenizers_are_those_of_the_bundle(recipe, bundle, tmp_path):
    run = tmp_path / "run"
    train(recipe, run, "--set=training.optimizer.learning_rate=1e-30", "--set=training.updates=10")
    before = open_bundle(bundle)
    after = open_bundle(read_index(run)["last"])
    for name, weight in before.weights().items():
        torch.testing.assert_close(after.weights()[name], weight, atol=1e-9, rtol=0)
    assert after.tokenizers().fingerprint == before.tokenizers().fingerprint
    assert after.section("model") == before.section("model")

    assert after.metadata.origin == before.origin
    assert before.origin.sha256 in (run / "README.md").read_text()
    assert before.origin.sha256[:12] in mt("info", run).stdout


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["inverse_square_root", "cosine"])
def test_a_run_killed_before_its_first_validation_goes_on(recipe, tmp_path, schedule):
    run = tmp_path / "run"
    arguments = [
        "train", recipe, "--device", "cpu", "--out", run, "--set=training.updates=3000",
        "--set=validation.every=3000", f"--set=training.schedule={{kind: {schedule}, warmup: 0}}",
    ]  # fmt: skip
    with subprocess.Popen(command(*arguments), env=environment()) as process:
        while process.poll() is None and '"update": 5,' not in metrics(run):
            time.sleep(0.01)
        process.kill()
    assert open_bundle(read_index(run)["last"]).metadata.update == 0
    done = train(recipe, run, *arguments[6:], "--set=training.updates=20", "--resume")
    assert "resuming after update 0" in done.stderr
    assert "bends the schedule" not in done.stderr


def metrics(run):
    path = run / "metrics.jsonl"
    return path.read_text() if path.exists() else ""


@pytest.mark.slow
def test_a_run_goes_on_without_the_bundle(recipe, bundle, tmp_path):
    train(recipe, tmp_path / "whole", "--set=training.updates=20")
    moved = shutil.copytree(bundle, tmp_path / "moved")
    there = f"--set=init_from={moved}"
    train(recipe, tmp_path / "parts", there, "--set=training.updates=10")
    shutil.rmtree(moved)
    train(recipe, tmp_path / "parts", there, "--set=training.updates=20", "--resume")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    origin = open_bundle(read_index(tmp_path / "parts")["last"]).metadata.origin
    assert (origin.bundle, origin.sha256) == (str(moved), open_bundle(bundle).origin.sha256)


def test_what_contradicts_the_bundle_is_one_line(recipe, bundle):
    for override, key, has, found in (
        ("model.dim=64", "model.dim", "16", "64"),
        ("model.positions.kind=rotary", "model.positions.kind", "sinusoidal", "rotary"),
        ("tokenizer.size=400", "tokenizer.size", "300", "400"),
    ):
        done = mt("config", "show", recipe, "--set", override)
        assert done.returncode == 2
        assert done.stderr == (
            f"mt: {recipe}: `{key}`: expected {has}, as in {bundle}, whose {key.partition('.')[0]} "
            f"is kept, but found {found}; leave it out\n"
        )


def test_what_a_recipe_leaves_out_is_that_of_the_bundle(recipe, bundle):
    values = recipe_of(recipe.parent) | {"init_from": str(bundle)}
    values |= {"model": {"dropout": 0.3, "self_attention": {"score": {"kind": "scaled_dot"}}}}
    found = parse_recipe(values, where="tiny").model.model_dump(mode="json")
    assert found == open_bundle(bundle).section("model") | {"dropout": 0.3}


@pytest.mark.slow
def test_a_larger_model_of_other_text_translates_together_with_the_bundle(bundle, tmp_path):
    recipe = write_recipe(write_corpus(tmp_path, seed=2))
    values = json.loads(recipe.read_text())
    del values["tokenizer"]
    values["model"] |= {"dim": 32, "feed_forward": 48}
    values["data"]["max_tokens"] = 20
    recipe.write_text(json.dumps(values | {"tokenizer_from": str(bundle)}))
    run, moved = tmp_path / "run", shutil.copytree(bundle, tmp_path / "moved")
    train(recipe, run, "--set=training.updates=10", f"--set=tokenizer_from={moved}")
    shutil.rmtree(moved)
    train(recipe, run, "--set=training.updates=20", f"--set=tokenizer_from={moved}", "--resume")
    after = open_bundle(read_index(run)["last"])
    assert after.tokenizers().fingerprint == open_bundle(bundle).tokenizers().fingerprint
    assert after.section("tokenizer") == open_bundle(bundle).section("tokenizer")
    assert after.metadata.origin is None, "weights are drawn anew"
    together = mt("translate", run, "--ensemble", bundle, "--device", "cpu", stdin="a b\n")
    assert together.returncode == 0, together.stderr
    assert together.stdout.count("\n") == 1
    one, other = (mt("info", model).stdout.splitlines() for model in (run, bundle))
    assert next(line for line in one if line.startswith("tokenizer")) in other
    assert not any("on_error" in line for line in one), "defaults of a corpus say nothing"

    shortest = json.loads(recipe.read_text())["data"]["max_tokens"]
    assert shortest < open_bundle(bundle).metadata.max_tokens
    assert load_translator(bundle, "cpu", ensemble=[run]).max_tokens == shortest

    back = tmp_path / "back"
    train(recipe, back, "--set=data.source=yy", "--set=data.target=xx", "--set=training.updates=10")
    done = mt("translate", run, "--ensemble", back, "--device", "cpu", stdin="a b\n")
    assert done.returncode == 2
    assert "expected a model from xx to yy, to translate together" in done.stderr


def test_tokenizers_are_those_of_one_model(recipe, bundle):
    values = json.loads(recipe.read_text())
    with pytest.raises(ConfigError, match="no other model beside init_from"):
        parse_recipe(values | {"tokenizer_from": "another"}, where="tiny")
    del values["init_from"]
    values["tokenizer_from"] = str(bundle)
    assert parse_recipe(values, where="tiny").tokenizer.size == 300
    recipe.write_text(json.dumps(values))
    assert read_recipe([recipe]).tokenizer.size == 300, "for mt distill and mt backtranslate too"
    for key, value in (("size", 400), ("algorithm", "bpe")):
        with pytest.raises(ConfigError, match=f"`tokenizer.{key}`: .* whose tokenizer is kept"):
            parse_recipe(values | {"tokenizer": {key: value}}, where="tiny")


def test_a_damaged_bundle_is_refused(recipe, bundle, tmp_path):
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    file = damaged / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    done = mt("train", recipe, f"--set=init_from={damaged}", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert re.fullmatch(rf"mt: {file}: expected SHA-256 .* it is damaged, .*\n", done.stderr)


@pytest.mark.parametrize("key", ["init_from", "tokenizer_from"])
def test_a_tag_that_the_bundle_does_not_know_is_refused(recipe, bundle, tmp_path, key):
    values = json.loads(recipe.read_text())
    values["data"]["train"]["tag"] = "<bt>"
    values[key] = values.pop("init_from")
    recipe.write_text(json.dumps(values))
    done = mt("train", recipe, "--device", "cpu", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert (
        f"data.train: expected tags that {bundle} knows (none), but found <bt>; leave it out"
        in " ".join(done.stderr.split())
    )


@pytest.mark.slow
def test_tokenizers_of_the_other_direction_are_refused(tmp_path):
    recipe = write_recipe(write_corpus(tmp_path))
    apart = "--set=tokenizer={size: 290, vocabulary: separate}", "--set=model.tie=two_way"
    train(recipe, tmp_path / "forward", *apart, "--set=training.updates=10")
    back = (
        "--set=data.source=yy",
        "--set=data.target=xx",
        f"--set=tokenizer_from={tmp_path}/forward",
    )
    done = mt("train", recipe, "--device", "cpu", "--out", tmp_path / "back", *apart, *back)
    assert done.returncode == 2
    assert (
        "expected tokenizers of yy and xx, but found those of a model from xx to yy" in done.stderr
    )


@pytest.mark.slow
def test_a_model_of_both_directions_goes_on_in_one(tmp_path):
    values = recipe_of(write_corpus(tmp_path))
    values["training"] |= {
        "updates": 2,
        "schedule": {"warmup": 1},
        "consistency": {"kind": "simcut"},
    }
    forward = values["data"]["train"]
    both = [forward, {**forward, "reverse": True}]
    (tmp_path / "both.yaml").write_text(
        json.dumps(values | {"data": {**values["data"], "train": both}})
    )
    del values["model"], values["tokenizer"]
    (tmp_path / "one.yaml").write_text(json.dumps(values | {"init_from": str(tmp_path / "both")}))

    train(tmp_path / "both.yaml", tmp_path / "both")
    train(tmp_path / "one.yaml", tmp_path / "one")
    first, second = (open_bundle(read_index(tmp_path / run)["last"]) for run in ("both", "one"))
    assert (
        second.metadata.origin.update
        == open_bundle(read_index(tmp_path / "both")["best"]).metadata.update
    )
    assert second.metadata.update == 2
    assert second.tokenizers().fingerprint == first.tokenizers().fingerprint
    pieces = set(first.tokenizers().source.vocabulary)
    for side in ("src", "tgt"):  # of both languages
        words = (tmp_path / f"train.{side}").read_text().split()
        assert sum(f"▁{word}" in pieces for word in set(words)) > 10
