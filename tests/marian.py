"""A small Marian model as those of OPUS-MT are: other pieces on either side, numbered by a list."""

import io
import json
import random

import sentencepiece
import torch


def write_marian(directory, corpus, tags=(), steps=70, **choices):
    """Write what MarianMTModel and MarianTokenizer read, having learnt a little.

    As in those models, the vocabulary holds the pieces that occur in the corpus, in another order.

    Args:
        directory: A new directory.
        corpus: Where ``train.src`` and ``train.tgt`` are.
        tags: Words of the vocabulary such as ``>>de<<``.
        steps: How long it learns.
        choices: Over those of the model.
    """
    from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

    directory.mkdir()
    draw = random.Random(1)
    pieces = {"▁"}  # as of any large corpus
    for side, suffix in (("source", "src"), ("target", "tgt")):
        lines = (corpus / f"train.{suffix}").read_text(encoding="utf-8").splitlines()
        file = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=file, vocab_size=45, minloglevel=2,
            hard_vocab_limit=False,
        )  # fmt: skip
        (directory / f"{side}.spm").write_bytes(file.getvalue())
        processor = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
        pieces.update(*processor.encode(lines, out_type=str))
    listed = ["</s>", "<unk>", *draw.sample(sorted(pieces), len(pieces)), *tags, "<pad>"]
    vocabulary = {name: number for number, name in enumerate(listed)}
    (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"source_lang": "xx", "target_lang": "yy", "tokenizer_class": "MarianTokenizer"})
    )
    pad = vocabulary["<pad>"]
    values = {
        "vocab_size": len(listed), "d_model": 32, "encoder_layers": 2, "decoder_layers": 1,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64, "activation_function": "swish", "scale_embedding": True,
        "max_position_embeddings": 512, "pad_token_id": pad, "decoder_start_token_id": pad,
        "eos_token_id": 0, "forced_eos_token_id": 0,
    }  # fmt: skip
    torch.manual_seed(1)
    model = MarianMTModel(MarianConfig(**(values | choices)))
    model.generation_config = GenerationConfig(
        num_beams=4, bad_words_ids=[[pad]], pad_token_id=pad, decoder_start_token_id=pad,
        eos_token_id=0, forced_eos_token_id=0, max_length=64, renormalize_logits=True,
    )  # fmt: skip
    for table in _tables(model):
        table.weight.data[pad] = 0
    model.final_logits_bias.normal_(std=0.3)
    model.final_logits_bias[0, pad] = 0
    _train(model, MarianTokenizer.from_pretrained(directory), corpus, pad, steps)
    model.save_pretrained(directory)
    return directory


def _tables(model):
    """List the embeddings, where the vector of padding is zero."""
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Embedding) and "positions" not in name
    ]


def _train(model, tokenizer, corpus, pad, steps):
    """Learn the corpus a little, so that translations are no noise."""
    sides = [
        (corpus / f"train.{suffix}").read_text(encoding="utf-8").splitlines()
        for suffix in ("src", "tgt")
    ]
    batch = tokenizer(sides[0], text_target=sides[1], return_tensors="pt", padding=True)
    batch["labels"][batch["labels"] == pad] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-2)
    model.train()
    for _ in range(steps):
        model(**batch).loss.backward()
        for table in _tables(model):
            table.weight.grad[pad] = 0
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
