"""Unusual arrays that are fine: strides, byte order, alignment, the ends of int64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyqsim as qs

U8 = qs.Affine(8, signed=False)
DP = qs.Datapath()


def layouts(x: Any) -> dict[str, Any]:
    """The same numbers, laid out in every way numpy knows."""
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, ::3] = x
    read_only = x.copy()
    read_only.setflags(write=False)
    odd = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    odd[:] = x
    return {
        "fortran": np.asfortranarray(x),
        "strided": wide[::2, ::3],
        "negative": np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
        "swapped": x.astype(x.dtype.newbyteorder("S")),
        "read-only": read_only,
        "unaligned": odd,
        "list": x.tolist(),
        "tuple": tuple(map(tuple, x.tolist())),
        "matrix view": np.lib.stride_tricks.as_strided(x.copy(), x.shape, x.strides),
    }


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_layouts(dtype: Any) -> None:
    """Never a wrong number: strides, byte order, alignment, on both sides, plain and QTensor."""
    rng = np.random.Generator(np.random.PCG64(1))
    a, b = rng.integers(0, 128, (4, 5)).astype(dtype), rng.integers(0, 128, (5, 3)).astype(dtype)
    expected = (a.astype(int) @ b.astype(int)).tolist()
    for name, other in layouts(a).items():
        assert qs.matmul(other, b, DP).tolist() == expected, f"a {name}"
        assert qs.matmul(qs.QTensor(other, U8), b, DP).tolist() == expected, f"a QTensor {name}"
    for name, other in layouts(b).items():
        assert qs.matmul(a, other, DP).tolist() == expected, f"b {name}"
        assert qs.matmul(a, qs.QTensor(other, U8), DP).tolist() == expected, f"b QTensor {name}"
    same = np.broadcast_to(a[:1], (4, 5))
    assert qs.matmul(same, b, DP).tolist() == [expected[0]] * 4


def test_layouts_of_data() -> None:
    """The bias, likewise."""
    bias = np.arange(-6, 6).reshape(4, 3)
    zeros = np.zeros((4, 2), int), np.zeros((2, 3), int)
    for reduce, steps in ((qs.Accumulate(), qs.AddBias()), (qs.Accumulate(9, start="bias"), ())):
        datapath = qs.Datapath(reduce=reduce, output=steps)
        for name, other in layouts(bias).items():
            y = qs.matmul(*zeros, datapath, bias=other)
            assert y.tolist() == bias.tolist(), name


def test_ends_of_int64() -> None:
    """The largest exact sums that there are."""
    low, high = -(2**63), 2**63 - 1
    a = np.array([[low], [high]])
    assert qs.matmul(a, [[1]], DP).tolist() == [[low], [high]]
    assert qs.matmul([[1]], a.T, qs.Datapath(reduce=qs.Accumulate(64))).tolist() == [[low, high]]
    big = qs.matmul(np.array([[2**63 - 1]], np.uint64), [[1]], DP)
    assert big.tolist() == [[high]]
    wrap = qs.Datapath(reduce=qs.Accumulate(64, "wrap"))
    assert qs.matmul([[high, 1]], [[1], [1]], wrap).tolist() == [[low]]
    saturate = qs.Datapath(reduce=qs.Accumulate(64, "saturate"))
    y, events = qs.matmul([[high, high, low]], [[1]] * 3, saturate, events=True)
    assert y.tolist() == [[-1]]
    assert events.maximum == 2 * high


def test_broadcast_weights() -> None:
    """A large array without memory of its own is fine where the result is small."""
    k = 2**20
    ones = np.broadcast_to(np.int8(1), (1, k))
    assert qs.matmul(ones, ones.T, DP).tolist() == [[k]]
