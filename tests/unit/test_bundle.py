import json
import os
import re
import shutil
from dataclasses import replace

import pytest
import torch

from mt.bundle import (
    CONFIG,
    FORMAT,
    INDEX,
    MANIFEST,
    MOST_TOKENS,
    WEIGHTS,
    Metadata,
    _to_json,
    extend_bundle,
    load_bundle,
    open_bundle,
    read_index,
    write_bundle,
    write_index,
)
from mt.errors import BundleError
from mt.files import sha256
from mt.model.config import TransformerConfig
from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers
from mt.yaml import read_yaml

CONFIGURATION = TransformerConfig(dim=8, heads=2)
METADATA = Metadata(
    1200,
    ("en", "no"),
    12,
    256,
    {"loss": 1.5, "bleu": {"score": 31.5, "signature": "nrefs:1"}},
    (1000, 1100, 1200),
)
TENSORS = {
    "table": torch.arange(6.0).reshape(2, 3),
    "turned": torch.arange(6.0).reshape(2, 3).T,  # not contiguous
    "half": torch.ones(4, dtype=torch.bfloat16),
}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    lines = [f"{chr(97 + i % 20)}{chr(97 + i // 20)} {'abcdefgh'[i % 8 :]}" for i in range(300)]
    config = TokenizerConfig(size=290)
    return train_tokenizers(
        config, zip(lines, lines, strict=True), 1, tmp_path_factory.mktemp("tokenizers")
    )


@pytest.fixture
def write(tokenizers):
    def write(path, weights=TENSORS):
        write_bundle(path, weights, CONFIGURATION, tokenizers, METADATA)
        return path

    return write


@pytest.fixture
def path(tmp_path, write):
    return write(tmp_path / "bundle")


def refused(path, *words):
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def rewrite(path, change):
    """Change what a JSON file holds, as somebody would who knows of its checksum."""
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["sha256"]
    change(values)
    path.write_text(_to_json(values), encoding="utf-8")


def test_what_was_written_is_read(path, tokenizers):
    bundle = open_bundle(path)
    assert bundle.path == path
    assert bundle.metadata == METADATA
    assert bundle.config == CONFIGURATION.model_dump(mode="json")
    assert TransformerConfig.parse(bundle.config, where="") == CONFIGURATION
    assert bundle.tokenizers().fingerprint == tokenizers.fingerprint
    weights = bundle.weights()
    assert weights.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert weights[name].dtype == tensor.dtype
        assert torch.equal(weights[name], tensor)


def test_a_bundle_holds_what_its_docstring_says_and_nothing_else(path):
    assert {file.name for file in path.iterdir()} == {MANIFEST, CONFIG, WEIGHTS, "tokenizer.model"}
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["format"] == FORMAT
    assert manifest["files"].keys() == {CONFIG, WEIGHTS, "tokenizer.model"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\+00:00", manifest["created"])


def test_a_bundle_may_be_moved(path, tmp_path):
    moved = shutil.move(path, tmp_path / "elsewhere")
    assert open_bundle(moved).metadata == METADATA


def test_a_bundle_can_be_replaced(path, write):
    write(path, {"table": torch.zeros(1)})
    assert open_bundle(path).weights().keys() == {"table"}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


FILES = [CONFIG, WEIGHTS, "tokenizer.model"]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(path, name):
    content = bytearray((path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (path / name).write_bytes(content)
    refused(path, str(path / name), "SHA-256", "damaged")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(path, name):
    (path / name).unlink()
    refused(path, str(path), f"`{name}`", "missing")


@pytest.mark.parametrize("found", [FORMAT + 1, None, "1"])
def test_another_format_is_refused(path, found):
    rewrite(path / MANIFEST, lambda manifest: manifest.update(format=found))
    refused(path, str(path), f"format {FORMAT}", f"format {found}")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"[" * 10**5, b"9" * 6000, b'{"format": 1}' + b" " * 2**21,
    ],
    ids=["empty", "no UTF-8", "list", "deep", "digits", "large"],
)  # fmt: skip
def test_a_damaged_manifest_is_named(path, content):
    (path / MANIFEST).write_bytes(content)
    refused(path, str(path / MANIFEST), "expected")


def test_each_changed_bit_of_a_manifest_is_noticed_or_harmless(path):
    """Harmless is one in the name of the checksum: everything that is read is as it was."""
    whole, content = open_bundle(path), (path / MANIFEST).read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        (path / MANIFEST).write_bytes(damaged)
        try:
            assert open_bundle(path) == whole
        except BundleError:
            continue


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda manifest: manifest.pop("files"), "`files`: expected a value"),
        (lambda manifest: manifest.pop("metadata"), "`metadata`: expected a value"),
        (lambda manifest: manifest.update(files=[]), "`files`: expected a section"),
        (lambda manifest: manifest.update(files={}), "expected the SHA-256 of `config.yaml`"),
        (lambda manifest: manifest["files"].pop(WEIGHTS), f"expected the SHA-256 of `{WEIGHTS}`"),
        (
            lambda manifest: manifest["files"].pop("tokenizer.model"),
            "expected the SHA-256 of `tokenizer.model`",
        ),
        (lambda manifest: manifest["files"].update({CONFIG: 3}), "expected text, but found 3"),
        (lambda manifest: manifest.update(metadata=3), "metadata"),
        (lambda manifest: manifest["metadata"].update(languages=["en"]), "metadata"),
        (lambda manifest: manifest["metadata"].update(update="many"), "metadata"),
        (lambda manifest: manifest["metadata"].update(max_tokens=0), "metadata"),
        (lambda manifest: manifest["metadata"].update(max_tokens=MOST_TOKENS + 1), "metadata"),
        (lambda manifest: manifest["metadata"].update(scores={"bleu": {}}), "score `bleu`"),
        (lambda manifest: manifest["metadata"].update(scores={"loss": "low"}), "score `loss`"),
    ],
)
def test_a_manifest_of_other_contents_is_refused(path, change, told):
    rewrite(path / MANIFEST, change)
    refused(path, str(path / MANIFEST), told)


@pytest.mark.parametrize("name", ["../outside", "{outside}", "link", "circle", "a\0b"])
def test_no_file_leads_out_of_a_bundle(path, name):
    outside = path.parent / "outside"
    outside.write_text("a secret")
    (path / "link").symlink_to(outside)
    (path / "circle").symlink_to("circle")
    name = name.format(outside=outside)
    rewrite(path / MANIFEST, lambda manifest: manifest["files"].update({name: sha256(outside)}))
    refused(path, str(path), "leads out of it")


def test_links_inside_of_a_bundle_are_followed(path):
    (path / WEIGHTS).rename(path / "blob")
    (path / WEIGHTS).symlink_to("blob")
    assert open_bundle(path).weights().keys() == TENSORS.keys()


@pytest.mark.parametrize("name", [MANIFEST, CONFIG, WEIGHTS, "tokenizer.model"])
def test_a_pipe_is_not_waited_for(path, name):
    (path / name).unlink()
    os.mkfifo(path / name)
    refused(path, name)


def test_weights_in_another_format_are_refused(path):
    def sign(manifest):
        manifest["files"][WEIGHTS] = sha256(path / WEIGHTS)

    header = b'{"a":{"dtype":"F5","shape":[2],"data_offsets":[0,1]}}'
    foreign = len(header).to_bytes(8, "little") + header + b"x"
    for content in (b"", b"PK\x03\x04", b"\xff" * 64, foreign):
        (path / WEIGHTS).write_bytes(content)
        rewrite(path / MANIFEST, sign)
        with pytest.raises(BundleError, match=rf"{WEIGHTS}: expected weights, but .*; copy the"):
            open_bundle(path).weights()


def test_what_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "it is a file")
    refused(tmp_path / "nowhere", "does not exist")
    refused(tmp_path, str(tmp_path), "found neither")


def test_a_run_means_its_best_bundle(tmp_path, write):
    best, last = write(tmp_path / "update-10"), write(tmp_path / "update-20")
    write_index(tmp_path, best, last)
    assert read_index(tmp_path) == {"best": best, "last": last}
    assert open_bundle(tmp_path).path == best
    write_index(tmp_path, last, last)
    assert open_bundle(tmp_path).path == last


def test_a_run_without_a_best_is_refused(tmp_path, write):
    write_index(tmp_path, None, write(tmp_path / "update-10"))
    refused(tmp_path, str(tmp_path), "found neither")


def test_a_run_whose_best_is_gone_is_refused(tmp_path, write):
    best = write(tmp_path / "update-10")
    write_index(tmp_path, best, best)
    shutil.rmtree(best)
    refused(tmp_path, str(best))


def test_a_run_names_no_bundle_outside_of_it(tmp_path, write):
    write(tmp_path / "bundle")
    (tmp_path / "run").mkdir()
    for name in ("../bundle", str(tmp_path / "bundle")):
        (tmp_path / "run" / INDEX).write_text(_to_json({"best": name}), encoding="utf-8")
        refused(tmp_path / "run", "leads out of it")


@pytest.mark.parametrize("content", ["{", "[]", '{"best": 3}'])
def test_a_damaged_index_is_named(tmp_path, content):
    (tmp_path / INDEX).write_text(content, encoding="utf-8")
    refused(tmp_path, str(tmp_path / INDEX))


@pytest.mark.parametrize("existing", [False, True])
def test_an_interrupted_write_leaves_what_was(tmp_path, write, monkeypatch, existing):
    path = tmp_path / "bundle"
    if existing:
        write(path)

    def interrupt(file):
        raise KeyboardInterrupt

    monkeypatch.setattr("mt.bundle.sha256", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(path, {"table": torch.zeros(1)})
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == (["bundle"] if existing else [])
    if existing:
        assert open_bundle(path).weights().keys() == TENSORS.keys()


def test_a_bundle_that_is_replaced_while_it_is_read_is_read_anew(tmp_path, write):
    """The run names another bundle and removes the first between opening and reading."""
    for name, value in (("first", 1.0), ("second", 2.0)):
        write(tmp_path / name, {"table": torch.full((1,), value)})
    write_index(tmp_path, best=tmp_path / "first", last=None)
    seen = []

    def load(bundle):
        seen.append(bundle.path.name)
        if len(seen) == 1:
            write_index(tmp_path, best=tmp_path / "second", last=None)
            shutil.rmtree(bundle.path)
        return float(bundle.weights()["table"])

    assert load_bundle(tmp_path, load) == 2.0
    assert seen == ["first", "second"]


def test_a_bundle_that_vanishes_for_good_is_an_error(tmp_path, write):
    write_index(tmp_path, best=write(tmp_path / "first"), last=None)

    def load(bundle):
        shutil.rmtree(bundle.path)
        return bundle.weights()

    with pytest.raises(BundleError, match="first: expected .* it does not exist"):
        load_bundle(tmp_path, load)


def test_a_bundle_that_is_extended_while_it_is_read_is_read_anew(path):
    bundle, seen = open_bundle(path), []
    extend_bundle(bundle, b"first", replace(bundle.metadata, shortlist_cost=0.5))

    def load(bundle):
        seen.append(bundle.metadata.shortlist_cost)
        if len(seen) == 1:
            extend_bundle(bundle, b"second", replace(bundle.metadata, shortlist_cost=0.25))
            raise BundleError("the shortlist differs from its checksum")
        return bundle.shortlist()

    assert load_bundle(path, load) == b"second"
    assert seen == [0.5, 0.25]
    assert open_bundle(path).metadata == replace(bundle.metadata, shortlist_cost=0.25)


def test_the_recipe_stands_in_the_manifest_as_it_does_in_yaml(write, tmp_path):
    path = write(tmp_path / "bundle")
    opened = open_bundle(path)
    assert opened.manifest.recipe == opened.config == read_yaml(path / CONFIG)


def test_a_bundle_without_a_recipe_in_its_manifest_has_that_of_its_yaml(write, tmp_path):
    path = write(tmp_path / "bundle")
    manifest = json.loads((path / MANIFEST).read_text())
    expected = manifest.pop("recipe")
    del manifest["sha256"]
    (path / MANIFEST).write_text(_to_json(manifest))
    assert open_bundle(path).config == expected
    extend_bundle(open_bundle(path), b"", METADATA)
    assert open_bundle(path).manifest.recipe == expected
