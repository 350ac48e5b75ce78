"""Tensors in, tensors out: encoder-decoder models and what they are made of.

What a recipe may choose stands in the ``config.py`` of each folder and is read without torch.
"""
