"""add against TFLite's ADD in integers: all 65536 pairs of codes for a few scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import double, quantize_multiplier, single

import pyqsim as qs
from pyqsim.requantize import DoubleRounding, SingleRounding

S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
CASES = [
    (S8, 0.5, 0, S8, 0.5, 0, S8, 1.0, 0),
    (S8, 0.1, -128, S8, 0.037, 127, S8, 0.11, 3),
    (U8, 0.02, 3, U8, 1.7, 251, U8, 1.9, 128),
    (S8, 1.0, 5, U8, 0.0039, 255, S8, 0.9, -7),
    (S8, 3.0e-5, 0, S8, 1.0, 1, S8, 2.0, 0),
]


def tflite_add(
    x: Any, y: Any, case: tuple[Any, ...], mbqm: Any, operand: Any = None, sign: int = 1
) -> Any:
    """TFLite's ADD: both operands at 2**20, scaled to twice the larger scale, added, scaled."""
    operand = mbqm if operand is None else operand
    _, sx, zx, _, sy, zy, fmt, so, zo = case
    twice = 2 * max(sx, sy)
    a = operand((x - zx) << 20, *quantize_multiplier(sx / twice))
    b = operand((y - zy) << 20, *quantize_multiplier(sy / twice))
    total = mbqm(a + sign * b, *quantize_multiplier(twice / (2**20 * so))) + zo
    return np.clip(total, fmt.code_min, fmt.code_max)


@pytest.mark.parametrize("scheme", [DoubleRounding(), SingleRounding(), None], ids=repr)
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_all_pairs(case: tuple[Any, ...], scheme: Any) -> None:
    """Codes of both formats along two axes, broadcast."""
    fx, sx, zx, fy, sy, zy, fmt, so, zo = case
    x = np.arange(fx.code_min, fx.code_max + 1)[:, None]
    y = np.arange(fy.code_min, fy.code_max + 1)[None, :]
    observed = qs.ops.add(
        qs.QTensor(x, fx, sx, zx),
        qs.QTensor(y, fy, sy, zy),
        qs.Encoding(fmt, so, zo),
        scheme=scheme,
    )
    expected = tflite_add(x, y, case, single if isinstance(scheme, SingleRounding) else double)
    wrong = np.argwhere(observed.codes != expected)
    if len(wrong):
        m, n = wrong[0]
        pytest.fail(f"{x[m, 0]} + {y[0, n]}: {observed.codes[m, n]}, expected {expected[m, n]}")
    assert (observed.format, float(observed.scale), int(observed.zero_point)) == (fmt, so, zo)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_difference_and_operands_of_another_scheme(case: tuple[Any, ...]) -> None:
    """SUB; and one rounding for the operands, two for the result."""
    fx, sx, zx, fy, sy, zy, fmt, so, zo = case
    x = np.arange(fx.code_min, fx.code_max + 1)[:, None]
    y = np.arange(fy.code_min, fy.code_max + 1)[None, :]
    tensors = qs.QTensor(x, fx, sx, zx), qs.QTensor(y, fy, sy, zy), qs.Encoding(fmt, so, zo)
    for operand_scheme, operand in ((None, double), (SingleRounding(), single)):
        for op, sign in ((qs.ops.add, 1), (qs.ops.subtract, -1)):
            observed = op(*tensors, operand_scheme=operand_scheme)
            expected = tflite_add(x, y, case, double, operand, sign)
            np.testing.assert_array_equal(observed.codes, expected)


def test_operand_schemes_differ() -> None:
    """The operands' scheme is seen: where the smaller operand is a tie at 2**-20."""
    fmt = qs.Affine(8)
    x, y = qs.QTensor(np.arange(-128, 128)[:, None], fmt, 1.0), None
    found = set()
    for scale in (3 * 2.0**-22, 5 * 2.0**-23, 0.0390625 / 0.28125):
        y = qs.QTensor(np.arange(-128, 128), fmt, scale, 91)
        out = qs.Encoding(fmt, 0.15625 / 0.28125, 13)
        results = [qs.ops.add(x, y, out, operand_scheme=s) for s in (None, SingleRounding())]
        found.add(bool((results[0].codes != results[1].codes).any()))
    assert True in found


def test_schemes_differ() -> None:
    """Single and double rounding are not one function here."""
    x = np.arange(-128, 128)
    results = [tflite_add(x[:, None], x[None, :], CASES[1], f) for f in (single, double)]
    assert (results[0] != results[1]).any()


@pytest.mark.parametrize("shapes", [((), ()), ((3,), ()), ((2, 1, 4), (3, 1)), ((0, 3), (3,))])
def test_shapes_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    """Any number of axes, none included."""
    rng = np.random.Generator(np.random.PCG64(2))
    x, y = (rng.integers(-128, 128, shape) for shape in shapes)
    observed = qs.ops.add(
        qs.QTensor(x, S8, 0.1, -128), qs.QTensor(y, S8, 0.037, 127), qs.Encoding(S8, 0.11, 3)
    )
    assert observed.shape == np.broadcast_shapes(*shapes)
    assert observed.codes.tolist() == tflite_add(x, y, CASES[1], double).tolist()


def test_left_shift_of_16_bit_operands() -> None:
    """15 for 16 bits; 20 leaves int32 and is trapped."""
    fmt = qs.Affine(16)
    x = qs.QTensor([-(2**15), 2**15 - 1, 77], fmt, 0.5)
    out = qs.Encoding(fmt, 1.0)
    assert qs.ops.add(x, x, out, left_shift=15).codes.tolist() == [-(2**15), 2**15 - 1, 77]
    with pytest.raises(qs.errors.OverflowTrap):
        qs.ops.add(x, x, out)


def test_refused() -> None:
    """Operands and results are Affine with one scale; the scheme is one of two."""
    good = qs.QTensor([3], S8)
    out = qs.Encoding(S8)
    operand = qs.errors.OperandError
    with pytest.raises(operand, match="x: format=LogQuant"):
        qs.ops.add(qs.QTensor([3], qs.LogQuant(3)), good, out)
    with pytest.raises(operand, match=r"y: .*scale.shape=\(1,\)"):
        qs.ops.add(good, qs.QTensor([3], S8, axis=0), out)
    with pytest.raises(qs.errors.ShapeError, match=r"x: \(2,\), y: \(3,\)"):
        qs.ops.add(qs.QTensor([3, 4], S8), qs.QTensor([1, 2, 3], S8), out)
    with pytest.raises(qs.errors.PyqsimError, match="format=LogQuant"):
        qs.ops.add(good, good, qs.Encoding(qs.LogQuant(3)))
    with pytest.raises(qs.errors.PyqsimError, match="scheme"):
        qs.ops.add(good, good, out, scheme=qs.requantize.FloatScale())
    with pytest.raises(qs.errors.DatapathError, match="operand_scheme=3"):
        qs.ops.subtract(good, good, out, operand_scheme=3)
    with pytest.raises(qs.errors.QuantizationError, match=r"scale=0\.0"):
        qs.ops.add(good, good, qs.Encoding(S8, 0.0))
    with pytest.raises(qs.errors.OperandError, match="x"):
        qs.ops.add([3], good, out)
