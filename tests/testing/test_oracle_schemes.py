"""The oracle's schemes: published corners, float32 by struct, formulas against stages."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from types import SimpleNamespace

import pytest

from pyqsim.datapath import AddZeroPoint, Clamp, Datapath, Narrow, Requantize, Scheme, Stage
from pyqsim.errors import AccumulatorRangeError, DatapathError
from pyqsim.modes import FLOOR, HALF_AWAY, HALF_EVEN, HALF_UP, SATURATE, WRAP
from pyqsim.testing.oracle import (
    double_rounding,
    float_scale,
    matmul,
    shift_only,
    single_rounding,
)
from pyqsim.testing.oracle.schemes import float32, rounding_divide_by_pot, srdhm

MIN, MAX = -(2**31), 2**31 - 1


def half_up(v):
    return floor(v + Fraction(1, 2))


def half_away(v):
    return half_up(v) if v >= 0 else -half_up(-v)


def test_srdhm_corners():
    assert srdhm(MIN, MIN) == MAX
    assert srdhm(MIN, MAX) == -MAX  # -2^62 + 2^31 over 2^31, exact
    assert srdhm(MAX, MAX) == MAX - 1  # 2^31 - 2 + 2^-31
    # ties: product 2^30 is 0.5 -> 1; -2^30 is -0.5 -> 0, not -1
    assert (srdhm(1, 2**30), srdhm(-1, 2**30)) == (1, 0)
    assert (srdhm(3, 2**30), srdhm(-3, 2**30)) == (2, -1)


def test_srdhm_is_half_up_saturated():
    rng = random.Random(1)
    for _ in range(2000):
        a, b = (
            rng.randint(MIN, MAX) >> rng.randrange(32),
            rng.choice([2**30, rng.randint(MIN, MAX)]),
        )
        assert srdhm(a, b) == min(MAX, half_up(Fraction(a * b, 2**31)))


def test_rounding_divide_by_pot_is_half_away():
    for e in range(32):
        for x in (MIN, MIN + 1, -(3 << e) // 2, -1, 0, 1, (1 << e) // 2, (3 << e) // 2, MAX):
            assert rounding_divide_by_pot(x, e) == half_away(Fraction(x, 2**e))


def test_double_and_single_rounding_differ():
    # x*m / 2^32 with m = 2^30: x/4. x = -2: -0.5 after an exact first step -> away -1, up 0
    assert double_rounding(-2, 2**30, -1) == -1
    assert double_rounding(-2, 2**30, -1, final="half_up") == 0
    assert single_rounding(-2, 2**30, -1) == 0
    # x = 1: 0.25: first 0.5 -> 1, then 1/2 -> 1; once: 0
    assert double_rounding(1, 2**30, -1) == 1
    assert double_rounding(1, 2**30, -1, final="half_up") == 1
    assert single_rounding(1, 2**30, -1) == 0
    # x = -1: -0.25: first -0.5 -> 0
    assert double_rounding(-1, 2**30, -1) == 0


def test_they_differ_as_often_as_they_must():
    # x*m/2^31 = q is rounded first: with R = -s the threshold 2^(R-1) of q mod 2^R moves by 1/2,
    # so 1/2 of 2^R, 2^-(R+1) of evenly spread q, round the other way; s >= 0 never
    rng = random.Random(7)
    for shift, share in ((-1, 1 / 4), (-2, 1 / 8), (-3, 1 / 16), (0, 0), (1, 0)):
        different = 0
        for _ in range(8000):
            x, m = rng.randint(-(2**20), 2**20), rng.randrange(2**30, 2**31)
            different += double_rounding(x, m, shift) != single_rounding(x, m, shift)
        assert different / 8000 == pytest.approx(share, abs=0.015)
        assert share > 0 or different == 0


def test_left_shifts_wrap_in_double_and_the_cast_wraps_in_single():
    # 2^30 << 1 = 2^31 wraps to MIN; MIN * 2^30 / 2^31 = -2^30
    assert double_rounding(2**30, 2**30, 1) == -(2**30)
    assert single_rounding(2**30, 2**30, 1) == 2**30
    # 2^31 - 1 times 2^2 (m = 2^30, s = 3): 2^33 - 4 cast to 32 bits is -4
    assert single_rounding(MAX, 2**30, 3) == -4
    assert single_rounding(5, 2**30, 31) == wrap32(5 * 2**30)
    assert single_rounding(5, 2**30, 33) == wrap32(5 * 2**32)


def wrap32(value):
    return (value - MIN) % 2**32 + MIN


def test_double_rounding_of_large_right_shifts():
    assert double_rounding(MIN, MAX, -31) == half_away(Fraction(-MAX, 2**31)) == -1
    assert double_rounding(MIN, MAX, -40) == 0


def test_shift_only():
    assert [shift_only(x, -1, HALF_UP) for x in (-3, -1, 1, 3)] == [-1, 0, 1, 2]
    assert [shift_only(x, -1, HALF_AWAY) for x in (-3, -1, 1, 3)] == [-2, -1, 1, 2]
    assert shift_only(2**30, 1, FLOOR) == MAX
    assert shift_only(2**30, 1, FLOOR, overflow=WRAP) == MIN
    assert shift_only(-100, 1, FLOOR, bits=8, overflow=SATURATE) == -128


# --- float32 ------------------------------------------------------------------------------------


def by_struct(value):
    """struct packs a float64 to the nearest float32, ties to even: exact where it is one."""
    return Fraction(struct.unpack("f", struct.pack("f", value))[0])


def test_float32_against_struct():
    rng = random.Random(3)
    smallest = 2.0**-149
    values = [0.0, smallest, smallest / 2, smallest * 1.5, smallest * 2.5, -smallest * 0.75]
    values += [2.0**-126 * (1 - 2.0**-24), 16777217.0, -16777219.0, 2.0**63, 3.4e38]
    values += [rng.uniform(-1, 1) * 2.0 ** rng.randint(-150, 120) for _ in range(2000)]
    values += [float(rng.getrandbits(25)) for _ in range(500)]
    for value in values:
        assert float32(Fraction(value)) == by_struct(value)


def test_float32_ties_of_wide_integers():
    # 53 bits do not hold these: 2^40 + 2^16 is a tie (unit 2^17) and goes to even, one more goes up
    assert float32(Fraction(2**40 + 2**16)) == 2**40
    assert float32(Fraction(2**40 + 3 * 2**16)) == 2**40 + 2**18
    assert float32(Fraction(2**62 + 2**38 + 1)) == 2**62 + 2**39


def test_float_scale_by_hand():
    assert [float_scale(x, 0.5) for x in (-5, -3, -1, 1, 3, 5)] == [-2, -2, 0, 0, 2, 2]
    # F(2^24 + 1) = 2^24
    assert float_scale(2**24 + 1, 1.0) == 2**24
    assert float_scale(2**24 + 3, 1.0) == 2**24 + 4
    assert float_scale(MAX, 1.0) == MAX  # F gives 2^31, saturated
    assert float_scale(MIN, 1.0) == MIN
    assert float_scale(2**62, 3e38) == MAX
    assert float_scale(-(2**62), 3e38) == MIN


def test_the_product_is_rounded_to_float32_too():
    # 12582913 * (1 + 2^-23) = 12582914.5 + tiny; as float32 (unit 1) 12582914 or ...15
    scale = 1 + 2.0**-23
    exact = Fraction(12582913) * Fraction(scale)
    assert ceil(exact) == 12582915
    assert exact > Fraction(12582914) + Fraction(1, 2)
    assert float_scale(12582913, scale) == 12582915
    # 3 * F(0.1) = 0.30000000447; * 5 -> the tie 1.5 is met only after rounding to float32
    tenth = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert Fraction(tenth) * 15 > Fraction(3, 2)
    assert float_scale(15, tenth) == 2
    assert Fraction(tenth) * 25 > Fraction(5, 2)
    assert float_scale(25, tenth) == 2  # exactly 2.50000004, F gives 2.5, half even 2


def test_float_scale_clamped_before_rounding():
    assert float_scale(100, 1.0, limits=(-8, 7)) == 7
    assert float_scale(-100, 1.0, limits=(-8, 7)) == -8
    # the limit itself is a float32: 2^24 + 1 becomes 2^24
    assert float_scale(2**30, 1.0, limits=(0, 2**24 + 1)) == 2**24


# --- dispatch in matmul -------------------------------------------------------------------------


@dataclass(frozen=True)
class DoubleRounding(Scheme):
    final: str = "half_away"
    input_bits = 32


@dataclass(frozen=True)
class SingleRounding(Scheme):
    input_bits = 32


@dataclass(frozen=True)
class ShiftOnly(Scheme):
    rounding: object = FLOOR
    bits: int = 32
    overflow: object = SATURATE


@dataclass(frozen=True)
class FloatScale(Scheme):
    clamp: str = "after"
    stages = None


@dataclass(frozen=True)
class Staged(Scheme):
    """Double rounding as stages, its constant parts spelled out."""

    stages = (
        Stage(Narrow(bits=32), shift="left"),
        Stage(Narrow(shift=31, rounding=HALF_UP, bits=32, overflow="saturate"), multiplier=True),
        Stage(Narrow(rounding=HALF_AWAY), shift="right"),
    )


@dataclass(frozen=True)
class StagedOnce(Scheme):
    """Single rounding as one stage."""

    stages = (Stage(Narrow(shift=31, rounding=HALF_UP, bits=32), multiplier=True, shift="all"),)


def run(scheme, values, *, output=(), **parameters):
    dp = Datapath(output=(Requantize(scheme), *output))
    data = {"out_zero_point": parameters.pop("zero_point", None)}
    return matmul(
        [[x] for x in values], [[1]], dp, requantize=SimpleNamespace(**parameters), **data
    )[:, 0].tolist()


VALUES = [MIN, MIN + 1, -(2**30), -12345, -3, -2, -1, 0, 1, 2, 3, 12345, 2**30, MAX]


@pytest.mark.parametrize("shift", [-33, -31, -8, -2, -1, 0, 1, 2, 9])
@pytest.mark.parametrize("multiplier", [0, 2**30, 1518500250, MAX])
def test_formulas_equal_stages(multiplier, shift):
    parameters = {"multiplier": multiplier, "shift": shift}
    double = [double_rounding(x, multiplier, shift) for x in VALUES]
    assert run(DoubleRounding(), VALUES, **parameters) == double
    assert run(Staged(), VALUES, **parameters) == double
    single = [single_rounding(x, multiplier, shift) for x in VALUES]
    assert run(SingleRounding(), VALUES, **parameters) == single
    assert run(StagedOnce(), VALUES, **parameters) == single


def test_parameters_broadcast_to_outputs():
    dp = Datapath(output=Requantize(DoubleRounding(final="half_up")))
    a, b = [[-6], [7]], [[1, 1]]
    y = matmul(a, b, dp, requantize=SimpleNamespace(multiplier=2**30, shift=[-1, 1]))
    assert y.tolist() == [[-1, -6], [2, 7]]  # -3/2 -> -1; 3.5 -> 4 -> 2


def test_shift_only_and_float_in_a_datapath():
    assert run(ShiftOnly(HALF_EVEN), [-6, -2, 2, 6], shift=-2) == [-2, 0, 0, 2]
    assert run(ShiftOnly(bits=8), [100, -100], shift=1) == [127, -128]
    assert run(FloatScale(), [-3, -1, 1, 3], scale=0.5) == [-2, 0, 0, 2]


def test_float_clamp_before_uses_the_following_clamp():
    output = (AddZeroPoint(), Clamp(0, 255))
    parameters = {"scale": 0.5, "zero_point": 128}
    assert run(FloatScale("before"), [-1000, -3, 3, 1000], output=output, **parameters) == [
        0,
        126,
        130,
        255,
    ]
    assert run(FloatScale("before"), [-99, 3, 99], output=(Clamp(-8, 7),), scale=0.5) == [-8, 2, 7]
    for bad in ((), (AddZeroPoint(),), (Narrow(), Clamp(0, 1))):
        with pytest.raises(DatapathError, match="before"):
            run(FloatScale("before"), [1], output=bad, scale=0.5, zero_point=1 if bad[:1] else None)


def test_input_outside_the_schemes_width():
    with pytest.raises(AccumulatorRangeError, match="32 bits"):
        run(SingleRounding(), [MAX + 1], multiplier=2**30, shift=0)


def test_missing_parameters():
    with pytest.raises(DatapathError, match="multiplier"):
        run(DoubleRounding(), [1], shift=0)
    with pytest.raises(DatapathError, match="scale"):
        run(FloatScale(), [1], shift=0)
