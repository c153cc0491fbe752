"""The oracle's roundings against a table written by hand, and against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, trunc

import pytest

from pyqsim import modes
from pyqsim.datapath import Narrow
from pyqsim.errors import DatapathError
from pyqsim.modes import STOCHASTIC, Rounding
from pyqsim.testing.oracle import narrow, round_quotient

# v in quarters:           -2 -1¾ -1½ -1¼ -1 -¾ -½ -¼  0  ¼  ½  ¾  1 1¼ 1½ 1¾  2
BY_HAND = {
    "floor":              (-2, -2, -2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2),
    "ceil":               (-2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2),
    "toward_zero":        (-2, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2),
    "away_from_zero":     (-2, -2, -2, -2, -1, -1, -1, -1, 0, 1, 1, 1, 1, 2, 2, 2, 2),
    "half_up":            (-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2),
    "half_down":          (-2, -2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2),
    "half_away":          (-2, -2, -2, -1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2),
    "half_toward_zero":   (-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2),
    "half_even":          (-2, -2, -2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2),
    "half_odd":           (-2, -2, -1, -1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2),
    "to_odd":             (-2, -1, -1, -1, -1, -1, -1, -1, 0, 1, 1, 1, 1, 1, 1, 1, 2),
    "truncate_magnitude": (-1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2),
    "jam":                (-1, -1, -1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1, 1, 3),
    # even for v > 0, up for v < 0
    "half_even_positive_half_up_negative":
                          (-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2),
}  # fmt: skip


def test_every_named_rule_is_in_the_table():
    assert set(BY_HAND) == {rule.name.lower() for rule in modes.ROUNDINGS}


@pytest.mark.parametrize("name", BY_HAND)
def test_quarters_by_hand(name):
    rule = Rounding.of(name)
    assert tuple(round_quotient(v, 4, rule) for v in range(-8, 9)) == BY_HAND[name]


@pytest.mark.parametrize("name", BY_HAND)
def test_quarters_by_hand_through_narrow(name):
    by_shift = tuple(narrow(v, Narrow(shift=2, rounding=name)) for v in range(-8, 9))
    by_divisor = tuple(narrow(v, Narrow(divisor=4, rounding=name)) for v in range(-8, 9))
    negated = tuple(narrow(-v, Narrow(shift=2, multiplier=-1, rounding=name)) for v in range(-8, 9))
    assert by_shift == by_divisor == negated == BY_HAND[name]


# Python's own: floor, ceil, trunc and round of a Fraction (round is half even).
FROM_PYTHON = {
    "floor": floor,
    "ceil": ceil,
    "toward_zero": trunc,
    "half_even": round,
    "half_up": lambda v: floor(v + Fraction(1, 2)),
    "half_down": lambda v: ceil(v - Fraction(1, 2)),
    "half_away": lambda v: trunc(v + (Fraction(1, 2) if v > 0 else -Fraction(1, 2))),
}


@pytest.mark.parametrize("name", FROM_PYTHON)
@pytest.mark.parametrize("denominator", [2, 3, 5, 6, 16])
def test_any_denominator_against_python(name, denominator):
    rule = Rounding.of(name)
    for v in range(-50, 51):
        expected = FROM_PYTHON[name](Fraction(v, denominator))
        assert round_quotient(v, denominator, rule) == expected


@pytest.mark.parametrize(
    ("name", "positive", "negative"),
    # UG1399: ap_fixed<3,2> of 1.25 and -1.25, here in halves: 5/2 and -5/2 of a half
    [
        ("half_up", 3, -2),  # AP_RND: 1.5, -1.0
        ("half_toward_zero", 2, -2),  # AP_RND_ZERO: 1.0, -1.0
        ("half_down", 2, -3),  # AP_RND_MIN_INF: 1.0, -1.5
        ("half_away", 3, -3),  # AP_RND_INF: 1.5, -1.5
        ("half_even", 2, -2),  # AP_RND_CONV: 1.0, -1.0
        ("floor", 2, -3),  # AP_TRN: 1.0, -1.5
        ("toward_zero", 2, -2),  # AP_TRN_ZERO: 1.0, -1.0
    ],
)
def test_hls_quantization_modes(name, positive, negative):
    step = Narrow(shift=1, rounding=name)
    assert (narrow(5, step), narrow(-5, step)) == (positive, negative)


@pytest.mark.parametrize("v", [-128, -1, 0, 1, 127])
def test_large_shifts_round_the_exact_quotient(v):
    # |v| / 2^200 is far below a half
    assert narrow(v, Narrow(shift=200, rounding="half_up")) == 0
    assert narrow(v, Narrow(shift=200, rounding="floor")) == (-1 if v < 0 else 0)
    assert narrow(v, Narrow(shift=200, rounding="ceil")) == (1 if v > 0 else 0)


def test_half_of_minus_128_by_8_is_away():
    assert narrow(-128, Narrow(shift=8, rounding="half_away")) == -1
    assert narrow(-128, Narrow(shift=8, rounding="half_up")) == 0


def test_rounded_once_from_the_exact_quotient():
    # 16 * 3 / (7 * 2) = 3.43; rounding 48/7 = 6.86 to 7 first would make the tie 3.5 and give 4
    assert narrow(16, Narrow(shift=1, multiplier=3, divisor=7, rounding="half_up")) == 3
    assert narrow(-5, Narrow(shift=-2)) == -20


def test_only_a_denominator_of_one_skips_the_table():
    always = Rounding(0xFFFF)
    assert narrow(6, Narrow(rounding=always)) == 6
    assert narrow(6, Narrow(shift=-1, rounding=always)) == 12
    assert narrow(6, Narrow(shift=1, rounding=always)) == 4
    assert narrow(6, Narrow(divisor=3, rounding=always)) == 3
    assert narrow(6, Narrow(shift=-1, divisor=2, rounding=always)) == 7  # divisor 2 divides


def test_each_bit_of_a_table_is_one_case():
    # quarters with v >= 0 and even floor 2, odd floor 3, v < 0 even floor -2, odd floor -3
    for floor_, bits in ((2, 0), (3, 4), (-2, 8), (-3, 12)):
        for remainder in range(4):
            rule = Rounding(1 << (bits + remainder))
            results = [round_quotient(4 * floor_ + r, 4, rule) - floor_ for r in range(4)]
            assert results == [int(r == remainder) for r in range(4)]


# --- STOCHASTIC ---------------------------------------------------------------------------------


def word(R, shift):
    """A 64-bit random word whose top `shift` bits are R, the rest ones."""
    return R << (64 - shift) | (1 << (64 - shift)) - 1


@pytest.mark.parametrize("shift", [1, 2, 3, 5])
@pytest.mark.parametrize("v", [-37, -8, -1, 0, 1, 13, 64])
def test_stochastic_is_unbiased_over_every_r(v, shift):
    rule = STOCHASTIC(seed=1)
    results = [round_quotient(v, 2**shift, rule, word(R, shift)) for R in range(2**shift)]
    assert sum(results) == v  # the mean over 2^shift draws is v / 2^shift exactly
    assert set(results) <= {v >> shift, (v >> shift) + 1}


def test_stochastic_of_64_bits_uses_the_whole_word():
    rule = STOCHASTIC(seed=1)
    assert round_quotient(1, 2**64, rule, 2**64 - 1) == 1
    assert round_quotient(1, 2**64, rule, 2**64 - 2) == 0


@pytest.mark.parametrize("few", [0, 1, 2, 3])
def test_few_random_bits(few):
    # shift 3, v = 5 of 8: R in multiples of 2^(3 - few)
    rule = STOCHASTIC(seed=1, random_bits=few)
    results = [round_quotient(5, 8, rule, word(R, 3)) for R in range(8)]
    step = 2 ** (3 - few)
    assert results == [(5 + R // step * step) >> 3 for R in range(8)]
    # by hand: 0 bits always floor; 1 bit: R is 0 or 4, half go up; 3 bits: 5 of 8 go up
    assert sum(results) == {0: 0, 1: 4, 2: 4, 3: 5}[few]


def test_stochastic_leaves_exact_shifts_alone():
    rule = STOCHASTIC(seed=1)
    assert narrow(3, Narrow(shift=-2, rounding=rule)) == 12
    assert all(round_quotient(16, 8, rule, word(R, 3)) == 2 for R in range(8))


def test_stochastic_denominator_is_a_power_of_two():
    with pytest.raises(DatapathError, match="powers of two"):
        round_quotient(1, 3, STOCHASTIC(seed=1))
