"""Requantize schemes on every 16-bit accumulator and at every corner, against their sources."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import (
    INT32,
    Array,
    double,
    half_up_twice,
    quantize_multiplier,
    rounded,
    single,
)

import pyqsim as qs
from pyqsim.requantize import (
    DoubleRounding,
    FloatChain,
    FloatFactor,
    FloatScale,
    Multiplier,
    PowerOfTwoFactor,
    ShiftOnly,
    SingleRounding,
    onednn_chain,
)

MULTIPLIERS = (2**30, 2**30 + 1, 2**30 + 12345, 1518500250, 2**31 - 2, 2**31 - 1, 0)
SHIFTS = (-31, -30, -20, -9, -3, -2, -1, 0, 1, 2, 7, 15, 30)


def accumulators() -> Array:
    """All 16-bit numbers, every power of two up to 2**31 and its neighbours, the ends of int32."""
    powers = [s * 2**e + d for e in range(32) for s in (1, -1) for d in (-2, -1, 0, 1, 2)]
    corners = [v for v in (*powers, *INT32, INT32[0] + 1) if INT32[0] <= v <= INT32[1]]
    return np.concatenate([np.arange(-(2**15), 2**15), np.array(sorted(set(corners)))])


FORMULAS = {
    DoubleRounding(): double,
    DoubleRounding("half_up"): half_up_twice,
    SingleRounding(): single,
}


def same(x: Array, observed: Array, expected: Array, what: str) -> None:
    wrong = np.flatnonzero(np.asarray(observed != expected))
    if len(wrong):
        i = wrong[0]
        pytest.fail(f"{what} x={x[i]}: observed {observed[i]}, expected {expected[i]}")


@pytest.mark.parametrize("scheme", FORMULAS, ids=repr)
def test_integer_schemes(scheme: Any) -> None:
    """All accumulators, seven multipliers, thirteen shifts."""
    x = accumulators()
    for m in MULTIPLIERS:
        for s in SHIFTS:
            observed = scheme.apply(x, Multiplier(m, s))
            assert observed.dtype == np.int32
            same(x, observed, FORMULAS[scheme](x, m, s), f"{scheme} m={m} s={s}")


@pytest.mark.parametrize("scheme", FORMULAS, ids=repr)
def test_per_channel(scheme: Any) -> None:
    """One multiplier and shift a column."""
    rng = np.random.Generator(np.random.PCG64(21))
    m, s = rng.integers(2**30, 2**31, 40), rng.integers(-31, 31, 40)
    x = rng.integers(*INT32, (300, 40), endpoint=True)
    expected = np.stack(
        [FORMULAS[scheme](x[:, i], int(m[i]), int(s[i])) for i in range(40)], axis=1
    )
    same(x.ravel(), scheme.apply(x, Multiplier(m, s)).ravel(), expected.ravel(), repr(scheme))


def test_zero_point_and_clamp_follow() -> None:
    """Codes: clamp(scaled + zero_point)."""
    x = accumulators()
    for scheme, formula in FORMULAS.items():
        for zero_point, clamp in ((-5, (-128, 127)), (3, (3, 9)), (0, (0, 255))):
            observed = scheme.apply(
                x, Multiplier(1518500250, -4), zero_point=zero_point, clamp=clamp
            )
            expected = np.clip(formula(x, 1518500250, -4) + zero_point, *clamp)
            same(x, observed, expected, f"{scheme} zero_point={zero_point} clamp={clamp}")


def test_beyond_int32_is_refused() -> None:
    """The schemes are defined on int32."""
    for scheme in FORMULAS:
        for x in (INT32[0] - 1, INT32[1] + 1):
            with pytest.raises(qs.errors.AccumulatorRangeError, match="input"):
                scheme.apply([x], Multiplier(2**30, 0))


def test_single_and_double_differ_on_500_of_8000() -> None:
    """A known CMSIS-NN case: multiplier 2**30 + 12345, shift -3, accumulators -4000..3999.

    m * 2**(-3 - 31) is a little above 1/16, so that -3991 stands at -249.44 after one rounding;
    the doubling multiply first rounds -1995.5 to -1996 and -249.5 then goes away from zero.
    """
    x = np.arange(-4000, 4000)
    parameters = Multiplier(2**30 + 12345, -3)
    once, twice = SingleRounding().apply(x, parameters), DoubleRounding().apply(x, parameters)
    assert int((once != twice).sum()) == 500
    at = -3991 + 4000
    assert (int(once[at]), int(twice[at])) == (-249, -250)
    exact = Fraction(-3991 * (2**30 + 12345), 2**34)
    assert Fraction(-4989, 20) < exact < Fraction(-249)


def test_doubling_high_mul_ties_go_up_and_the_divide_away() -> None:
    """gemmlowp: -1.5 -> -1, -0.5 -> 0 in the multiply; -1.5 -> -2, -0.5 -> -1 in the divide."""
    half = Multiplier(2**30, 0)  # 1/2, in the multiply alone
    assert DoubleRounding().apply([-3, -1, 1, 3], half).tolist() == [-1, 0, 1, 2]
    assert DoubleRounding().apply([-6, -2, 2, 6], Multiplier(2**30, -1)).tolist() == [-2, -1, 1, 2]


# -- float and shift schemes -----------------------------------------------------------------------


def to_float32(v: Fraction) -> Fraction:
    """Nearest float32, ties to even, subnormals included; no overflow."""
    if v == 0:
        return v
    exponent = max(math.floor(math.log2(abs(v))), -126)
    while abs(v) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(v) < Fraction(2) ** exponent and exponent > -126:
        exponent -= 1
    unit = Fraction(2) ** (exponent - 23)
    return round(v / unit) * unit  # Python rounds halves to even


SCALES = (0.5, 2.0**-24, 0.1, 1 / 3, 1.9999999, 3e-7, 1e-38, 1e-44, 1.0, 37.25, 2.0**20)


def float_accumulators() -> list[int]:
    rng = np.random.Generator(np.random.PCG64(23))
    ties = [s * (2**e + d) for e in range(22, 40) for s in (1, -1) for d in range(-3, 4)]
    small = range(-40, 41)
    wide = rng.integers(*INT32, 150).tolist()
    ends = [*INT32, INT32[0] - 1, 2**63 - 1, -(2**63), 2**62 + 1]
    return [*small, *ties, *wide, *ends]


@pytest.mark.parametrize("scale", SCALES)
def test_float_scale_is_exact_arithmetic_rounded_twice(scale: float) -> None:
    """rint(F(F(x) * scale)) with every F and rint done on Fractions."""
    factor = FloatScale().encode(scale)
    exact = Fraction(float(factor.scale))
    assert exact == to_float32(Fraction(scale))
    x = float_accumulators()
    expected = [round(to_float32(to_float32(Fraction(v)) * exact)) for v in x]
    clipped = np.clip(np.array(expected, dtype=object), *INT32)
    observed = FloatScale().apply(x, factor)
    same(np.array(x, dtype=object), observed, clipped, f"FloatScale {scale}")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("zero_point", "low", "high"), [(0, -128, 127), (-3, -128, 127), (7, 0, 9)]
)
def test_float_scale_clamped_before(scale: float, zero_point: int, low: int, high: int) -> None:
    """XNNPACK: min and max in float, then rint, then the zero point."""
    factor = FloatScale("before").encode(scale)
    exact = Fraction(float(factor.scale))
    x = float_accumulators()
    products = [to_float32(to_float32(Fraction(v)) * exact) for v in x]
    bounds = (Fraction(low - zero_point), Fraction(high - zero_point))
    expected = [round(min(max(p, bounds[0]), bounds[1])) + zero_point for p in products]
    observed = FloatScale("before").apply(x, factor, zero_point=zero_point, clamp=(low, high))
    same(np.array(x, dtype=object), observed, np.array(expected), f"{scale} {zero_point}")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("zero_point", [0, 1, -3, 255, 2**31 - 1])
def test_float_scale_after_the_zero_point(scale: float, zero_point: int) -> None:
    """oneDNN: the zero point is added in float32, then rint."""
    factor = FloatScale().encode(scale)
    exact = Fraction(float(factor.scale))
    x = float_accumulators()
    products = [to_float32(to_float32(Fraction(v)) * exact) for v in x]
    moved = [round(to_float32(p + to_float32(Fraction(zero_point)))) for p in products]
    expected = np.clip(np.array(moved, dtype=object), *INT32)
    observed = FloatScale(zero_point="before").apply(x, factor, zero_point=zero_point)
    same(np.array(x, dtype=object), observed, expected, f"{scale} {zero_point}")


def test_zero_points_of_int64() -> None:
    """What rounding leaves, at most 2**31 - 1 or at least -2**31, minus the zero point, fits int64.

    1 - 2**63 is rounded to -2**31, and 2**63 - 2**31 fits; 2**31 - 1 + 2**63 does not.
    """
    scheme, zero_point = FloatScale(zero_point="before"), -(2**63)
    assert scheme.apply([1], FloatFactor(1.0), zero_point=zero_point).tolist() == [-(2**31)]
    with pytest.raises(qs.errors.AccumulatorRangeError):
        scheme.apply([2**30], FloatFactor(2.0**40), zero_point=zero_point)


@pytest.mark.parametrize("place", ["after", "before"])
@pytest.mark.parametrize("scale", SCALES)
def test_float_chain(scale: float, place: str) -> None:
    """Four operations, each rounded to float32, on Fractions; per channel along the last axis."""
    scheme = FloatScale(zero_point=place)
    first = np.float32(scale)
    second, last = np.array([0.7, 1, 3], np.float32), np.array([1, 1.1, 1 / 3], np.float32)
    addend = np.array([0.1, -1e9, 3.5], np.float32)
    x = float_accumulators()
    observed = scheme.apply(
        np.array(x)[:, None] + np.zeros(3, np.int64),
        FloatChain(first, second, addend, last),
        zero_point=5,
        clamp=INT32,
    )
    for n in range(3):
        expected = []
        for v in x:
            y = to_float32(to_float32(Fraction(v)) * Fraction(float(first)))
            y = to_float32(y * Fraction(float(second[n])))
            y = to_float32(y + Fraction(float(addend[n])))
            y = to_float32(y * Fraction(float(last[n])))
            if place == "before":
                expected.append(min(max(round(to_float32(y + 5)), INT32[0]), INT32[1]))
            else:
                held = min(max(round(y), INT32[0]), INT32[1])
                expected.append(min(held + 5, INT32[1]))
        same(np.array(x, dtype=object), observed[:, n], np.array(expected), f"{scale} {n}")


def test_onednn_scales_come_back() -> None:
    """1 / (1 / s) in float32 is another number for one in seven or so."""
    scales = np.random.Generator(np.random.PCG64(3)).uniform(0.001, 1, 1000).astype(np.float32)
    one = np.float32(1)
    twice = one / (one / scales)
    assert 50 < (twice != scales).sum() < 500
    linear = onednn_chain(scales[0], scales, scales[1], 0.1)
    conv = onednn_chain(scales[0], scales, scales[1], operator="conv")
    assert (linear.second == twice).all()
    assert (conv.second == scales).all()
    assert linear.first == twice[0] == conv.first
    assert linear.last == one / scales[1]
    assert (linear.addend, conv.addend) == (np.float32(0.1), 0)
    for operator, weight in (("linear", twice), ("conv", scales)):
        avx2 = onednn_chain(scales[0], scales, scales[1], 0.1, operator=operator, cpu="avx2")
        assert (avx2.first == twice[0] * weight).all()
        assert (avx2.second, avx2.addend, avx2.last) == (1, linear.addend, linear.last)


def test_float_clamp_before_at_the_ends_of_int64() -> None:
    """max - zero_point beyond int64 is still only a large float."""
    wide = FloatScale("before").apply(
        [1, 5], FloatFactor(1.0), zero_point=-1, clamp=(INT32[0], 2**63 - 1)
    )
    assert wide.tolist() == [0, 4]


@pytest.mark.parametrize("rule", qs.modes.ROUNDINGS, ids=repr)
def test_shift_only(rule: qs.Rounding) -> None:
    """round(x * 2**s), saturated to 32 or 8 bits."""
    x = accumulators()
    for s in (-33, -31, -7, -1, 0, 1, 8):
        exact = rounded(x << max(s, 0), 1 << max(-s, 0), rule.name or "")
        observed = ShiftOnly(rule).apply(x, PowerOfTwoFactor(s))
        same(x, observed, np.clip(exact, *INT32), f"ShiftOnly {rule} {s}")
        observed = ShiftOnly(rule, 8, "wrap").apply(x, PowerOfTwoFactor(s))
        same(x, observed, (exact + 128) % 256 - 128, f"ShiftOnly {rule} 8 bits {s}")


# -- encode ----------------------------------------------------------------------------------------


def scales() -> list[float]:
    """Powers of two and their neighbours, the carry at 1 - 2**-33, random numbers, subnormals."""
    rng = np.random.Generator(np.random.PCG64(25))
    powers = [2.0**e for e in range(-1074, 30, 7)] + [2.0**e for e in range(-40, 30)]
    near = [
        f(p, d) for p in powers for d in (0.0, math.inf) for f in (math.nextafter,) if f(p, d) > 0
    ]
    carries = [(1 - 2.0**-k) * 2.0**e for k in range(29, 36) for e in (-33, -32, -31, -1, 0, 5)]
    halves = [(2**30 + i + 0.5) * 2.0**-31 for i in range(20)]
    random = np.exp2(rng.uniform(-45, 29.9, 500)).tolist()
    return [s for s in [*powers, *near, *carries, *halves, *random] if s < 2.0**29.99]


def test_encode() -> None:
    """One by one, and all together as channels."""
    expected = [quantize_multiplier(scale) for scale in scales()]
    for scheme in (DoubleRounding(), SingleRounding()):
        for scale, pair in zip(scales(), expected, strict=True):
            p = scheme.encode(scale)
            observed = (int(p.multiplier), int(p.shift))
            assert observed == pair, f"{scheme}.encode({scale!r}): {observed}, expected {pair}"
        together = scheme.encode(scales())
        assert list(zip(together.multiplier, together.shift, strict=True)) == expected


def test_encode_too_large() -> None:
    """Above 2**30 the single-rounding build saturates; the double one has no such rule."""
    for scale in (2.0**30, 2.0**31, 1e300):
        p = SingleRounding().encode(scale)
        assert (int(p.multiplier), int(p.shift)) == (2**31 - 1, 30)
        with pytest.raises(qs.errors.QuantizationError, match="real_scale"):
            DoubleRounding().encode(scale)


def test_encode_refuses() -> None:
    """Scales that are no scales."""
    for scheme in (*FORMULAS, FloatScale(), ShiftOnly()):
        for scale in (0.0, -1.0, math.nan, math.inf, -math.inf):
            with pytest.raises(qs.errors.QuantizationError, match=r"real_scale=.*finite, > 0"):
                scheme.encode(scale)
    with pytest.raises(qs.errors.QuantizationError, match=r"2\*\*-2 or 2\*\*-1"):
        ShiftOnly().encode(0.3)


def test_encode_float_and_shift() -> None:
    """float32, ties to even; powers of two exactly."""
    for scale in scales():
        if scale > 2.0**-140:
            assert Fraction(float(FloatScale().encode(scale).scale)) == to_float32(Fraction(scale))
    for exponent in range(-64, 65):
        assert int(ShiftOnly().encode(2.0**exponent).shift) == exponent
