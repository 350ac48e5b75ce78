"""Positions of tokens in their sentence: as vectors added to embeddings, rotations, or distances.

``contract.py`` has the interfaces of the three ways, ``config.py`` what a recipe may choose.
"""
