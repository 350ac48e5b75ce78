import json
import re
import shutil

import pytest
import torch

from mt.bundle import (
    CONFIG,
    FORMAT,
    INDEX,
    MANIFEST,
    WEIGHTS,
    Metadata,
    load_bundle,
    open_bundle,
    read_index,
    write_bundle,
    write_index,
)
from mt.errors import BundleError
from mt.model.config import TransformerConfig
from mt.text.tokenizer import TokenizerConfig, train_tokenizers

CONFIGURATION = TransformerConfig(dim=8, heads=2)
METADATA = Metadata(
    1200, ("en", "no"), 12, 256, {"bleu": 31.5, "signature": "nrefs:1"}, (1000, 1100, 1200)
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
    return train_tokenizers(config, lines, lines, 1, tmp_path_factory.mktemp("tokenizers"))


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
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    manifest["format"] = found
    (path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    refused(path, str(path), f"format {FORMAT}", f"format {found}")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]"])
def test_a_damaged_manifest_is_named(path, content):
    (path / MANIFEST).write_bytes(content)
    refused(path, str(path / MANIFEST), "expected")


@pytest.mark.parametrize("key", ["files", "metadata"])
def test_a_manifest_that_lacks_a_part_is_refused(path, key):
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    del manifest[key]
    (path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    refused(path, str(path / MANIFEST), f"`{key}`")


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


@pytest.mark.parametrize("content", ["{", "[]"])
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

    with pytest.raises(OSError, match="No such file"):
        load_bundle(tmp_path, load)
