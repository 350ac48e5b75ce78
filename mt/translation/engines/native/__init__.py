"""Translate with C++ of our own, compiled on the user's machine; see :mod:`mt.native`."""
