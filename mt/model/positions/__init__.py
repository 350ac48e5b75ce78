"""Where a token stands in its sentence: as a vector added to it, as a rotation, or as distances.

``contract.py`` says what the three ways have in common, ``config.py`` what a recipe may choose.
"""
