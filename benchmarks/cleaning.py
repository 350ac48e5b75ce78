"""Measure what filters drop of good text and of damaged text, and what they cost.

    python -m benchmarks.cleaning --data DATA [--pairs 10000] [--rounds 3] [--output FILE.md]

``DATA`` holds real corpora; those of :data:`CORPORA` that are not there are left out. Good text is
what stands in them. Each kind of damage is done to their good pairs; pairs that it leaves as they
are do not count. Costs are CPU time of one process, the least of some rounds.
"""

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import facts, say, table
from mt.data.corpora import open_corpus
from mt.data.filters import STANDARD, Filter, Reason, Selection
from mt.data.filters.config import AnyFilter, LanguageConfig
from mt.errors import DataError

Pairs = Sequence[tuple[str, str]]


CORPORA = {
    "Tatoeba": (["tatoeba_deen/train.de", "tatoeba_deen/train.en"], "de", "en"),
    "Multi30k": (["multi30k/train.de", "multi30k/train.en"], "de", "en"),
    "small_parallel_enja": (
        ["small_parallel_enja/train.en", "small_parallel_enja/train.ja"], "en", "ja",
    ),
    "TICO-19 en-fr": (["tmx/tico19.en-fr.tmx"], "en", "fr"),
    "TICO-19 en-es": (["tmx/tico19.en-es-419.tmx"], "en", "es-419"),
}  # fmt: skip
"""Files and languages."""
ALL: tuple[AnyFilter, ...] = (*STANDARD, LanguageConfig())
THIRD = (
    "Non c'è fumo senza fuoco, diceva sempre mia nonna.",
    "Abbiamo passato tutte le nostre vacanze in riva al mare.",
    "Il governo ha annunciato ieri una nuova legge sulle pensioni.",
    "Qualcuno ha lasciato la porta aperta durante la notte.",
)
"""Sentences in a language that none of the corpora is in."""


class Corpus(NamedTuple):
    """Pairs of a pair of languages."""

    name: str
    source: str
    target: str
    pairs: Pairs

    def build(self, filters: Sequence[AnyFilter]) -> Filter:
        """Build filters for its languages."""
        return Selection(tuple(filters), self.source, self.target).start()


def read_corpora(folder: Path, most: int) -> Iterator[Corpus]:
    """Read the first pairs of each corpus that is there."""
    for name, (files, source, target) in CORPORA.items():
        try:
            corpus = open_corpus([folder / file for file in files], source, target)
            yield Corpus(name, source, target, list(islice(corpus.pairs(), most)))
        except DataError as error:
            say(f"{name}: left out: {error}")


def _mojibake(text: str) -> str:
    """Read UTF-8 as windows-1252, and what that does not know as ISO 8859-1."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())


DAMAGES: dict[str, Callable[[Pairs], Pairs]] = {
    "translations one line off": lambda pairs: [
        (source, target) for (source, _), (_, target) in pairwise(pairs)
    ],
    "translations at random": lambda pairs: [
        (source, pairs[(number * 7919 + 13) % len(pairs)][1])
        for number, (source, _) in enumerate(pairs)
    ],
    "UTF-8 read as windows-1252": lambda pairs: [
        (_mojibake(source), _mojibake(target)) for source, target in pairs
    ],
    "sides changed over": lambda pairs: [(target, source) for source, target in pairs],
    "not translated": lambda pairs: [(source, source) for source, _ in pairs],
    "a third language": lambda pairs: [
        (source, THIRD[number % len(THIRD)]) for number, (source, _) in enumerate(pairs)
    ],
    "the first third of a translation": lambda pairs: [
        (source, target[: len(target) // 3]) for source, target in pairs
    ],
    "two words, eight times": lambda pairs: [
        (source, " ".join(target.split()[:2] * 8)) for source, target in pairs
    ],
    "a tag around a translation": lambda pairs: [
        (source, f"<p>{target}</p>") for source, target in pairs
    ],
    "other numbers": lambda pairs: [
        (source, re.sub(r"\d+", lambda found: str(int(found[0]) + 11), target))
        if re.search(r"\d", source) else (source, target)
        for source, target in pairs
    ],
    "every pair twice": lambda pairs: [pair for pair in pairs for _ in range(2)],
}  # fmt: skip


def good_text(corpora: Sequence[Corpus]) -> str:
    """Show what each filter alone drops of good text, and all in turn."""
    rows = []
    for config in ALL:
        shares = (_share(each.build([config]).reasons(each.pairs)) for each in corpora)
        rows.append([f"`{config.kind}`", *map(_percent, shares)])
    for name, filters in (("`standard`", STANDARD), ("all", ALL)):
        shares = (_share(each.build(filters).reasons(each.pairs)) for each in corpora)
        rows.append([name, *map(_percent, shares)])
    return table(["filter", *_heads(corpora)], rows)


def damaged_text(corpora: Sequence[Corpus]) -> str:
    """Show what is dropped of damaged text: by ``standard``, and with ``language``."""
    rows = []
    for name, damage in DAMAGES.items():
        row, names = [name], Counter[str]()
        for corpus in corpora:
            reasons = corpus.build(STANDARD).reasons(corpus.pairs)
            pairs = zip(corpus.pairs, reasons, strict=True)
            good = [pair for pair, reason in pairs if reason is None]
            damaged = damage(good)
            found = [corpus.build(each).reasons(damaged) for each in (STANDARD, ALL)]
            # What damage leaves as it is does not count, but what comes twice does.
            known = set(good) if name != "every pair twice" else set()
            counted = [row for row, pair in enumerate(damaged) if pair not in known]
            shares = [_share([each[row] for row in counted]) for each in found]
            row.append(" / ".join(map(_percent, shares)) if len(counted) >= 20 else "–")
            names.update(reason.name for reason in found[1] if reason)
        commonest = ", ".join(reason for reason, _ in names.most_common(3))
        rows.append([*row, commonest])
    return table(["damage", *_heads(corpora), "commonest reasons"], rows)


def costs(corpora: Sequence[Corpus], rounds: int) -> str:
    """Show microseconds a pair of each filter alone, and of all in turn."""
    rows = []
    sets: list[tuple[str, Sequence[AnyFilter]]] = [("only blank sides", ())]
    sets += [(f"`{config.kind}`", [config]) for config in ALL]
    sets += [("`standard`", STANDARD), ("all", ALL)]
    for name, filters in sets:
        micros = [_microseconds(corpus, filters, rounds) for corpus in corpora]
        rows.append([name, *(f"{each:.1f}" for each in micros)])
        say(f"{name}: {rows[-1][1:]}")
    return table(["filter", *_heads(corpora)], rows)


def _microseconds(corpus: Corpus, filters: Sequence[AnyFilter], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        built = corpus.build(filters)
        began = time.process_time()
        built.reasons(corpus.pairs)
        taken.append(time.process_time() - began)
    return 1e6 * min(taken) / len(corpus.pairs)


def _heads(corpora: Sequence[Corpus]) -> list[str]:
    return [f"{each.name} ({len(each.pairs):,})" for each in corpora]


def _share(reasons: Sequence[Reason | None]) -> float:
    return sum(reason is not None for reason in reasons) / max(1, len(reasons))


def _percent(share: float) -> str:
    return f"{share:.2%}" if 0 < share < 0.1 else f"{share:.0%}"


def main() -> None:
    """Measure, and write or print the tables."""
    parser = argparse.ArgumentParser(description="Measure what filters drop and cost.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--pairs", type=int, default=10_000, help="most pairs of each corpus")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of timing")
    parser.add_argument("--output", type=Path, help="where the record goes")
    options = parser.parse_args()
    about = facts(1)
    corpora = list(read_corpora(options.data, options.pairs))
    parts = {
        "What is dropped of good text, by each filter alone and by all in turn:": good_text(
            corpora
        ),
        "What `standard` drops of damaged text, and with `language`:": damaged_text(corpora),
        "Microseconds of CPU time a pair:": costs(corpora, options.rounds),
    }
    text = "\n\n".join(f"{head}\n\n{part}" for head, part in parts.items())
    listed = "\n".join(f"- {name}: {value}" for name, value in about.items())
    text = f"# What cleaning drops, and what it costs\n\n{listed}\n\n{text}\n"
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
