"""Attention: compare a query with keys, and sum values accordingly. One small file per kind.

``contract.py`` has the interface of every kind, ``config.py`` what a recipe may choose.
"""
