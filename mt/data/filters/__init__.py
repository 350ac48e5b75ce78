"""Which pairs are not used, and why: one small file for each idea.

A filter is whatever satisfies :class:`Filter`; what a recipe may say of it is a class of
:mod:`mt.data.filters.config`, whose union a new kind joins.
"""

from mt.data.filters.config import STANDARD, FilterConfig, Filters
from mt.data.filters.contract import Filter, PairFilter, Reason
from mt.data.filters.selection import Selection

__all__ = ["STANDARD", "Filter", "FilterConfig", "Filters", "PairFilter", "Reason", "Selection"]
