"""Translate with CTranslate2; importing this package does not load it."""
