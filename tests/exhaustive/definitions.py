"""The rules once more, written from their prose and sources: numpy integers, bit strings."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

#: An array of int64, or of Python integers (dtype object) where int64 is too small.
Array = np.ndarray[Any, Any]

INT32 = (-(2**31), 2**31 - 1)


def rounded(numerator: Array, denominator: int, rule: str) -> Array:
    """``numerator / denominator`` rounded by a named rule; a denominator of 1 rounds nothing."""
    if denominator == 1:
        return numerator
    floor = numerator // denominator
    rest = numerator - floor * denominator
    inexact, negative, odd = rest != 0, numerator < 0, (floor & 1) == 1
    half, above = 2 * rest == denominator, 2 * rest > denominator
    size, sign = np.abs(numerator), np.where(negative, -1, 1)
    twice = 2 * denominator
    half_up = (2 * numerator + denominator) // twice
    half_even = floor + (above | (half & odd))
    results = {
        "FLOOR": lambda: floor,
        "CEIL": lambda: -(-numerator // denominator),
        "TOWARD_ZERO": lambda: sign * (size // denominator),
        "AWAY_FROM_ZERO": lambda: sign * -(-size // denominator),
        "HALF_UP": lambda: half_up,
        "HALF_DOWN": lambda: -((denominator - 2 * numerator) // twice),
        "HALF_AWAY": lambda: sign * ((2 * size + denominator) // twice),
        "HALF_TOWARD_ZERO": lambda: sign * -((denominator - 2 * size) // twice),
        "HALF_EVEN": lambda: half_even,
        "HALF_ODD": lambda: floor + (above | (half & ~odd)),
        "TO_ODD": lambda: floor | inexact,
        "TRUNCATE_MAGNITUDE": lambda: floor + negative,
        "JAM": lambda: floor | 1,
        "HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE": lambda: np.where(negative, half_up, half_even),
    }
    return np.asarray(results[rule]())


def limits(bits: int, rule: str, signed: bool) -> tuple[int, int]:
    """Smallest and largest value of a register."""
    if not signed:
        return 0, 2**bits - 1
    largest = 2 ** (bits - 1) - 1
    return -largest - (rule != "SATURATE_SYMMETRIC"), largest


def register(value: int, bits: int, rule: str, signed: bool) -> int:
    """What a register without saturated bits holds after `value` was written to it."""
    low, high = limits(bits, rule, signed)
    if low <= value <= high:
        return value
    if rule == "SATURATE_ZERO":
        return 0
    if rule.startswith("SATURATE"):
        return low if value < low else high
    return from_bits(bit_string(value, bits), signed)


def bit_string(value: int, bits: int) -> str:
    """Two's complement, most significant bit first, cut to `bits`."""
    return "".join("1" if value >> i & 1 else "0" for i in reversed(range(bits)))


def from_bits(text: str, signed: bool) -> int:
    """The number a bit string stands for."""
    value = int(text, 2)
    return value - (1 << len(text)) if signed and text[0] == "1" else value


def inverted(text: str) -> str:
    """Every bit the other way."""
    return text.translate(str.maketrans("01", "10"))


def wrap_saturated_bits(value: int, bits: int, n: int, signed: bool) -> int:
    """AP_WRAP with n > 0 (UG1399)."""
    low, high = limits(bits, "WRAP", signed)
    if low <= value <= high:
        return value
    sign = "1" if value < 0 else "0"
    top = sign + inverted(sign) * (n - 1) if signed else "1" * n
    return from_bits(top + bit_string(value, bits)[n:], signed)


def sign_magnitude_wrap(value: int, floor: int, bits: int, n: int) -> int:
    """AP_WRAP_SM with n (UG1399); `floor` is the value's floor before rounding."""
    low, high = limits(bits, "WRAP", True)
    if low <= value <= high:
        return value
    text, sign = bit_string(value, bits), "1" if value < 0 else "0"
    if n == 0:
        sign = bit_string(floor, bits + 1)[0]
    if n <= 1:
        rest = text[1:] if text[0] == sign else inverted(text[1:])
        return from_bits(sign + rest, True)
    top, rest = sign + inverted(sign) * (n - 1), text[n:]
    invert = bit_string(value, bits + 1)[n] == sign  # bit W-N, counted from bit W at index 0
    return from_bits(top + (inverted(rest) if invert else rest), True)


# -- gemmlowp and TFLite ---------------------------------------------------------------------------


def wrap32(v: Array) -> Array:
    return (v + 2**31) % 2**32 - 2**31


def saturating_rounding_doubling_high_mul(a: Array, b: int) -> Array:
    """gemmlowp fixedpoint.h: the nudge, and C's truncating division."""
    ab = a * b
    nudged = ab + np.where(ab >= 0, 2**30, 1 - 2**30)
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    return np.where((a == INT32[0]) & (b == INT32[0]), INT32[1], high)


def rounding_divide_by_pot(x: Array, exponent: int) -> Array:
    """gemmlowp fixedpoint.h: mask, remainder, threshold."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def double(x: Array, m: int, s: int) -> Array:
    high = saturating_rounding_doubling_high_mul(wrap32(x << max(s, 0)), m)
    return rounding_divide_by_pot(high, max(-s, 0))


def half_up_twice(x: Array, m: int, s: int) -> Array:
    high = saturating_rounding_doubling_high_mul(wrap32(x << max(s, 0)), m)
    right = max(-s, 0)
    return high if right == 0 else (high + (1 << (right - 1))) >> right


def single(x: Array, m: int, s: int) -> Array:
    return wrap32((x * m + (1 << (30 - s))) >> (31 - s))


def quantize_multiplier(scale: float) -> tuple[int, int]:
    """TFLite's QuantizeMultiplier: frexp, HALF_AWAY of the exact q * 2**31, carry, underflow."""
    q, s = math.frexp(scale)
    m = math.floor(Fraction(q) * 2**31 + Fraction(1, 2))
    if m == 2**31:
        m, s = 2**30, s + 1
    return (0, 0) if s < -31 else (m, s)
