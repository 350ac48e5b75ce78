"""Hand-written kernels for CPUs, each beside torch's plain way, which other devices use.

A kernel is a function of tensors that knows no model, and chooses by device itself. Cross-entropy
alone is computed alike everywhere, as it saves memory everywhere. Parity tests of the same names
hold each kernel to torch's own.
"""
