"""An imported Marian model beside transformers: the same tokens, logits and translations."""

import json
import shutil

import pytest
import torch

from mt.bundle import open_bundle, read_index
from mt.exchange.export import export
from mt.exchange.huggingface.importing import import_model
from mt.exchange.huggingface.pieces import Marks, order
from mt.model.loading import load_model
from mt.text.tokenizer import END, PAD, START, UNKNOWN
from mt.translation.loading import load_translator
from tests.engines import ENGINES, skip_without
from tests.marian import write_marian
from tests.tiny import mt, write_corpus

pytest.importorskip("google.protobuf")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TAGS = (">>aa<<", ">>bb_Latn<<")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def marian(corpus):
    return write_marian(corpus / "marian", corpus, TAGS)


@pytest.fixture(scope="module")
def imported(corpus, marian):
    import_model(marian, corpus / "imported", (None, None))
    return corpus / "imported"


def load(directory):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model = AutoModelForSeq2SeqLM.from_pretrained(directory)
    return AutoTokenizer.from_pretrained(directory), model.eval()


def translate(directory, lines, **search):
    tokenizer, model = load(directory)
    batch = tokenizer(lines, return_tensors="pt", padding=True)
    return tokenizer.batch_decode(model.generate(**batch, **search), skip_special_tokens=True)


@pytest.fixture(scope="module")
def lines(corpus):
    """Read sentences that the model has not seen, and some with what it does not know."""
    lines = (corpus / "test.src").read_text(encoding="utf-8").splitlines()
    return [*lines, *(f"{line} {lines[0]}" for line in lines), "漢字", f"{lines[1]} 漢 x"]


def rows_of(marian):
    """Say for each of our tokens which of theirs it is."""
    vocabulary = json.loads((marian / "vocab.json").read_text())
    pad = vocabulary["<pad>"]
    return order(vocabulary, Marks(pad, 1, pad, 0)).rows


def test_tokens_and_logits(marian, imported, lines):
    tokenizer, theirs = load(marian)
    bundle = open_bundle(imported)
    tokenizers = bundle.tokenizers()
    ours = load_model(bundle, tokenizers).eval()
    rows = torch.tensor(rows_of(marian))
    written = torch.randint(END, len(rows), (1, 9), generator=torch.manual_seed(1))
    written[:, 0] = START
    for line in [*lines, *(f"{tag} {lines[0]}" for tag in TAGS)]:
        source = torch.tensor([[*tokenizers.source.encode([line])[0], END]])
        assert rows[source].tolist() == tokenizer([line]).input_ids
        with torch.inference_mode():
            expected = theirs(input_ids=rows[source], decoder_input_ids=rows[written]).logits
            found = ours.output(ours(source, written))
        known = [token for token in range(len(rows)) if token not in {PAD, START}]
        torch.testing.assert_close(
            found[..., known], expected[..., rows[known]], atol=2e-4, rtol=1e-5
        )
    assert tokenizers.source.tags == TAGS


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("beams", [1, 4])
def test_translations(engine, beams, marian, imported, lines):
    skip_without(engine)
    search = ["search.kind=greedy"] if beams == 1 else []
    translator = load_translator(
        imported, "cpu", engine=engine, precision="float32",
        overrides=["split_sentences=false", *search],
    )  # fmt: skip
    lines = [line for line in lines if line.isascii()]
    found = [translation.text for translation in translator.translate_all(lines)]
    expected = translate(marian, lines, num_beams=beams)
    alike = sum(one == other for one, other in zip(found, expected, strict=True))
    assert alike >= 0.99 * len(lines), list(zip(found, expected, strict=True))


def test_text_is_spelt_by_the_target(imported, corpus):
    tokenizer = open_bundle(imported).tokenizers().target
    lines = (corpus / "test.tgt").read_text(encoding="utf-8").splitlines()
    encoded = tokenizer.encode(lines)
    assert not any(UNKNOWN in tokens for tokens in encoded)
    assert tokenizer.decode(encoded) == lines


def test_characters_of_the_other_side_are_read(corpus, tmp_path):
    for suffix, mark in (("src", ""), ("tgt", "?")):
        lines = (corpus / f"train.{suffix}").read_text(encoding="utf-8").splitlines()
        (tmp_path / f"train.{suffix}").write_text("".join(f"{line}{mark}\n" for line in lines))
    directory = write_marian(tmp_path / "marian", tmp_path, steps=0)
    import_model(directory, tmp_path / "bundle", (None, None))
    ours = open_bundle(tmp_path / "bundle").tokenizers().source
    tokenizer, _ = load(directory)
    for line in ("mero? done", "?", "mero ? ?"):
        [tokens] = ours.encode([line])
        assert "?" in ours.tokens(tokens)
        rows = rows_of(directory)
        assert [*(rows[token] for token in tokens), 0] == tokenizer(line).input_ids


def test_it_is_exported_and_imported_again(marian, imported, lines, tmp_path):
    export(open_bundle(imported), "huggingface", tmp_path / "exported")
    lines = [line for line in lines if line.isascii()]
    again = translate(tmp_path / "exported", lines, max_length=64)
    assert again == translate(marian, lines)
    tokenizer, _ = load(tmp_path / "exported")
    ours = open_bundle(imported).tokenizers().source
    tagged = f"{TAGS[1]} {lines[0]}"
    assert tokenizer(tagged).input_ids == [*ours.encode([tagged])[0], END]

    import_model(tmp_path / "exported", tmp_path / "again", (None, None))
    before, after = open_bundle(imported), open_bundle(tmp_path / "again")
    assert after.tokenizers().source.vocabulary == ours.vocabulary
    assert after.tokenizers().source.tags == TAGS
    weights = before.weights()
    assert all(torch.equal(weights[name], after.weights()[name]) for name in weights)


def test_pickled_weights(marian, imported, tmp_path):
    from safetensors.torch import load_file

    other = shutil.copytree(marian, tmp_path / "other")
    torch.save(load_file(other / "model.safetensors"), other / "pytorch_model.bin")
    (other / "model.safetensors").unlink()
    import_model(other, tmp_path / "bundle", ("en", "de"))
    found, expected = open_bundle(tmp_path / "bundle"), open_bundle(imported)
    assert found.metadata.languages == ("en", "de")
    assert all(torch.equal(found.weights()[n], w) for n, w in expected.weights().items())


def test_two_vocabularies(corpus, tmp_path):
    directory = write_marian(
        tmp_path / "marian", corpus, share_encoder_decoder_embeddings=False, steps=2
    )
    numbers = json.loads((directory / "vocab.json").read_text())
    (directory / "target_vocab.json").write_text(json.dumps(numbers))
    about = {"separate_vocabs": True, "source_lang": "xx", "target_lang": "yy"}
    (directory / "tokenizer_config.json").write_text(json.dumps(about))
    import_model(directory, tmp_path / "bundle", (None, None))
    bundle = open_bundle(tmp_path / "bundle")
    ours = load_model(bundle, bundle.tokenizers()).eval()
    assert ours.source_embedding.table is not ours.target_embedding.table
    _, theirs = load(directory)
    rows = torch.tensor(rows_of(directory))
    source, written = torch.tensor([[7, 9, 8, END]]), torch.tensor([[START, 5, 6]])
    with torch.inference_mode():
        expected = theirs(input_ids=rows[source], decoder_input_ids=rows[written]).logits
        found = ours.output(ours(source, written))
    torch.testing.assert_close(found[..., END:], expected[..., rows[END:]], atol=2e-4, rtol=1e-5)


def test_it_is_used_as_any_model(marian, corpus, tmp_path, lines):
    bundle, source, target = tmp_path / "bundle", corpus / "test.src", corpus / "test.tgt"
    assert mt("import", marian, bundle).returncode == 0
    assert "native on a CPU" in mt("info", bundle).stdout
    tagged = mt("translate", bundle, "--tag", TAGS[0], "--device", "cpu", stdin=lines[0])
    assert tagged.returncode == 0, tagged.stderr
    page = tmp_path / "page.html"
    unknown = mt("explain", bundle, "--output", page, stdin="漢字 x", cwd=tmp_path)
    done = [
        unknown,
        mt("align", bundle, "--source", source, "--target", target),
        mt("score", bundle, "--source", source, "--target", target),
        mt("export", bundle, "--to", "ctranslate2", "--output", tmp_path / "exported"),
    ]
    assert [each.returncode for each in done] == [0] * len(done), [each.stderr for each in done]

    run = tmp_path / "run"
    done = mt(
        "finetune", bundle, corpus / "dev.src", corpus / "dev.tgt", "--tag", TAGS[0],
        "--out", run, "--updates", 2, "--set=training.optimizer.learning_rate=1e-7",
        "--set=validation.metric=loss", "--device", "cpu", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "what the model forgets is not measured" in " ".join(done.stderr.split())
    before, after = open_bundle(bundle).weights(), open_bundle(read_index(run)["last"]).weights()
    difference = max(float((before[name] - after[name]).abs().max()) for name in before)
    assert 0 < difference < 1e-3
    done = mt("translate", run, source, "--device", "cpu")
    assert done.stdout == mt("translate", bundle, source, "--device", "cpu").stdout


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_type", "bart", "expected model_type marian, but found bart"),
        ("scale_embedding", False, "expected scale_embedding true, but found False"),
        ("activation_function", "gelu_new", "swish, silu, but found gelu_new"),
        ("decoder_ffn_dim", 65, "expected the ffn_dim 64 of the encoder in the decoder too"),
        ("decoder_layers", 2, "expected a weight model.decoder.layers.1."),
        ("encoder_layers", 1, "expected the weights of its class, but found model.encoder.layers"),
        ("d_model", None, "dim`: expected"),
        ("pad_token_id", None, "expected numbers of padding, start and end, but found None"),
    ],
)
def test_what_cannot_be_imported_is_one_line(key, value, message, marian, tmp_path):
    other = shutil.copytree(marian, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {key: value}))
    done = mt("import", other, tmp_path / "bundle")
    assert done.returncode == 2
    error = " ".join(done.stderr.split())
    assert message in error
    assert f"{other / 'config.json'}: " in error
    assert "Traceback" not in error
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "source.spm", "target.spm", "vocab.json"]
)
def test_a_missing_or_damaged_file_is_one_line(name, marian, tmp_path):
    other = shutil.copytree(marian, tmp_path / "other")
    for content in (None, b"", b"{}", b"[1]"):
        (other / name).unlink() if content is None else (other / name).write_bytes(content)
        done = mt("import", other, tmp_path / "bundle")
        assert done.returncode == 2
        assert str(other) in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
