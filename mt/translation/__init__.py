"""Text in, text out, same order."""

from mt.translation.config import TranslationConfig
from mt.translation.translator import Translator, load_translator

__all__ = ["TranslationConfig", "Translator", "load_translator"]
