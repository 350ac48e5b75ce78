"""Hugging Face transformers; this package writes and reads its files without its code."""
