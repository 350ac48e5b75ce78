"""Hand-written kernels for CPUs, each beside torch's plain way, which other devices use.

A kernel is a function of tensors that knows no model; a parity test holds it to torch's own.
"""
