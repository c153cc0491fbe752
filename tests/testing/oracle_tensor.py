"""A tensor as the oracle sees one: codes, a table of integers, zero points, scale groups."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


def tensor(
    codes,
    table,
    *,
    shifts=False,
    zero_point=0,
    axis=None,
    group=None,
    group_axis=None,
):
    """`table` is indexed by bit pattern; its length is a power of two; a row a plane."""
    table = np.asarray(table, dtype=np.int64)
    fmt = SimpleNamespace(
        integers=lambda: table,
        code_bits=table.shape[-1].bit_length() - 1,
        shifts=shifts,
        planes=1 if table.ndim == 1 else len(table),
    )
    return SimpleNamespace(
        codes=np.asarray(codes),
        format=fmt,
        scale=1.0,
        zero_point=np.asarray(zero_point),
        axis=axis,
        group=group,
        group_axis=group_axis,
    )


def signed_table(bits):
    """N of each bit pattern of a two's complement code."""
    return [*range(2 ** (bits - 1)), *range(-(2 ** (bits - 1)), 0)]
