"""The exact quotient against fractions."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from formats.fraction_encoders import SCALES, hard_numbers, rounded
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.formats.quotient import floor_quotient, nearest_level, round_halves
from pyqsim.modes import HALF_AWAY, HALF_TOWARD_ZERO, ROUNDINGS, Rounding

reals = st.floats(allow_nan=False, allow_infinity=False)
scales = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)


def check_floor(x, scale, shift):
    quotient, inexact = floor_quotient(np.array([x]), np.array(scale), shift)
    exact = Fraction(x) / Fraction(scale) * 2**shift
    if abs(exact) >= 2**63:
        expected = (2**63 - 1 if x > 0 else -(2**63 - 1), False)
    else:
        expected = (floor(exact), exact.denominator != 1)
    assert (quotient[0], inexact[0]) == expected, (x, scale, shift)


@given(reals, scales, st.integers(0, 64))
def test_floor_of_any_quotient(x, scale, shift):
    check_floor(x, scale, shift)


@given(
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(min_value=1e-3, max_value=1e3),
    st.integers(0, 64),
    st.integers(-2, 2),
)
def test_floor_of_quotients_near_every_integer(n, scale, shift, ulps):
    x = float(n * Fraction(scale) / 2**shift)
    check_floor(x + ulps * np.spacing(x), scale, shift)


@pytest.mark.parametrize("scale", SCALES)
def test_floor_of_hard_numbers(scale):
    for x in hard_numbers(1):
        for shift in (0, 1, 31, 63):
            check_floor(float(x), scale, shift)


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_every_rule_on_quarters(rule):
    quarters = range(-12, 13)
    halves = np.array([q // 2 for q in quarters])
    inexact = np.array([q % 2 == 1 for q in quarters])
    expected = [rounded(Fraction(q, 4), rule.name.lower()) for q in quarters]
    assert round_halves(halves, inexact, rule).tolist() == expected


@given(st.integers(0, 0xFFFF), st.integers(-100, 100), st.booleans())
def test_user_made_tables(table, halves, inexact):
    rule = Rounding(table)
    up = rule.adds_one(
        negative=halves < 0, odd=halves // 2 % 2 == 1, remainder=2 * (halves % 2) + inexact
    )
    got = round_halves(np.array([halves]), np.array([inexact]), rule)
    assert got.tolist() == [halves // 2 + up]


def test_nearest_of_levels_up_to_the_limit():
    levels = np.array([0, 1, 2**53, 2**62 - 2, 2**62 - 1])
    tie = 2.0**52 * (1 + 2.0**-52)  # (1 + 2**53) / 2 = 2**52 + 1/2 is no double
    x = np.array([0.5, 2.0**52, tie, 2.0**61, 2.0**62, 1e300])
    assert nearest_level(x, np.array(1.0), 0, levels, HALF_TOWARD_ZERO).tolist() == [
        0, 1, 2, 2, 4, 4,
    ]  # fmt: skip
    assert nearest_level(x, np.array(1.0), 0, levels, HALF_AWAY)[0] == 1
