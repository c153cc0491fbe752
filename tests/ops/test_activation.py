"""clamp, relu and lookup on every code."""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs

S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)


@pytest.mark.parametrize("fmt", [S8, U8, qs.Affine(4, narrow=True)], ids=repr)
def test_clamp_every_code(fmt: qs.Affine) -> None:
    """min(max(code, minimum), maximum); format, scale and zero point stay."""
    codes = np.arange(fmt.code_min, fmt.code_max + 1)
    x = qs.QTensor(codes, fmt, 0.5, 1)
    for low, high in ((fmt.code_min, fmt.code_max), (0, 3), (2, 2), (fmt.code_min, 0)):
        y = qs.ops.clamp(x, low, high)
        assert y.codes.tolist() == [min(max(c, low), high) for c in codes.tolist()]
        assert (y.format, float(y.scale), int(y.zero_point)) == (fmt, 0.5, 1)


def test_clamp_keeps_channels() -> None:
    """Scales and zero points per channel and group stay where they are."""
    codes = np.arange(-6, 6).reshape(2, 6)
    x = qs.QTensor(codes, S8, [[1.0, 2.0], [3.0, 4.0]], [[0, 1], [2, 3]], 0, 4, 1)
    y = qs.ops.clamp(x, -2, 3)
    assert y == qs.QTensor(np.clip(codes, -2, 3), S8, x.scale, x.zero_point, 0, 4, 1)


@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
def test_relu_every_code(zero_point: int) -> None:
    """Real numbers below 0 become 0."""
    x = qs.QTensor(np.arange(-128, 128), S8, 0.25, zero_point)
    y = qs.ops.relu(x)
    assert y.real().tolist() == np.maximum(x.real(), 0.0).tolist()


@pytest.mark.parametrize(
    "fmt", [S8, U8, qs.Affine(3), qs.LogQuant(2, signed=True), qs.APoT(4)], ids=repr
)
def test_lookup_every_code(fmt: qs.Format) -> None:
    """The table is indexed by the bit pattern, two's complement for signed codes."""
    table = np.random.Generator(np.random.PCG64(1)).integers(-128, 128, 1 << fmt.code_bits)
    codes = np.arange(fmt.code_min, fmt.code_max + 1)
    y = qs.ops.lookup(qs.QTensor(codes, fmt), table, qs.Encoding(S8, 0.5, 3))
    assert y.codes.tolist() == [int(table[c % (1 << fmt.code_bits)]) for c in codes.tolist()]
    assert (float(y.scale), int(y.zero_point)) == (0.5, 3)


def test_any_shape() -> None:
    """None, one, or three axes; no elements."""
    table = np.arange(256)[::-1]
    for shape in ((), (0,), (3,), (2, 0, 2), (2, 3, 4)):
        x = qs.QTensor(np.full(shape, 7), U8)
        assert (
            qs.ops.lookup(x, table, qs.Encoding(U8)).codes.tolist() == np.full(shape, 248).tolist()
        )
        assert qs.ops.clamp(x, 0, 5).codes.tolist() == np.full(shape, 5).tolist()
        assert qs.ops.relu(x).codes.shape == shape


def test_refused() -> None:
    """Formats without order, ranges outside the codes, tables of other lengths or codes."""
    x, errors = qs.QTensor([1, 2], S8), qs.errors
    with pytest.raises(errors.OperandError, match="format=APoT"):
        qs.ops.clamp(qs.QTensor([1], qs.APoT(4)), 0, 1)
    for low, high in ((-129, 0), (0, 128)):
        with pytest.raises(errors.CodeError, match=r"m..imum=.*allowed: -128..127"):
            qs.ops.clamp(x, low, high)
    with pytest.raises(errors.DatapathError, match="min=3, max=2"):
        qs.ops.clamp(x, 3, 2)
    with pytest.raises(errors.DatapathError, match=r"min=0\.5"):
        qs.ops.clamp(x, 0.5, 2)
    with pytest.raises(errors.ShapeError, match=r"zero_point.shape=\(2,\)"):
        qs.ops.relu(qs.QTensor([1, 2], S8, zero_point=[0, 1], axis=0))
    with pytest.raises(errors.ShapeError, match=r"shape=\(128,\), allowed: \(256,\)"):
        qs.ops.lookup(x, np.arange(128), qs.Encoding(S8))
    with pytest.raises(errors.CodeError, match=r"200, allowed: -128..127"):
        qs.ops.lookup(x, np.full(256, 200), qs.Encoding(S8))
    with pytest.raises(errors.DatapathError, match="dtype=float64"):
        qs.ops.lookup(x, np.zeros(256), qs.Encoding(S8))
