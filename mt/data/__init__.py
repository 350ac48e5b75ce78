"""Files to pairs to a prepared store to batches."""

from mt.data.config import DataConfig

__all__ = ["DataConfig"]
