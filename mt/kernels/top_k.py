"""The largest entries of every row."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mt.kernels import native

BLOCK = 64
"""Entries per block, in the compiled kernel too, which finds no more than a block has."""


def top_k(
    rows: Float[Tensor, "rows width"], count: int
) -> tuple[Float[Tensor, "rows count"], Int[Tensor, "rows count"]]:
    """Return the values and the indices of each row's ``count`` largest entries, largest first.

    Equals ``rows.topk(count)``, which other devices use, but is faster for wide rows on a CPU: at
    most ``count`` blocks can hold one of the ``count`` largest values, namely those with the
    largest maxima. The compiled kernel, where it is enabled, does the same without copies; in a row
    with NaN it may find others.
    """
    height, width = rows.shape
    library = native.library(rows)
    fits = rows.dtype == torch.float32 and 0 < count <= min(BLOCK, width)
    if library is not None and fits and not rows.requires_grad:
        return _native_top_k(library, rows.contiguous(), count)
    whole = width // BLOCK
    if rows.device.type != "cpu" or whole <= 2 * count:
        return torch.topk(rows, min(count, width), dim=-1)
    blocks = torch.unflatten(rows[:, : whole * BLOCK], 1, (whole, BLOCK))
    chosen = blocks.amax(dim=-1).topk(count, dim=-1).indices
    columns = (chosen[:, :, None] * BLOCK + torch.arange(BLOCK)).flatten(1)
    rest = torch.arange(whole * BLOCK, width).expand(height, -1)
    columns = torch.cat((columns, rest), dim=1)
    values, indices = rows.gather(1, columns).topk(count, dim=-1)
    return values, columns.gather(1, indices)


def _native_top_k(library: native.Library, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    height, width, threads = native.sizes(rows)
    values = rows.new_empty(height, count)
    indices = torch.empty(height, count, dtype=torch.long)
    library.mt_top_k(
        False, rows.data_ptr(), values.data_ptr(), indices.data_ptr(), height, width, count, threads
    )
    return values, indices
