"""An exported model in transformers beside ours: the same tokens and logits."""

import random

import pytest
import torch

from mt.bundle import Metadata, load_bundle, open_bundle, write_bundle
from mt.exchange.huggingface.export import inexpressible, write
from mt.exchange.huggingface.importing import import_model
from mt.exchange.huggingface.names import names
from mt.model.loading import weights_of
from mt.text.tokenizer import END, PAD, START
from mt.text.tokenizer_training import train_tokenizers
from mt.training.recipe import RecipeConfig
from tests.tiny import recipe_of, write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

DOT, BILINEAR = {"score": {"kind": "dot"}}, {"score": {"kind": "bilinear"}}
KINDS = {
    "pre-norm": {"encoder_layers": 2},
    "pre-norm, gelu, dot": {"activation": "gelu", "self_attention": DOT, "cross_attention": DOT},
    "post-norm": {"norm": "post", "decoder_layers": 2},
    "post-norm, two tables": {"norm": "post", "tie": "two_way"},
    "post-norm, three tables, bilinear": {
        "norm": "post", "tie": "none", "self_attention": BILINEAR, "cross_attention": BILINEAR,
    },
    "post-norm, silu, output bias": {"norm": "post", "activation": "silu", "output_bias": True},
    "odd dim": {"norm": "post", "dim": 15, "heads": 3},
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


def build(corpus, directory, vocabulary="joint", **choices):
    """Write a bundle whose weights are far from their initial ones; return it with its model."""
    recipe = recipe_of(corpus)
    recipe["model"] |= choices
    recipe["tokenizer"] |= {"vocabulary": vocabulary, "size": 280}
    recipe = RecipeConfig.parse(recipe, where="test")
    assert inexpressible(recipe.model) is None
    [pairs] = recipe.data.train
    tokenizers = train_tokenizers(recipe.tokenizer, pairs.pairs(), 1, directory / "tokenizers")
    torch.manual_seed(1)
    model = recipe.model.build(tokenizers.source.size, tokenizers.target.size).eval()
    for weight in model.parameters():
        weight.data.add_(0.2 * torch.randn_like(weight))
    metadata = Metadata(update=1, languages=("xx", "yy"), parameters=1, max_tokens=30)
    write_bundle(directory / "bundle", weights_of(model), recipe, tokenizers, metadata)
    return load_bundle(directory / "bundle", lambda bundle: bundle), model


def load(directory):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    model, report = AutoModelForSeq2SeqLM.from_pretrained(directory, output_loading_info=True)
    assert not any(report.values()), report
    return tokenizer, model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_and_logits(kind, corpus, tmp_path):
    choices = KINDS[kind]
    vocabulary = "joint" if choices.get("tie", "three_way") == "three_way" else "separate"
    bundle, ours = build(corpus, tmp_path, vocabulary, **choices)
    write(bundle, tmp_path / "theirs")
    tokenizer, theirs = load(tmp_path / "theirs")
    lines = (corpus / "test.src").read_text(encoding="utf-8").splitlines()[:20]
    sources = bundle.tokenizers().source.encode(lines)
    assert tokenizer(lines).input_ids == [[*source, END] for source in sources]
    batch = tokenizer(lines, return_tensors="pt", padding=True)
    written = torch.randint(4, ours.output.out_features, (len(lines), 9))
    written[:, 0] = START
    with torch.inference_mode():
        expected = ours.output(ours(batch.input_ids, written))
        found = theirs(**batch, decoder_input_ids=written).logits
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)


def test_pieces_and_text(corpus, tmp_path):
    bundle, _ = build(corpus, tmp_path)
    write(bundle, tmp_path / "theirs")
    tokenizer, _ = load(tmp_path / "theirs")
    ours = bundle.tokenizers().source
    lines = ["", "bada  kesu", " Bada kesu! ", "ﬁ ½ Ａ…", "漢字 🙂", "x\u00a0y\u200dz", "▁", "<pad"]
    for line in lines:
        assert tokenizer(line).input_ids == [*ours.encode([line])[0], END]
    draw = random.Random(1)
    for _ in range(100):
        ids = [draw.randrange(END + 1, ours.size) for _ in range(8)]
        [text] = ours.decode([ids])
        found = tokenizer.decode([START, *ids, END, PAD], skip_special_tokens=True)
        # Bytes can spell blanks, which only we turn into spaces.
        assert "".join(found.split()) == "".join(text.split()) or any(
            token.startswith("<0x") for token in ours.tokens(ids)
        )


def test_the_table_of_names_gives_the_weights_back(corpus, tmp_path):
    from safetensors.torch import load_file

    bundle, ours = build(corpus, tmp_path, "separate", norm="post", tie="none")
    write(bundle, tmp_path / "theirs")
    theirs = load_file(tmp_path / "theirs" / "model.safetensors")
    weights = weights_of(ours)
    recipe = RecipeConfig.parse(bundle.config, where="test")
    table = list(names(recipe.model))
    assert {row.ours for row in table} == weights.keys()
    for row in table:
        joined = torch.cat([theirs[name] for name in row.theirs])
        assert torch.equal(joined, weights[row.ours])


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "dot" not in kind and "bili" not in kind]
)
def test_what_was_exported_is_imported_to_the_bit(kind, corpus, tmp_path):
    choices = KINDS[kind]
    vocabulary = "joint" if choices.get("tie", "three_way") == "three_way" else "separate"
    bundle, ours = build(corpus, tmp_path, vocabulary, **choices)
    write(bundle, tmp_path / "theirs")
    import_model(tmp_path / "theirs", tmp_path / "again", (None, None))
    again = open_bundle(tmp_path / "again")
    expected = weights_of(ours)
    assert again.weights().keys() == expected.keys()
    assert all(torch.equal(again.weights()[name], weight) for name, weight in expected.items())
    assert again.section("model") | {"dropout": 0.1} == bundle.section("model") | {"dropout": 0.1}
    lines = ["bada kesu", "漢字 🙂 ½", "", "<pad>"]
    for side in ("source", "target"):
        before, after = (getattr(each.tokenizers(), side) for each in (bundle, again))
        assert after.vocabulary == before.vocabulary
        assert after.encode(lines) == before.encode(lines)
