"""Work on text of any size by datatrove: on all cores, by SLURM or Ray, in shards that restart.

A step of a pipeline is ours, as are shards that are complete or absent; what runs where, what is
done already and what is counted is datatrove's affair.
"""

from mt.errors import ConfigError

try:
    import datatrove as _  # noqa: F401
except ImportError:
    raise ConfigError(
        "mt.bulk: expected the package datatrove, but it is not installed; "
        "install it with `pip install 'mt[bulk]'`"
    ) from None

from mt.bulk.checking import Measure, corpora_of, plan_check, report_of
from mt.bulk.cleaning import Clean, plan_cleaning
from mt.bulk.job import Job, summarise
from mt.bulk.translation import Translate, TranslateBatches, TranslationOptions, plan_translation
from mt.bulk.workers import LocalExecutor

__all__ = [
    "Clean",
    "Job",
    "LocalExecutor",
    "Measure",
    "Translate",
    "TranslateBatches",
    "TranslationOptions",
    "corpora_of",
    "plan_check",
    "plan_cleaning",
    "plan_translation",
    "report_of",
    "summarise",
]
