"""Hand-written kernels for CPUs, each beside torch's plain way, which other devices use.

A kernel is a function of tensors that knows no model, and chooses by device itself. Cross-entropy
is computed in chunks everywhere, as they save memory everywhere. Parity tests of the same names
hold each kernel to torch's own.
"""
