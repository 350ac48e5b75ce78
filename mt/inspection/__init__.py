"""Inspect a model: record attention, draw it, explain a translation, align words.

Importing this loads nothing; name the module: ``from mt.inspection.recorder import
record_attention``.
"""
