"""A report on parallel text before anything is trained on it: what is in it, and what is wrong.

:func:`report` reads corpora in one pass; :mod:`mt.data.report.page` shows what it found.
"""

from mt.data.report.findings import Finding
from mt.data.report.report import Report, report

__all__ = ["Finding", "Report", "report"]
