"""Encoders written from the prose with exact fractions, one number at a time, and hard numbers."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

HALF = Fraction(1, 2)

#: (v, floor of v, part above the floor) -> whether the result is floor + 1.
_RAISES = {
    "floor": lambda v, f, part: False,
    "ceil": lambda v, f, part: part > 0,
    "toward_zero": lambda v, f, part: v < 0 and part > 0,
    "away_from_zero": lambda v, f, part: v > 0 and part > 0,
    "half_up": lambda v, f, part: part >= HALF,
    "half_down": lambda v, f, part: part > HALF,
    "half_away": lambda v, f, part: part > HALF or (part == HALF and v > 0),
    "half_toward_zero": lambda v, f, part: part > HALF or (part == HALF and v < 0),
    "half_even": lambda v, f, part: part > HALF or (part == HALF and f % 2 == 1),
    "half_odd": lambda v, f, part: part > HALF or (part == HALF and f % 2 == 0),
    "to_odd": lambda v, f, part: part > 0 and f % 2 == 0,
    "truncate_magnitude": lambda v, f, part: v < 0,
    "jam": lambda v, f, part: f % 2 == 0,
    "half_even_positive_half_up_negative": lambda v, f, part: (
        part > HALF or (part == HALF and (v < 0 or f % 2 == 1))
    ),
}


def rounded(v: Fraction, rule: str) -> int:
    """Round an exact number by a named rule."""
    f = floor(v)
    return f + _RAISES[rule](v, f, v - f)


def affine(x, scale, zero_point, low, high, rule="half_even"):
    """clamp(round(x / scale) + zero_point)."""
    code = rounded(Fraction(float(x)) / Fraction(float(scale)), rule) + zero_point
    return min(max(code, low), high)


def nearest(x, scale, value_of_code, tie="half_toward_zero"):
    """The code of the nearest value; `value_of_code` has no two equal values."""
    v = Fraction(float(x)) / Fraction(float(scale))
    prefer = abs if tie == "half_toward_zero" else lambda value: -abs(value)
    return min(value_of_code, key=lambda c: (abs(value_of_code[c] - v), prefer(value_of_code[c])))


def rounded_exponent(size: Fraction, rule: str) -> int:
    """round(log2(size)): the exponent e + 1 from the threshold of the rule on, else e."""
    e = size.numerator.bit_length() - size.denominator.bit_length()
    e -= size < Fraction(2) ** e
    assert Fraction(2) ** e <= size < Fraction(2) ** (e + 1)
    ratio = size / Fraction(2) ** e
    up = {
        "floor": False,
        "log": ratio * ratio > 2,
        "linear_up": ratio >= Fraction(3, 2),
        "linear_down": ratio > Fraction(3, 2),
    }
    return e + up[rule]


def log_quant(x, full_scale_range, bits, signed, rule):
    """Clip(Round(log2 x)) with its zero code, on fractions."""
    if x == 0 or (x < 0 and not signed):
        return 0
    e = rounded_exponent(abs(Fraction(float(x))), rule)
    if e <= full_scale_range - 2**bits:
        return 0
    code = 2**bits - 1 if e >= full_scale_range else e - (full_scale_range - 2**bits)
    return code + (2**bits if x < 0 else 0)


SCALES = [1.0, 0.1, 1 / 3, 2 / 255, 0.75, 3e300, 7e-300, 5e-324, 35e-324, 2.0**-1022, 2.0**1023]


def around(points) -> np.ndarray:
    """Numbers (fractions) as doubles, with two neighbours on either side, and their negatives."""
    top = Fraction(np.finfo(np.float64).max)
    near = np.array([float(p) for p in points if abs(p) <= top])
    steps = [near]
    for target in (np.inf, -np.inf):
        last = near
        for _ in range(2):
            last = np.nextafter(last, target)
            steps.append(last)
    numbers = np.concatenate(steps)
    numbers = numbers[np.isfinite(numbers)]
    return np.unique(np.concatenate([numbers, -numbers]))


def hard_numbers(seed: int) -> np.ndarray:
    """Zeros, subnormals, the largest numbers, and random ones of every magnitude."""
    rng = np.random.default_rng(seed)
    extremes = [0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308, -1e308, 1e-310]
    random = np.ldexp(rng.uniform(-1, 1, 200), rng.integers(-1070, 1023, 200))
    return np.concatenate([extremes, random, rng.normal(size=200)])
