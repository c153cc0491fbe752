"""Narrow: every 12-bit value, every rounding, every overflow rule, huge shifts, int64's ends."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as pairs
from math import floor

import numpy as np
import pytest
from exhaustive.definitions import (
    Array,
    bit_string,
    from_bits,
    limits,
    register,
    rounded,
    sign_magnitude_wrap,
    wrap_saturated_bits,
)

import pyqsim as qs
from pyqsim.modes import ROUNDINGS

X12 = np.arange(-2048, 2048)
X10 = np.arange(-512, 512)
PLAIN_RULES = ("WRAP", "SATURATE", "SATURATE_SYMMETRIC", "SATURATE_ZERO")
INT64 = (-(2**63), 2**63 - 1)


def same(x: Array, observed: Array, expected: Array, what: str) -> None:
    wrong = np.flatnonzero(np.asarray(observed != expected))
    if len(wrong):
        i = wrong[0]
        pytest.fail(f"{what} x={x[i]}: observed {observed[i]}, expected {expected[i]}")


# -- rounding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_every_shift(rule: qs.Rounding) -> None:
    """All values of 12 bits, shifts -3..14."""
    for shift in range(-3, 15):
        expected = rounded(X12 << max(-shift, 0), 1 << max(shift, 0), rule.name or "")
        same(X12, qs.narrow(X12, shift=shift, rounding=rule), expected, f"{rule} shift={shift}")


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_every_divisor(rule: qs.Rounding) -> None:
    """round(v * multiplier / (divisor * 2**shift)), rounded once."""
    for divisor, shift, multiplier in pairs(range(1, 10), range(-2, 5), (1, 3, -5)):
        observed = qs.narrow(
            X12, shift=shift, multiplier=multiplier, divisor=divisor, rounding=rule
        )
        numerator = X12 * multiplier << max(-shift, 0)
        expected = rounded(numerator, divisor << max(shift, 0), rule.name or "")
        same(X12, observed, expected, f"{rule} {multiplier} / ({divisor} * 2**{shift})")


def test_rules_against_fractions() -> None:
    """The numpy definitions themselves, against the words that name the rules."""
    for numerator, denominator in pairs(range(-30, 31), (2, 3, 4, 6, 8)):
        v = Fraction(numerator, denominator)
        low = floor(v)
        high = low if v == low else low + 1
        far, near = (low, high) if v < 0 else (high, low)
        even, odd = (low, high) if low % 2 == 0 else (high, low)

        def tie(to: int, v: Fraction = v, low: int = low, high: int = high) -> int:
            if v - low == Fraction(1, 2):
                return to
            return low if v - low < Fraction(1, 2) else high

        words = {
            "FLOOR": low,
            "CEIL": high,
            "TOWARD_ZERO": near,
            "AWAY_FROM_ZERO": far,
            "HALF_UP": tie(high),
            "HALF_DOWN": tie(low),
            "HALF_AWAY": tie(far),
            "HALF_TOWARD_ZERO": tie(near),
            "HALF_EVEN": tie(even),
            "HALF_ODD": tie(odd),
            "TO_ODD": low if v == low else (low if low % 2 else high),
            "TRUNCATE_MAGNITUDE": low + (v < 0),
            "JAM": low if low % 2 else low + 1,
            "HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE": tie(even) if v > 0 else tie(high),
        }
        for rule, expected in words.items():
            observed = int(rounded(np.array(numerator), denominator, rule))
            assert observed == expected, f"{rule}({v}): observed {observed}, expected {expected}"
    assert set(words) == {rule.name for rule in ROUNDINGS}


def test_user_made_tables() -> None:
    """200 random tables: add 1 to the floor where the case's bit says so."""
    rng = np.random.Generator(np.random.PCG64(5))
    for table in [0, 0xFFFF, *rng.integers(0, 2**16, 198).tolist()]:
        shift, divisor = int(rng.integers(0, 6)), int(rng.integers(2, 7))
        denominator = divisor << shift
        quotient = X12 // denominator
        rest = X12 - quotient * denominator
        remainder = np.select(
            [rest == 0, 2 * rest < denominator, 2 * rest == denominator], range(3), 3
        )
        case = 8 * (X12 < 0) + 4 * (quotient % 2) + remainder
        expected = quotient + (table >> case & 1)
        observed = qs.narrow(X12, shift=shift, divisor=divisor, rounding=qs.Rounding(table))
        same(X12, observed, expected, f"table {table:#x} / {denominator}")


# -- overflow --------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_every_overflow_rule(bits: int, signed: bool) -> None:
    """All values of 10 bits into every width."""
    rules = [r for r in PLAIN_RULES if signed or r != "SATURATE_SYMMETRIC"]
    for rule in rules:
        expected = np.array([register(int(x), bits, rule, signed) for x in X10])
        observed = qs.narrow(X10, bits=bits, overflow=rule.lower(), signed=signed)
        same(X10, observed, expected, f"{rule} bits={bits}")
    for n in range(1, bits + 1):
        expected = np.array([wrap_saturated_bits(int(x), bits, n, signed) for x in X10])
        overflow = qs.WRAP_SATURATED_BITS(n)
        observed = qs.narrow(X10, bits=bits, overflow=overflow, signed=signed)
        same(X10, observed, expected, f"{overflow} bits={bits}")
    for n in range(bits + 1) if signed else ():
        expected = np.array([sign_magnitude_wrap(int(x), int(x), bits, n) for x in X10])
        observed = qs.narrow(X10, bits=bits, overflow=qs.SIGN_MAGNITUDE_WRAP(n))
        same(X10, observed, expected, f"SIGN_MAGNITUDE_WRAP({n}) bits={bits}")


def test_one_bit_unsigned() -> None:
    """The narrowest register."""
    for rule in ("WRAP", "SATURATE", "SATURATE_ZERO"):
        expected = np.array([register(int(x), 1, rule, False) for x in X10])
        same(X10, qs.narrow(X10, bits=1, overflow=rule.lower(), signed=False), expected, rule)


def test_overflow_after_rounding() -> None:
    """The range rule sees the rounded value; only AP_WRAP_SM(0) takes its sign from the floor."""
    for rule, bits, shift in pairs(("HALF_UP", "FLOOR", "HALF_EVEN", "CEIL"), (2, 4, 6), (1, 2, 5)):
        quotient = rounded(X12, 1 << shift, rule)
        low = X12 >> shift
        for name in PLAIN_RULES:
            expected = np.array([register(int(q), bits, name, True) for q in quotient])
            arguments = {"shift": shift, "rounding": rule.lower(), "bits": bits}
            observed = qs.narrow(X12, overflow=name.lower(), **arguments)
            same(X12, observed, expected, f"{name} {arguments}")
        for n in range(bits + 1):
            expected = np.array(
                [
                    sign_magnitude_wrap(int(q), int(f), bits, n)
                    for q, f in zip(quotient, low, strict=True)
                ]
            )
            observed = qs.narrow(X12, overflow=qs.SIGN_MAGNITUDE_WRAP(n), **arguments)
            same(X12, observed, expected, f"SIGN_MAGNITUDE_WRAP({n}) {arguments}")


def test_trap_names_the_first() -> None:
    """In-range values pass; the first value outside is named by its index in C order."""
    for bits in range(2, 9):
        low, high = limits(bits, "TRAP", True)
        inside = np.arange(low, high + 1)
        assert (qs.narrow(inside, bits=bits, overflow="trap") == inside).all()
        for outside in (low - 1, high + 1):
            x = np.array([[low, high, 0], [outside, outside, 0]])
            with pytest.raises(qs.errors.OverflowTrap) as caught:
                qs.narrow(x, bits=bits, overflow="trap")
            assert caught.value.place == (0, 0, 3, -1)


# -- the ends --------------------------------------------------------------------------------------


def extremes() -> Array:
    """Both ends of int64, every power of two and its neighbours."""
    powers = [s * (1 << e) + d for e in range(63) for s in (1, -1) for d in (-1, 0, 1)]
    return np.array(sorted({*powers, *INT64, INT64[0] + 1, 0}), dtype=object)


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_huge_shifts(rule: qs.Rounding) -> None:
    """Shifts far beyond the word round the exact quotient: -1 >> 200 is still negative."""
    x = extremes()
    for shift in (0, 1, 31, 32, 61, 62, 63, 64, 65, 100, 126, 127, 128, 129, 200, 10**9):
        expected = rounded(x, 1 << min(shift, 300), rule.name or "")
        same(x, qs.narrow(x.astype(np.int64), shift=shift, rounding=rule), expected, f"{shift}")


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_wide_products(rule: qs.Rounding) -> None:
    """128-bit numerators: multipliers and divisors at both ends of their ranges."""
    x = extremes()
    cases = [
        (m, d, s)
        for m, d, s in pairs(
            (1, -1, 3, INT64[1], INT64[0]),
            (1, 2, 3, 10**18 + 9, INT64[1]),
            (0, 1, 62, 64, 127, 128),
        )
        if abs(m) * 2**63 < d * 2**s * 2**62
    ]
    for multiplier, divisor, shift in cases:
        observed = qs.narrow(
            x.astype(np.int64), shift=shift, multiplier=multiplier, divisor=divisor, rounding=rule
        )
        expected = rounded(x * multiplier, divisor << shift, rule.name or "")
        same(x, observed, expected, f"{rule} * {multiplier} / ({divisor} * 2**{shift})")


def test_left_shift_with_a_large_divisor() -> None:
    """Left shifts are exact however large, while the quotient fits."""
    for shift, divisor in ((62, 1), (64, 2**62), (65, 2**62 + 1), (100, 2**62), (125, 2**63 - 1)):
        x = np.array([-1, 0, 1])
        expected = rounded(x.astype(object) << shift, divisor, "HALF_EVEN")
        observed = qs.narrow(x, shift=-shift, divisor=divisor, rounding="half_even")
        same(x, observed, expected, f"2**{shift} / {divisor}")


def test_wide_registers() -> None:
    """Registers of 62..64 bits at int64's ends."""
    x = extremes()
    for bits, signed in ((62, True), (63, True), (64, True), (62, False), (63, False)):
        for rule in [r for r in PLAIN_RULES if signed or r != "SATURATE_SYMMETRIC"]:
            expected = np.array([register(int(v), bits, rule, signed) for v in x], dtype=object)
            observed = qs.narrow(
                x.astype(np.int64), bits=bits, overflow=rule.lower(), signed=signed
            )
            same(x, observed, expected, f"{rule} bits={bits} signed={signed}")
        expected = np.array([wrap_saturated_bits(int(v), bits, 3, signed) for v in x], dtype=object)
        overflow = qs.WRAP_SATURATED_BITS(3)
        observed = qs.narrow(x.astype(np.int64), bits=bits, overflow=overflow, signed=signed)
        same(x, observed, expected, f"{overflow} bits={bits}")


def test_rounded_value_beyond_int64_is_refused() -> None:
    """int64 cannot hold it: the call raises and names the range."""
    for step in ({"shift": -1}, {"multiplier": 2}, {"multiplier": -1}, {"shift": -300}):
        with pytest.raises(qs.errors.AccumulatorRangeError, match=r"narrow: values may reach"):
            qs.narrow([INT64[0]], bits=8, **step)


def test_bit_strings() -> None:
    """The helpers on a hand-made case: AP_SAT's neighbours in 4 bits."""
    assert bit_string(-3, 4) == "1101"
    assert from_bits("1101", True) == -3
    assert wrap_saturated_bits(9, 4, 1, True) == 1  # 01001 -> 0 001
    assert wrap_saturated_bits(-9, 4, 3, True) == -7  # 10111 -> 1 0 0 1
    assert wrap_saturated_bits(-1, 4, 2, False) == 15
    assert sign_magnitude_wrap(9, 9, 4, 1) == 6  # 01001: s=0, bit 3 is 1: 0 110
    assert sign_magnitude_wrap(17, 17, 4, 0) == -2  # 10001: s=1, bit 3 is 0: 1 110
