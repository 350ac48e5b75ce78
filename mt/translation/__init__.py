"""Text in, text out, same order; nothing of torch is imported until an engine needs it."""

from mt.translation.config import TranslationConfig
from mt.translation.constraints import ConstrainedLine
from mt.translation.contract import Translation
from mt.translation.loading import load_translator
from mt.translation.translator import Translator

__all__ = ["ConstrainedLine", "Translation", "TranslationConfig", "Translator", "load_translator"]
