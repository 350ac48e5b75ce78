"""Train a Marian model of Hugging Face transformers by a plain loop: the other side of ``minutes``.

Sizes and corpora are those of a recipe with a joint vocabulary, tokens those of a run of it; what
the recipe says of filters, tags and weights is not looked at. Adam with a rate that falls with the
inverse square root of the updates, batches of as many tokens of the target side, sorted by length,
label smoothing, float32: what a person writes who follows the documentation.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import sacrebleu
import torch
from torch import Tensor
from transformers import MarianConfig, MarianMTModel

from mt.bundle import open_bundle
from mt.model.config import TransformerConfig
from mt.text.tokenizer import END, PAD
from mt.training.recipe import load_recipe

PEAK_RATE, WARM_UP = 2e-3, 1000
"""The greatest learning rate, and the update that has it."""
VALIDATE_EVERY = 60.0
"""Seconds of training between validations."""
UNUSED = -100
"""A label that the loss leaves out."""

Pair = tuple[list[int], list[int]]


def main() -> None:
    """Train, and print a line of JSON at each validation."""
    options = _parser().parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ["THREADS"]))
    recipe = load_recipe(options.recipe)
    tokenizer = open_bundle(options.tokens_of).tokenizers().source
    if not isinstance(recipe.model, TransformerConfig) or recipe.tokenizer.vocabulary != "joint":
        raise SystemExit(f"{options.recipe}: expected a transformer with a joint vocabulary")
    texts = [pair for corpus in recipe.data.train for pair in corpus.pairs()]
    sources, targets = (tokenizer.encode(side) for side in zip(*texts, strict=True))
    pairs = [([*s, END], [*t, END]) for s, t in zip(sources, targets, strict=True)]
    held_out, references = map(list, zip(*recipe.data.validation[0].pairs(), strict=True))
    read = [[*source, END] for source in tokenizer.encode(held_out)]

    model = build(recipe.model, tokenizer.size)
    trained, since = 0.0, 0.0
    for seconds in train(model, pairs, recipe.training.batch_tokens):
        trained, since = trained + seconds, since + seconds
        if since < VALIDATE_EVERY:
            continue
        since = 0.0
        found = tokenizer.decode(translate(model, read))
        bleu = sacrebleu.corpus_bleu(found, [references]).score
        print(json.dumps({"minutes": trained / 60, "bleu": bleu}), flush=True)
        if trained > 60 * options.minutes:
            return


def build(sizes: TransformerConfig, vocabulary: int) -> MarianMTModel:
    """Make a model of the sizes of one of ours; what Marian does otherwise stays its own."""
    config = MarianConfig(
        vocab_size=vocabulary, d_model=sizes.dim, encoder_layers=sizes.encoder_layers,
        decoder_layers=sizes.decoder_layers, encoder_attention_heads=sizes.heads,
        decoder_attention_heads=sizes.heads, encoder_ffn_dim=sizes.feed_forward,
        decoder_ffn_dim=sizes.feed_forward, activation_function="relu", dropout=sizes.dropout,
        attention_dropout=0.0, activation_dropout=0.0, max_position_embeddings=1024,
        pad_token_id=PAD, eos_token_id=END, decoder_start_token_id=PAD, forced_eos_token_id=None,
        scale_embedding=True, init_std=sizes.dim**-0.5,
    )  # fmt: skip
    model = MarianMTModel(config)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and module is not model.lm_head:
            torch.nn.init.xavier_uniform_(module.weight)
    model.generation_config.bad_words_ids = [[PAD]]
    return model


def train(model: MarianMTModel, pairs: Sequence[Pair], tokens: int) -> Iterator[float]:
    """Train without end; yield the seconds of each update."""
    optimizer = torch.optim.Adam(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), eps=1e-9)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min((done + 1) / WARM_UP, (WARM_UP / (done + 1)) ** 0.5)
    )
    criterion = torch.nn.CrossEntropyLoss(ignore_index=UNUSED, label_smoothing=0.1)
    order = random.Random(1)
    while True:
        for batch in batches(pairs, tokens, order):
            began = time.perf_counter()
            model.train()
            read = _pad([source for source, _ in batch], PAD)
            labels = _pad([target for _, target in batch], UNUSED)
            written = _pad([[PAD, *target[:-1]] for _, target in batch], PAD)
            logits = model(
                input_ids=read, attention_mask=(read != PAD).long(), decoder_input_ids=written
            ).logits
            criterion(logits.flatten(0, 1), labels.flatten()).backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            yield time.perf_counter() - began


def batches(pairs: Sequence[Pair], tokens: int, order: random.Random) -> list[list[Pair]]:
    """Divide an epoch into batches of similar length, in random order."""
    shuffled = sorted(pairs, key=lambda pair: (len(pair[1]), len(pair[0]), order.random()))
    found: list[list[Pair]] = [[]]
    for pair in shuffled:  # the longest target is the last
        if found[-1] and len(pair[1]) * (len(found[-1]) + 1) > tokens:
            found.append([])
        found[-1].append(pair)
    order.shuffle(found)
    return found


@torch.inference_mode()
def translate(model: MarianMTModel, sources: Sequence[list[int]]) -> list[list[int]]:
    """Translate greedily, in batches of similar length."""
    model.train(False)
    order = sorted(range(len(sources)), key=lambda index: -len(sources[index]))
    found: list[list[int]] = [[] for _ in sources]
    for first in range(0, len(order), 64):
        chosen = order[first : first + 64]
        read = _pad([sources[index] for index in chosen], PAD)
        written = model.generate(
            input_ids=read, attention_mask=(read != PAD).long(), num_beams=1, do_sample=False,
            max_new_tokens=100,
        )  # fmt: skip
        for index, tokens in zip(chosen, written[:, 1:].tolist(), strict=True):
            found[index] = tokens[: tokens.index(END)] if END in tokens else tokens
    return found


def _pad(rows: Sequence[list[int]], value: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A plain loop of transformers.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--tokens-of", type=Path, required=True, help="a run of the recipe")
    parser.add_argument("--minutes", type=float, default=30)
    return parser


if __name__ == "__main__":
    main()
