"""Which word became which: links between the words of sentence pairs, from cross-attention."""

from mt.inspection.alignment.aligner import Aligner, AlignmentConfig, WeightedLinks
from mt.inspection.alignment.links import JOININGS, Joining
from mt.inspection.alignment.reader import PairReader, load_reader
from mt.inspection.alignment.views import View
from mt.inspection.alignment.words import WordKind, split_words

__all__ = [
    "JOININGS",
    "Aligner",
    "AlignmentConfig",
    "Joining",
    "PairReader",
    "View",
    "WeightedLinks",
    "WordKind",
    "load_reader",
    "split_words",
]
