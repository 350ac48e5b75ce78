"""Loops that try to break what docs/reliability.md promises.

They run small among the tests and long by hand::

    python -m tests.reliability kill --rounds 30
"""
