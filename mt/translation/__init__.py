"""Text in, text out, same order."""

from mt.translation.translator import TranslationConfig, Translator, load_translator

__all__ = ["TranslationConfig", "Translator", "load_translator"]
