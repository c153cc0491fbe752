"""weighted_add against XNNPACK's sum in Python integers: all 65536 pairs for a few scales."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest

import pyqsim as qs

S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
CASES = [
    (S8, 0.5, 0, S8, 0.5, 0, S8, 1.0, 0),
    (S8, 0.1, -128, S8, 0.037, 127, S8, 0.11, 3),
    (U8, 0.02, 3, U8, 1.7, 251, U8, 1.9, 128),
    (S8, 1.0, 5, U8, 0.0039, 255, S8, 0.9, -7),
    (S8, 255.0, 17, S8, 2.0**-10, 1, S8, 1.0, 100),
    (S8, 0.129, 0, S8, 0.0959, 0, S8, 0.0482, 0),  # 19 or 21 bits of multiplier: other codes
]


def exact(case: tuple[Any, ...], sign: int) -> tuple[int, int, int]:
    """Both multipliers and the shift, from exact fractions of float32 numbers."""
    ratios = [Fraction(float(np.float32(case[i]) / np.float32(case[7]))) for i in (1, 4)]
    exponent = next(e for e in range(8, -11, -1) if max(ratios) >= Fraction(2) ** e)
    scaled = [ratio * Fraction(2) ** (20 - exponent) for ratio in ratios]
    return round(scaled[0]), sign * round(scaled[1]), 20 - exponent  # round: ties to even


@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_all_pairs(case: tuple[Any, ...], subtract: bool) -> None:
    fx, sx, zx, fy, sy, zy, fmt, so, zo = case
    a, b, shift = exact(case, -1 if subtract else 1)
    x = np.arange(fx.code_min, fx.code_max + 1)[:, None]
    y = np.arange(fy.code_min, fy.code_max + 1)[None, :]
    observed = qs.ops.weighted_add(
        qs.QTensor(x, fx, sx, zx),
        qs.QTensor(y, fy, sy, zy),
        qs.Encoding(fmt, so, zo),
        subtract=subtract,
    )
    total = (x - zx) * a + (y - zy) * b
    expected = np.clip(((total + (1 << (shift - 1))) >> shift) + zo, fmt.code_min, fmt.code_max)
    np.testing.assert_array_equal(observed.codes, expected)
    assert (observed.format, float(observed.scale), int(observed.zero_point)) == (fmt, so, zo)


def test_a_tie_by_hand() -> None:
    """(3 - 8) / 2 = -2.5 goes up to -2."""
    x, y = qs.QTensor([3], S8, 0.5), qs.QTensor([8], S8, 0.5)
    assert qs.ops.weighted_add(x, y, qs.Encoding(S8), subtract=True).codes.tolist() == [-2]
    assert floor(Fraction(-5, 2) + Fraction(1, 2)) == -2


@pytest.mark.parametrize("shapes", [((), ()), ((3,), ()), ((2, 1, 4), (3, 1)), ((0, 3), (3,))])
def test_shapes_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    x, y = (np.full(shape, 5) for shape in shapes)
    observed = qs.ops.weighted_add(qs.QTensor(x, S8), qs.QTensor(y, S8), qs.Encoding(S8))
    assert observed.codes.tolist() == (x + y).tolist()


def test_refused() -> None:
    good, out, e = qs.QTensor([3], S8), qs.Encoding(S8), qs.errors
    for error, match, call in (
        (e.OperandError, "x: format=.*16",
         lambda: qs.ops.weighted_add(qs.QTensor([3], qs.Affine(16)), good, out)),
        (e.OperandError, "y: format=LogQuant",
         lambda: qs.ops.weighted_add(good, qs.QTensor([3], qs.LogQuant(3)), out)),
        (e.ShapeError, r"x: \(2,\), y: \(3,\)",
         lambda: qs.ops.weighted_add(qs.QTensor([3, 4], S8), qs.QTensor([1, 2, 3], S8), out)),
        (e.QuantizationError, "scale of y / scale of the result=256.0",
         lambda: qs.ops.weighted_add(good, qs.QTensor([3], S8, 256.0), out)),
        (e.QuantizationError, "scale of x / scale of the result=0.0",
         lambda: qs.ops.weighted_add(qs.QTensor([3], S8, 2.0**-11), good, out)),
        (e.DatapathError, "subtract=2", lambda: qs.ops.weighted_add(good, good, out, subtract=2)),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()
