"""The command line: ``python data/phrasebook OUT_DIR [--pairs N] [--seed S]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from phrasebook.corpus import CorpusError, distinct_pairs
from phrasebook.splits import deal, write


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise CorpusError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the corpus and return the exit code: 0, or 2 for a mistake of the caller's."""
    parser = _Parser(
        prog="phrasebook",
        description="Write an English-German corpus with gold word alignments: "
        "{train,dev,test}.{en,de,align}.",
    )
    parser.add_argument("folder", metavar="OUT_DIR", type=Path, help="where to write")
    parser.add_argument("--pairs", type=int, default=20_000, help="how many pairs (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what to draw from (%(default)s)")
    try:
        options = parser.parse_args(arguments)
        splits = deal(distinct_pairs(options.pairs, options.seed))
        write(splits, options.folder)
    except CorpusError as error:
        print(f"phrasebook: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"phrasebook: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    counts = ", ".join(
        f"{len(pairs)} {name}" for name, pairs in zip(splits._fields, splits, strict=True)
    )
    print(f"phrasebook: {counts} pairs in {options.folder}", file=sys.stderr)
    return 0
