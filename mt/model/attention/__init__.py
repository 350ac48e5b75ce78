"""Attention: compare a query with keys, and sum values accordingly. One small file per kind.

``contract.py`` says what every kind keeps, ``config.py`` what a recipe may choose.
"""
