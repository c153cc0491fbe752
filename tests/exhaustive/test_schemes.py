"""Every registered scheme, C against the oracle: all 16-bit accumulators, and every corner.

Corners: around every power of two, both ends of int32 (and of wider accumulators), and around every
accumulator at which a result meets the end of a register.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.requantize import (
    CmsisRequantizeS64,
    DoubleFactor,
    EthosU,
    FixedPoint,
    FixedPointFactor,
    FloatChain,
    FloatFactor,
    Multiplier,
    NvdlaOutput,
    NvdlaSdp,
    PowerOfTwoFactor,
    ReducedMultiplier,
    Rndnu,
    TosaScale16,
    TosaScale32,
    registered,
)
from pyqsim.testing.oracle.narrowing import narrowed
from pyqsim.testing.oracle.schemes import (
    FORMULAS,
    Factors,
    FloatNumbers,
    double_scale,
    float_scale,
    shift_only,
)

SCHEMES = registered()
Parameters = Any
ZERO_POINT = -77  # of schemes that add it before rounding

MULTIPLIERS = (2**30, 2**30 + 12345, 1518500250, 2**31 - 1)
LEFT_RIGHT = ((0, -3), (1, -1), (2, 0), (3, -31), (1, 7), (2, -16))  # multiplier's index, shift


def pairs(multipliers: tuple[int, ...], shifts: tuple[int, ...]) -> list[Parameters]:
    """Every shift with a multiplier, the multipliers taking turns."""
    return [
        FixedPointFactor(multipliers[i % len(multipliers)], shift) for i, shift in enumerate(shifts)
    ]


def parameters_of(scheme: Any) -> list[Parameters]:
    """Multipliers and shifts that reach what the scheme does: ties, cuts, wraps, rails."""
    first = scheme.encode(0.25)
    if isinstance(first, Multiplier):
        return [Multiplier(MULTIPLIERS[i], s) for i, s in LEFT_RIGHT]
    if isinstance(first, FloatFactor):
        chain = FloatChain(*map(np.float32, (0.3, 0.7, 1234.56, 1 / 3)))
        return [*(FloatFactor(np.float32(s)) for s in (0.5, 0.1, 37.25)), chain]
    if isinstance(first, DoubleFactor):
        return [DoubleFactor(s) for s in (0.5, 0.1, 37.25)]
    if isinstance(first, PowerOfTwoFactor):
        narrow = "Nvdla" in type(scheme).__name__
        shifts = (-1, -16, -17, -31) if narrow else (-1, -3, -9, 0, 15)
        return [PowerOfTwoFactor(s) for s in shifts]
    if isinstance(scheme, (ReducedMultiplier, CmsisRequantizeS64)):
        return pairs((2**14, 23170, 32767), (15, 8, 18, 46, 30))
    if isinstance(scheme, FixedPoint):
        return pairs((2**15, 46341, 2**16 - 1), (1, 15, 18, 40))
    if isinstance(scheme, TosaScale16):
        return pairs((2**14, 23170, 32767), (2, 15, 18, 62))
    if isinstance(scheme, Rndnu):
        return pairs((2**23, 13421773, 2**24 - 1), (16, 24, 27, 40, 55))
    if isinstance(scheme, TosaScale32):
        return pairs((2**30, 1518500250, 2**31 - 1), (2, 31, 32, 34, 40, 62))
    if isinstance(scheme, EthosU):
        return pairs((2**30, 1518500250, 2**31), (10, 31, 32, 34, 63))
    if isinstance(scheme, (NvdlaSdp, NvdlaOutput)):
        return [
            FixedPointFactor(m, shift, offset=offset)
            for m, shift, offset in (
                (16384, 15, 0),
                (-12345, 3, 7),
                (32767, 0, -5),
                (-32768, 20, 2**31 - 1),
                (24576, 63, -(2**31)),
            )
        ]
    return pairs((2**30, 1518500250, 2**31 - 1), (1, 30, 33, 50))


def corners(scheme: Any, p: Parameters) -> np.ndarray[Any, Any]:
    """Around powers of two, the ends of the accumulator, and where a result meets a rail."""
    half = 2 ** (scheme.input_bits - 1)
    half = min(half, 2**47)
    powers = [2**e for e in range(48)]
    factor = (
        float(p.first * p.second * p.last)
        if isinstance(p, FloatChain)
        else float(np.asarray(p.scale))
        if hasattr(p, "scale")
        else float(np.ldexp(float(getattr(p, "multiplier", 1)), int(p.shift)))
    )
    factor *= 2.0**-31 if isinstance(p, Multiplier) else 1.0
    rails = [round(2 ** (b - 1) / abs(factor)) for b in (8, 16, 17, 31, 32, 33)]
    rails += [rail - int(np.asarray(getattr(p, "offset", 0))) for rail in rails]
    near = {
        sign * v + d
        for v in (*powers, *rails, half, 2**31)
        for sign in (1, -1)
        for d in range(-3, 4)
    }
    ends = {-half, -half + 1, half - 1, half - 2}
    return np.array(sorted(v for v in near | ends if -half <= v < half), dtype=np.int64)


def witness(scheme: Any, x: int, p: Parameters) -> int:
    """The oracle's answer."""
    name = type(scheme).__name__
    if isinstance(p, (FloatFactor, FloatChain)):
        scale = p.first if isinstance(p, FloatChain) else p.scale
        given = {
            name: Fraction(float(getattr(p, name)))
            for name in ("second", "addend", "last")
            if hasattr(p, name)
        }
        limits = (-128, 127) if scheme.clamp == "before" else None
        moved = ZERO_POINT if scheme.zero_point == "before" else 0
        return float_scale(x, float(scale), limits, FloatNumbers(**given), moved) + moved
    if isinstance(p, DoubleFactor):
        return double_scale(x, float(p.scale))
    factors = Factors(
        int(getattr(p, "multiplier", 1)), int(p.shift), int(np.asarray(getattr(p, "offset", 0)))
    )
    if name in FORMULAS:
        return FORMULAS[name](x, factors, scheme)
    if name == "ShiftOnly":
        return shift_only(x, factors.shift, scheme.rounding, scheme.bits, scheme.overflow)
    (stage,) = scheme.stages
    step = qs.Narrow(
        shift=factors.right,
        multiplier=factors.multiplier,
        rounding=stage.narrow.rounding,
        bits=stage.narrow.bits,
        overflow=stage.narrow.overflow,
    )
    return narrowed(x, step).value


def check(scheme: Any, x: np.ndarray[Any, Any], p: Parameters) -> None:
    options: dict[str, Any] = {}
    if getattr(scheme, "clamp", None) == "before":
        options["clamp"] = (-128, 127)
    if getattr(scheme, "zero_point", None) == "before":
        options["zero_point"] = ZERO_POINT
    observed = scheme.apply(x, p, **options)
    for value, found in zip(x.tolist(), observed.tolist(), strict=True):
        expected = witness(scheme, value, p)
        if found != expected:
            pytest.fail(f"{scheme} {p} x={value}: observed {found}, expected {expected}")


@pytest.mark.parametrize("name", SCHEMES)
def test_corners(name: str) -> None:
    """Powers of two, ends and rails, for every set of parameters."""
    scheme = SCHEMES[name]
    for p in parameters_of(scheme):
        check(scheme, corners(scheme, p), p)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_16_bit_accumulator(name: str, level: int) -> None:
    """All of them for every set of parameters.

    At level 1 every second set takes every seventh accumulator, and the float schemes, whose oracle
    works in fractions, every 61st: `test_float_schemes_are_numpys` takes all of them.
    """
    scheme = SCHEMES[name]
    in_fractions = isinstance(scheme.encode(0.25), (FloatFactor, DoubleFactor))
    for index, p in enumerate(parameters_of(scheme)):
        step = 1 if level > 1 else 61 if in_fractions else (1, 7)[index % 2]
        check(scheme, np.arange(-(2**15), 2**15, step), p)


@pytest.mark.parametrize("scale", [0.5, 0.1, 37.25, 1 / 3, 3e-5])
def test_float_schemes_are_numpys(scale: float) -> None:
    """Every 16-bit accumulator: NumPy's float32 and float64 products, rint and floor(|y| + 1/2)."""
    x = np.arange(-(2**15), 2**15)
    single = x.astype(np.float32) * np.float32(scale)
    assert single.dtype == np.float32
    p = SCHEMES["float32"].encode(scale)
    assert np.array_equal(SCHEMES["float32"].apply(x, p), np.rint(single).astype(np.int64))
    clamped = SCHEMES["xnnpack-fp32"].apply(x, p, zero_point=3, clamp=(-128, 127))
    expected = np.rint(np.clip(single, -131, 124)).astype(np.int64) + 3
    assert np.array_equal(clamped, expected)
    first = SCHEMES["onednn"].apply(x, p, zero_point=37)
    assert np.array_equal(first, np.rint(single + np.float32(37)).astype(np.int64))
    product = x.astype(np.float64) * scale
    away = np.sign(product) * np.floor(np.abs(product) + 0.5)
    observed = SCHEMES["litert-reference-fc"].apply(x, SCHEMES["litert-reference-fc"].encode(scale))
    assert np.array_equal(observed, away.astype(np.int64))


def test_the_list_is_complete() -> None:
    """Every scheme class of the package is registered."""

    def classes(base: type) -> set[type]:
        return {base} | {c for sub in base.__subclasses__() for c in classes(sub)}

    known = {c for c in classes(qs.requantize.SchemeBase) if c.__module__.startswith("pyqsim.req")}
    apart = {qs.requantize.SchemeBase, qs.requantize.Staged}
    assert known - apart == {type(scheme) for scheme in SCHEMES.values()}
