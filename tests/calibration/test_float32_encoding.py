"""Encoders in float32 against exact fractions, each operation rounded by itself."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.calibration import float32_encoding

F = np.float32
S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
NAMES = ("divide", "reciprocal", "fused")
rng = np.random.Generator(np.random.PCG64(5))


def to_float32(value: Fraction) -> Fraction:
    """The nearest float32, ties to even; no subnormals here."""
    if value == 0:
        return value
    exponent = floor(np.log2(float(abs(value))))
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (exponent - 23)
    return round(value / unit) * unit  # round: ties to even


def half_away(value: Fraction) -> int:
    magnitude = floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def expected(
    x: float, scale: float, zero_point: int, arithmetic: str, rounding: str, fmt: qs.Affine
) -> int:
    """The docstring's formula."""
    number, s = Fraction(float(F(x))), Fraction(float(F(scale)))
    rule = {"half_even": round, "half_away": half_away}[rounding]
    if arithmetic == "divide":
        code = rule(to_float32(number / s)) + zero_point
    elif arithmetic == "reciprocal":
        code = rule(to_float32(number * to_float32(1 / s))) + zero_point
    else:
        code = rule(to_float32(number * to_float32(1 / s) + zero_point))
    return min(max(code, fmt.code_min), fmt.code_max)


def reals(scale: float) -> np.ndarray:
    """Half steps, the float32 numbers beside them, small numbers, and large ones."""
    half = (np.arange(-300, 300) * F(scale) / F(2)).astype(F)
    beside = [np.nextafter(half, F(side)) for side in (-np.inf, np.inf)]
    tiny = rng.normal(0, scale * 2.0**-26, 60).astype(F)
    return np.concatenate([half, *beside, tiny, [F(3e38), F(-3e38)]])


@pytest.mark.parametrize("rounding", ["half_even", "half_away"])
@pytest.mark.parametrize("arithmetic", NAMES)
@pytest.mark.parametrize(
    ("scale", "zero_point", "fmt"), [(0.5, 1, U8), (0.1, 37, U8), (0.0371, -7, S8), (3.0, 0, S8)]
)
def test_formulas(scale, zero_point, fmt, arithmetic, rounding) -> None:
    x = reals(scale)
    q = qs.quantize(
        x, fmt, scale=scale, zero_point=zero_point, arithmetic=arithmetic, rounding=rounding
    )
    wanted = [expected(float(v), scale, zero_point, arithmetic, rounding, fmt) for v in x]
    assert q.codes.tolist() == wanted
    assert float(q.scale) == float(F(scale))
    assert (q.format, int(q.zero_point)) == (fmt, zero_point)


def test_the_four_are_told_apart() -> None:
    """On half steps, no two arithmetics of a few scales make the same codes."""
    codes = {}
    for name in ("exact", *NAMES):
        codes[name] = [
            qs.quantize(reals(scale), U8, scale=scale, zero_point=37, arithmetic=name).codes
            for scale in (0.1, 0.0371, 0.013)
        ]
    for first in codes:
        for second in codes:
            same = all(map(np.array_equal, codes[first], codes[second]))
            assert same == (first == second), (first, second)


def test_a_sum_that_float32_rounds_to_a_tie() -> None:
    """1 + 2**-53 stays 1; F(1/2 - 2**-25 + 1) is the tie 1.5, which goes to 2."""
    x = F(2.0**-53)
    q = qs.quantize([x, -x, F(0.5) - F(2.0**-25)], S8, scale=1.0, zero_point=1, arithmetic="fused")
    assert q.codes.tolist() == [1, 1, 2]


def test_one_rounding_on_random_numbers() -> None:
    """Products of 48 bits, most of them far below the addend, half of them beside float32 ties."""
    addend = rng.integers(-128, 256, 4000)
    factor = rng.uniform(1, 2, 4000).astype(F)
    spacing = np.spacing(np.maximum(np.abs(addend), 1).astype(F)).astype(np.float64)
    tie = (rng.integers(-50, 50, 4000) + 0.5) * spacing
    x = (tie / factor * 2.0 ** rng.choice([0, 0, -9, -40], 4000)).astype(F)
    found = float32_encoding._fused(x, factor, addend)
    for a, b, c, y in zip(x, factor, addend, found, strict=True):
        exact = Fraction(float(a)) * Fraction(float(b)) + int(c)
        assert Fraction(float(y)) == to_float32(exact)


def test_channels_and_fitted_scales() -> None:
    """Scales, one a channel, are rounded to float32 and kept so."""
    x = rng.normal(0, 1, (3, 50))
    for name in NAMES:
        q = qs.quantize(x, S8, axis=0, arithmetic=name)
        assert (q.scale == q.scale.astype(F)).all()
        for row, scale, codes in zip(x, q.scale, q.codes, strict=True):
            one = qs.quantize(row, S8, scale=scale, arithmetic=name)
            assert one.codes.tolist() == codes.tolist()


def test_refused() -> None:
    e = qs.errors
    for error, match, options in (
        (e.DatapathError, "arithmetic='float'", {"fmt": S8, "arithmetic": "float"}),
        (e.OperandError, "allowed: Affine", {"fmt": qs.LogQuant(3), "arithmetic": "divide"}),
        (e.QuantizationError, "scale=1e-300", {"fmt": S8, "scale": 1e-300, "arithmetic": "divide"}),
        (e.QuantizationError, "1 / scale", {"fmt": S8, "scale": 2.0**-140, "arithmetic": "fused"}),
        (e.QuantizationError, "nan", {"fmt": S8, "x": [np.nan], "arithmetic": "divide"}),
    ):
        with pytest.raises(error, match=match):
            qs.quantize(**{"x": [1.0], **options})
