"""Explanations made by hand, of any length, without a model."""

import random

from mt.inspection.explanation import Alternative, Axis, Choice, Explanation, Layer
from mt.inspection.recorder import HeadDims


def draw_layer(generator, queries, keys, heads, causal):
    """Draw scores, and take their softmax row by row."""
    scores = [
        [
            [
                None if causal and key > query else round(generator.gauss(0, 1.5), 2)
                for key in range(keys)
            ]
            for query in range(queries)
        ]
        for _ in range(heads)
    ]
    weights = [
        [[round(share / sum(row), 4) for share in row] for row in powers]
        for powers in (
            [[0.0 if score is None else 2.718281828**score for score in row] for row in head]
            for head in scores
        )
    ]
    return Layer(weights, scores, HeadDims(8, 8, 8))


def explanation_of(source, target, roles=("cross", "decoder_self", "encoder_self"), layers=2):
    """Explain a sentence in named tokens with invented numbers."""
    generator = random.Random(1)
    axes = {
        "source": Axis.of([*source, "</s>"]),
        "target": Axis.of([*target, "</s>"]),
        "read": Axis.of(["<s>", *target]),
    }
    sides = {
        "cross": ("target", "source"),
        "decoder_self": ("target", "read"),
        "encoder_self": ("source", "source"),
    }
    text = "".join(target).replace("▁", " ").strip()
    choices = [
        Choice(
            round(generator.uniform(0.5, 0.9), 4),
            1,
            [Alternative(f"▁other{n}", 0.1 / (n + 1), "before", f" other{n}", " after & <i>all</i>")
             for n in range(5)],
        )
        for _ in axes["target"].tokens
    ]  # fmt: skip
    return Explanation(
        text=text,
        choices=choices,
        layers={
            role: [
                draw_layer(
                    generator, *(len(axes[side].tokens) for side in sides[role]),
                    heads=3, causal=role == "decoder_self",
                )
                for _ in range(layers)
            ]
            for role in roles
        },
        **axes,
    )  # fmt: skip
