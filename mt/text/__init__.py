"""Strings to pieces and back."""
