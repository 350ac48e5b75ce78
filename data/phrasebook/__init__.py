"""An English-German phrasebook made by a grammar, with gold word alignments.

``python data/phrasebook OUT_DIR`` writes the corpus; the names below serve those who want it in
Python. The README in this folder tells what the language covers and how its words are linked.
"""

from phrasebook.corpus import KINDS, MAX_PAIRS, CorpusError, distinct_pairs, draw
from phrasebook.splits import Splits, deal, write
from phrasebook.words import Pair, tokenize

__all__ = [
    "KINDS",
    "MAX_PAIRS",
    "CorpusError",
    "Pair",
    "Splits",
    "deal",
    "distinct_pairs",
    "draw",
    "tokenize",
    "write",
]
