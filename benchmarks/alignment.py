"""Measure word alignment on the phrasebook's gold links: every view, every way to join two.

    python -m benchmarks.alignment MODEL REVERSE [--part dev]

Prints the alignment error rates of ``data/demo`` as tables, and those of views that are chosen on
only a few of the pairs. Only what this prints for ``dev`` may decide anything.
"""

import argparse
import random
import statistics
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from mt.evaluation.alignment import Links, read_links, score_links
from mt.inspection.alignment.aligner import CHOICE_PAIRS, word_weights
from mt.inspection.alignment.choice import most_agreeing, most_informative
from mt.inspection.alignment.links import argmax_links, joined_links, keep_marks_apart
from mt.inspection.alignment.reader import PairReader, load_reader
from mt.inspection.alignment.symmetry import JOININGS
from mt.text.words import split_words

DATA = Path("data/demo")
SAMPLES = 60
"""Drawn of every size to choose views on."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="English to German")
    parser.add_argument("reverse", type=Path, help="German to English")
    parser.add_argument("--part", default="test", choices=["dev", "test"])
    options = parser.parse_args()

    english, german = (
        (DATA / f"{options.part}.{side}").read_text(encoding="utf-8").splitlines()
        for side in ("en", "de")
    )
    gold = list(read_links(DATA / f"{options.part}.align"))
    words = [
        (split_words(source, "marks"), split_words(target, "marks"))
        for source, target in zip(english, german, strict=True)
    ]
    readers = load_reader(options.model, "cpu"), load_reader(options.reverse, "cpu")
    views = readers[0].views()
    ahead = weights_of(readers[0], english, german)
    back = weights_of(readers[1], german, english)

    def rates(found: Iterable[Links], apart: bool = True) -> str:
        kept = (keep_marks_apart(links, *pair) if apart else links
                for links, pair in zip(found, words, strict=True))  # fmt: skip
        score = score_links(kept, gold)
        return " ".join(f"{rate or 0:6.2f}" for rate in (score.aer, score.precision, score.recall))

    print(
        f"{options.part}: AER, precision, recall; one link per target word | also per source word"
    )
    for view, name in enumerate(views):
        cells = []
        for weights, flip in ((ahead, False), (back, True)):
            rows = [each[view].argmax(1).tolist() for each in weights]
            single = [
                frozenset((j, i) if flip else (i, j) for j, i in enumerate(row)) for row in rows
            ]
            both = (argmax_links(w[view].T if flip else w[view]) for w in weights)
            cells += [rates(single, apart=False), rates(both)]
        print(f"  {name!s:12} {'   |   '.join(cells)}")

    chosen, gain = most_informative(ahead[:CHOICE_PAIRS], words[:CHOICE_PAIRS])
    first, second, agreement = most_agreeing(ahead[:CHOICE_PAIRS], back[:CHOICE_PAIRS])
    print(f"chosen: {views[chosen]} alone ({gain:.3f} nats), "
          f"{views[first]} and {views[second]} together ({agreement:.1%})")  # fmt: skip
    for how in JOININGS:
        pairs = list(zip(ahead, back, strict=True))
        found = [joined_links(one[first], two[second], how) for one, two in pairs]
        print(f"  {how:20} {rates(found)}   with links between words and marks "
              f"{rates(found, apart=False)}")  # fmt: skip

    print(f"chosen on few pairs: AER of all, mean and worst of {SAMPLES} samples; alone | together")
    draw = random.Random(1)
    joint: dict[tuple[int, int], float] = {}

    def error_rate(one: int, two: int | None) -> float:
        key = one, -1 if two is None else two
        if key not in joint:
            found = (
                joined_links(first[one], None if two is None else second[two], "joint")
                for first, second in zip(ahead, back, strict=True)
            )
            kept = map(keep_marks_apart, found, *zip(*words, strict=True))
            joint[key] = score_links(kept, gold).aer or 0
        return joint[key]

    for size in (1, 2, 3, 5, 10, 20, 50, 100):
        samples = [draw.sample(range(len(words)), size) for _ in range(SAMPLES)]
        alone, together = [], []
        for sample in samples:
            some, others = ([side[index] for index in sample] for side in (ahead, back))
            view, _ = most_informative(some, [words[index] for index in sample])
            alone.append(error_rate(view, None))
            together.append(error_rate(*most_agreeing(some, others)[:2]))
        shown = (f"{statistics.mean(each):6.2f} {max(each):6.2f}" for each in (alone, together))
        print(f"  {size:3} pairs    {'   |   '.join(shown)}")
    print(f"  the mean of all  {error_rate(0, None):6.2f}   |   {error_rate(0, 0):6.2f}")


def weights_of(reader: PairReader, sources: list[str], targets: list[str]) -> list[Tensor]:
    """Return the weights of the words of each pair in every view of a model."""
    pairs = [
        reader.tokenize(source, target, "marks")
        for source, target in zip(sources, targets, strict=True)
    ]
    return word_weights(reader, pairs, reader.views())


if __name__ == "__main__":
    main()
