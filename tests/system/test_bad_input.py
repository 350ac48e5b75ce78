"""A mistake of the user is one line that says what to do, and exit code 2."""

import json
import logging
import shlex

import pytest
import torch

from mt.bundle import Metadata, write_bundle
from mt.cli.main import build_app
from mt.model.loading import weights_of
from mt.text.tokenizer_training import train_tokenizers
from mt.training.recipe import RecipeConfig
from tests.tiny import recipe_of, write_corpus, write_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return RecipeConfig.parse(
        recipe_of(write_corpus(tmp_path_factory.mktemp("corpus"))), where="tiny"
    )


@pytest.fixture(scope="module")
def tokenizers(recipe, tmp_path_factory):
    [corpus] = recipe.data.train
    directory = tmp_path_factory.mktemp("tokenizers")
    return train_tokenizers(recipe.tokenizer, corpus.pairs(), 1, directory)


@pytest.fixture
def here(recipe, tokenizers, tmp_path, monkeypatch):
    """Work in a directory with a corpus, its recipe and a bundle of a model that knows nothing."""
    monkeypatch.chdir(tmp_path)
    write_recipe(write_corpus(tmp_path))
    model = recipe.model.build(tokenizers.source.size, tokenizers.target.size)
    metadata = Metadata(update=1, languages=("xx", "yy"), parameters=1, max_tokens=256)
    write_bundle(tmp_path / "bundle", weights_of(model), recipe, tokenizers, metadata)
    return tmp_path


@pytest.fixture
def shell(here, capfd):
    """Run the command line in this process, which loads torch once for all."""
    ours = logging.getLogger("mt")
    before = ours.handlers, ours.level, ours.propagate

    def shell(arguments):
        with pytest.raises(SystemExit) as left:
            build_app()(shlex.split(arguments))
        return left.value.code, *capfd.readouterr()

    yield shell
    ours.handlers, ours.propagate = before[0], before[2]
    ours.setLevel(before[1])


def refused(done):
    """Return the one line of a mistake; above it a log may have told of what went well."""
    code, stdout, stderr = done
    assert code == 2
    assert stdout == ""
    *above, last = stderr.splitlines()
    assert last.startswith("mt: ")
    assert not any(line.startswith(("mt: ", "Traceback")) for line in above)
    return last


TRAIN = "train tiny.yaml --out run --device cpu"
SHORT = f"{TRAIN} --set training.updates=2 --set training.schedule.warmup=1"


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ("train nowhere.yaml", "nowhere.yaml: expected a YAML file"),
        (f"{TRAIN} --set model.dimm=3", "`model.dimm`: expected a known key.* did you mean `dim`?"),
        (
            f"{TRAIN} --set training.updates=many",
            "`training.updates`: expected a whole number, but found 'many' (text)",
        ),
        (f"{TRAIN} --set tokenizer.vocabulary=separate", "set tokenizer.vocabulary to joint"),
        (
            f"{TRAIN} --set tokenizer.size=100000",
            "tokenizer.size: expected at most 3.* but found 100000",
        ),
        (
            f"{TRAIN} --set training.batch_tokens=5",
            "training.batch_tokens: expected at least .* but found 5; raise it",
        ),
        (f"{TRAIN} --set data.train.source=nowhere.src", "nowhere.src: expected a text file"),
        (
            f"{TRAIN} --set model.dim=1000000000",
            "`model.dim`: expected less than or equal to 65536",
        ),
        (f"{TRAIN} --set model.decoder_layers=10000000", "less than or equal to 1000, but found"),
        (f"{TRAIN} --set translation.search.size=1000000", "equal to 1000, but found 1000000"),
        (f"{TRAIN} --set tokenizer.size=1000000000", "equal to 1000000, but found 1000000000"),
        (
            f"{TRAIN} --set model.dim=65536 --set model.encoder_layers=1000",
            "model: expected one that can be trained in the .* GiB of memory .* parameters need",
        ),
        ("translate bundle test.src --beam 1000000", "less than or equal to 1000, but found"),
        ("train tiny.yaml --out tiny.yaml --device cpu", "tiny.yaml"),
        ("translate nowhere", "nowhere: expected a run or bundle directory, but it does not exist"),
        ("translate tiny.yaml", "tiny.yaml: expected a run or bundle directory, but it is a file"),
        ("translate .", "expected a model (a `manifest.json`, or an `index.json` naming one)"),
        ("translate bundle nowhere.src", "nowhere.src: expected a text file"),
        ("translate bundle test.src --output .", ".: expected a file to write"),
        ("translate bundle test.src --output tiny.yaml/x", "tiny.yaml/x: expected a file to write"),
        (
            "evaluate bundle --source nowhere.src --reference test.tgt",
            "nowhere.src: expected a text",
        ),
        (
            "evaluate bundle --source test.src --reference dev.tgt",
            "expected 40 lines as in test.src, .*but found 16",
        ),
        ("evaluate bundle --source test.src --reference test.tgt --output .", "expected a file to"),
    ],
)
def test_one_line_says_what_to_do(shell, arguments, fragment):
    line = refused(shell(arguments))
    places = [line.index(part) for part in fragment.split(".*")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("files", "fragment"),
    [
        (
            {"train.src": b"one\ntwo\nthree\n", "train.tgt": b"eins\nzwei\n"},
            "train.src, but found 2; compare the files line by line",
        ),
        (
            {"dev.src": b"one\n", "dev.tgt": b"eins\nzwei\n"},
            "dev.src, but found 2; compare the files line by line",
        ),
        (
            {"train.src": b"one\ncaf\xe9\n", "train.tgt": b"eins\nzwei\n"},
            "train.src: expected UTF-8, but line 2 holds byte 0xe9",
        ),
        (
            {"train.src": b"\n \n", "train.tgt": b"\n\n"},
            "expected sentence pairs, but found none with text on both sides",
        ),
        (
            {"dev.src": b" \n\n", "dev.tgt": b"eins\n\n"},
            "expected sentence pairs, but found none to keep (2 read, 2 blank dropped, 0 kept)",
        ),
    ],
)
def test_a_corpus_that_cannot_be_learnt_from(shell, here, files, fragment):
    for name, content in files.items():
        (here / name).write_bytes(content)
    assert fragment in refused(shell(TRAIN))


def test_what_is_wrong_with_the_corpora_is_told_before_the_work(shell, here):
    (here / "dev.tgt").write_bytes(b"eins\n")
    wrong = "--set data.train.source=nowhere.src"
    code, _, stderr = shell(f"{TRAIN} {wrong}")
    told = [line for line in stderr.splitlines() if line.startswith("mt: ")]
    assert code == 2
    assert told[0].startswith("mt: nowhere.src: expected a text file, but it cannot be read")
    assert told[1].startswith(f"mt: {here}/dev.tgt: expected 16 lines as in {here}/dev.src")
    assert not (here / "prepared").exists()
    assert not (here / "run").exists()
    code, stdout, stderr = shell(f"config check tiny.yaml {wrong}")
    assert (code, stdout) == (2, "")
    assert stderr.splitlines() == [f"mt: tiny.yaml: {line.removeprefix('mt: ')}" for line in told]


@pytest.mark.parametrize("stream", ["file", "source"])
def test_text_that_is_not_utf_8(shell, here, stream):
    (here / "latin").write_bytes("ein\nschöner\nTag\n".encode("latin-1"))
    arguments = {
        "file": "translate bundle latin --strict --output out --device cpu",
        "source": "evaluate bundle --source latin --reference test.tgt",
    }
    line = refused(shell(arguments[stream]))
    assert "latin: expected UTF-8, but line 2 holds byte 0xf6" in line
    assert not (here / "out").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.yaml", "tokenizer.model"])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_bundle(shell, here, name, damage):
    file = here / "bundle" / name
    if damage == "missing":
        file.unlink()
        assert f"expected a file `{name}`, but it is missing" in refused(shell("translate bundle"))
    else:
        file.write_bytes(file.read_bytes()[:-1])
        assert f"{name}: expected SHA-256 " in refused(shell("translate bundle"))


def test_a_bundle_of_another_format(shell, here):
    manifest = here / "bundle" / "manifest.json"
    manifest.write_text(json.dumps({"format": 999, "files": {}}), encoding="utf-8")
    assert "expected a bundle of format 1, but this is format 999" in refused(
        shell("translate bundle")
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there(shell):
    assert "device: expected one of " in refused(shell("translate bundle test.src --device cuda"))


def test_an_unknown_device(shell):
    code, stdout, stderr = shell("translate bundle test.src --device tpu")
    assert (code, stdout) == (2, "")
    assert "tpu" in stderr
    assert "Traceback" not in stderr


def test_several_mistakes_are_told_at_once(shell):
    code, _, stderr = shell(f"{TRAIN} --set training.updates=0 --set sed=1")
    assert code == 2
    assert [line.startswith("mt: tiny.yaml: `") for line in stderr.splitlines()] == [True, True]


def test_a_run_is_not_overwritten(shell, here):
    assert shell(f"{SHORT}")[0] == 0
    line = refused(shell(f"{SHORT}"))
    assert line.startswith(
        "mt: run: expected a new run directory, but it holds a run; add --resume"
    )
    line = refused(shell(f"{SHORT} --resume --set model.dropout=0.5"))
    assert "`model.dropout` was 0.1 and is 0.5" in line
    code, stdout, stderr = shell(f"{SHORT} --resume")
    assert (code, stdout) == (0, "")
    assert "nothing left to train: all updates done at update 2\n" in stderr


def test_a_mended_mistake_needs_no_new_directory(shell, here):
    refused(shell(f"{TRAIN} --set training.batch_tokens=5"))
    code, _, stderr = shell(f"{SHORT}")
    assert code == 0, stderr
    assert (here / "run" / "index.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "translat bundle",
            "No such command 'translat'. Did you mean 'translate', 'backtranslate', 'train'?",
        ),
        ("config chekc tiny.yaml", "No such command 'chekc'. Did you mean 'check'?"),
        ("translate bundle --outptu x", "No such option: --outptu"),
        ("--nope", "No such option: --nope"),
        ("translate", "Missing argument"),
        ("translate bundle --beam many", "Invalid value for '--beam'"),
        ("translate bundle a b", "unexpected extra argument"),
        (
            "translate bundle --beam 2 --beam 3",
            "Invalid value for --beam: expected it once, but it was given 2 times",
        ),
    ],
)
def test_a_command_line_that_is_not_understood_is_one_line(shell, arguments, message):
    line = refused(shell(arguments))
    assert message in line
    assert line.endswith("--help`")


def test_references_that_no_model_can_write_are_told(shell, here):
    text = (here / "dev.tgt").read_text(encoding="utf-8")
    (here / "dev.tgt").write_text(text.replace("\n", "…\n", 3), encoding="utf-8")
    code, _, stderr = shell(SHORT)
    assert code == 0
    assert "validation: 3 of 16 references hold what the model can never write" in stderr
    assert "nmt_nfkc replaces it: … U+2026 (3); choose identity to keep it" in stderr
