"""Parallel text that looks like language: words of Zipf's frequencies, names, numbers, marks."""

import random

_SYLLABLES = [
    c + v for c in ("b", "d", "f", "g", "k", "l", "m", "n", "r", "s", "t", "sch") for v in "aeiou"
]
_NAMES = ["Anna", "Boston", "Carla", "David", "Emil", "Frank", "Grace", "Hugo", "Italy", "Japan"]


def parallel_text(pairs: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Make sources and targets, all different; each word has its translation."""
    generator = random.Random(seed)

    def word() -> str:
        return "".join(generator.choices(_SYLLABLES, k=generator.randint(1, 4)))

    lexicon = [(word(), word()) for _ in range(2000)]
    weights = [1 / rank for rank in range(1, 2001)]
    sources, targets = [], []
    for number in range(pairs):
        words = generator.choices(lexicon, weights, k=min(40, 3 + int(generator.expovariate(0.12))))
        if generator.random() < 0.3:
            words.insert(0, (name := generator.choice(_NAMES), name))
        if generator.random() < 0.2:
            words.append((figure := str(generator.randint(2, 999)), figure))
        mark = generator.choices(".?!", (8, 1, 1))[0]
        # A letter for each line makes sentences differ that have the same few words.
        tail = "".join(chr(97 + int(digit)) for digit in str(number))
        other = words[1:] + words[:1] if len(words) > 3 else words
        sources.append(" ".join([*(one for one, _ in words), f"q{tail}"]) + mark)
        targets.append(" ".join([*(two for _, two in other), f"x{tail}"]) + mark)
    return sources, targets
