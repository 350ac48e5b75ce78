"""Synthetic data: pairs of which people wrote one side and a model the other."""
