"""The named requantize schemes on one integer, from gemmlowp's and TFLite's formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pyqsim.datapath import Register
from pyqsim.errors import DatapathError
from pyqsim.modes import HALF_EVEN, SATURATE, Overflow, Rounding
from pyqsim.testing.oracle.registers import apply_register
from pyqsim.testing.oracle.rounding import round_quotient

__all__ = [
    "FORMULAS",
    "Factors",
    "FloatNumbers",
    "double_rounding",
    "double_scale",
    "float32",
    "float64",
    "float_scale",
    "shift_only",
    "shifted",
    "single_rounding",
]

_INT32 = range(-(2**31), 2**31)


def _wrap32(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def _truncated_quotient(numerator: int, denominator: int) -> int:
    """C's division."""
    magnitude = abs(numerator) // denominator
    return -magnitude if numerator < 0 else magnitude


def srdhm(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul of gemmlowp.

    ``(ab + nudge) / 2^31`` with C's truncation, ``nudge = ab >= 0 ? 2^30 : 1 - 2^30``;
    MIN * MIN gives MAX.
    """
    if a == b == _INT32[0]:
        return _INT32[-1]
    ab = a * b
    nudge = 2**30 if ab >= 0 else 1 - 2**30
    return _truncated_quotient(ab + nudge, 2**31)


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    """RoundingDivideByPOT of gemmlowp: half away from zero.

    ``mask = 2^e - 1; rem = x & mask; thr = (mask >> 1) + [x < 0]; (x >> e) + [rem > thr]``.
    """
    mask = (1 << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + (remainder > threshold)


def _half_up(x: int, shift: int) -> int:
    """``(x + 2^(s-1)) >> s`` for s >= 1, else a left shift."""
    if shift <= 0:
        return x << -shift
    return (x + (1 << (shift - 1))) >> shift


def double_rounding(x: int, multiplier: int, shift: int, final: str = "half_away") -> int:
    """``HALF_AWAY(SRDHM(wrap32(x << L), m), R)``, ``L = max(s, 0)``, ``R = max(-s, 0)``.

    Parameters
    ----------
    x : int
        Signed 32 bits.
    multiplier : int
        0 or 2**30..2**31-1; the real factor is ``multiplier * 2**(shift - 31)``.
    shift : int
        Positive is left.
    final : {"half_away", "half_up"}
        Rounding of the right shift.

    Returns
    -------
    int

    Examples
    --------
    A factor of 1/4: the product -2 * 0.5 is exact, then -1 / 2 is a tie.

    >>> double_rounding(-2, 2**30, -1), double_rounding(-2, 2**30, -1, final="half_up")
    (-1, 0)
    """
    left, right = max(shift, 0), max(-shift, 0)
    high = srdhm(_wrap32(x << left), multiplier)
    if final == "half_up":
        return _half_up(high, right)
    if final == "half_away":
        return rounding_divide_by_pot(high, right)
    raise DatapathError(f"DoubleRounding: final={final!r}, allowed: 'half_away', 'half_up'")


def single_rounding(x: int, multiplier: int, shift: int) -> int:
    """``(x * m + 2^(30-s)) >> (31-s)``, then cast to 32 bits.

    Parameters
    ----------
    x, multiplier, shift : int
        As in `double_rounding`.

    Returns
    -------
    int

    Examples
    --------
    >>> single_rounding(-2, 2**30, -1), single_rounding(2, 2**30, -1)
    (0, 1)
    """
    return _wrap32(_half_up(x * multiplier, 31 - shift))


def _binary(value: Fraction, precision: int, least: int) -> Fraction:
    """Nearest number of `precision` bits, ties to even, subnormals below 2^least.

    A magnitude in ``[2^e, 2^(e+1))`` is a multiple of ``2^(e-precision+1)``. No infinity: values
    beyond the largest number stay large, and whatever comes next clamps them as it would clamp
    infinity.
    """
    if value == 0:
        return value
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, least) - precision + 1)
    steps = value / unit
    return unit * round_quotient(steps.numerator, steps.denominator, HALF_EVEN)


def float32(value: Fraction) -> Fraction:
    """F of the prose: the nearest float32, ties to even, subnormals included."""
    return _binary(value, 24, -126)


def float64(value: Fraction) -> Fraction:
    """D of the prose: the nearest float64, ties to even, subnormals included."""
    return _binary(value, 53, -1022)


@dataclass(frozen=True)
class FloatNumbers:
    """What may follow the first multiplication: times `second`, plus `addend`, times `last`."""

    second: Fraction = Fraction(1)
    addend: Fraction = Fraction(0)
    last: Fraction = Fraction(1)


def float_scale(
    x: int,
    scale: float | Fraction,
    limits: tuple[int, int] | None = None,
    numbers: FloatNumbers = FloatNumbers(),
    zero_point: int = 0,
) -> int:
    """``rint(F(F(x) * scale))``, F = round to float32, ties to even.

    Parameters
    ----------
    x : int
    scale : float
        A float32 (any other value is rounded to one).
    limits : (int, int), optional
        Clamp before rounding: the product is held in ``[F(low), F(high)]``. The rounded value
        saturates to 32 bits in any case.
    numbers : FloatNumbers
        Further operations, each rounded to float32.
    zero_point : int
        Added in float32 before rounding, subtracted as an integer after it.

    Returns
    -------
    int

    Examples
    --------
    >>> [float_scale(x, 0.5) for x in (-3, -1, 1, 3)]
    [-2, 0, 0, 2]
    >>> float_scale(2**24 + 1, 1.0)
    16777216
    >>> [float_scale(x, 0.5, zero_point=1) + 1 for x in (-3, -1, 1, 3)]
    [0, 0, 2, 2]
    """
    product = float32(float32(Fraction(x)) * float32(Fraction(scale)))
    product = float32(product * numbers.second)
    product = float32(product + numbers.addend)
    product = float32(product * numbers.last)
    if limits is not None:
        low, high = (float32(Fraction(limit)) for limit in limits)
        product = min(max(product, low), high)
    moved = float32(product + float32(Fraction(zero_point)))
    return min(max(_rint(moved), _INT32[0]), _INT32[-1]) - zero_point


def double_scale(x: int, scale: float | Fraction) -> int:
    """``round(D(D(x) * scale))``, D = round to float64; round: half away; held in 32 bits.

    Examples
    --------
    >>> [double_scale(x, 0.5) for x in (-3, -1, 1, 3)]
    [-2, -1, 1, 2]
    """
    product = float64(float64(Fraction(x)) * Fraction(scale))
    magnitude = (2 * abs(product) + 1) // 2
    return min(max(magnitude if product > 0 else -magnitude, _INT32[0]), _INT32[-1])


def _rint(value: Fraction) -> int:
    return round_quotient(value.numerator, value.denominator, HALF_EVEN)


def shift_only(
    x: int,
    shift: int,
    rounding: Rounding,
    bits: int = 32,
    overflow: Overflow = SATURATE,
    random: int = 0,
) -> int:
    """``x << s``, or for negative s a rounding right shift; then the range rule.

    Parameters
    ----------
    x : int
    shift : int
        Positive is left.
    rounding : Rounding
    bits : int
    overflow : Overflow
    random : int
        For STOCHASTIC: word1:word0 of the generator.

    Returns
    -------
    int

    Examples
    --------
    >>> from pyqsim.modes import HALF_AWAY
    >>> shift_only(-12, -3, HALF_AWAY), shift_only(1, 40, HALF_AWAY)
    (-2, 2147483647)
    """
    return shifted(x, shift, rounding, bits, overflow, random)[0]


def shifted(
    x: int, shift: int, rounding: Rounding, bits: int, overflow: Overflow, random: int
) -> tuple[int, bool]:
    """`shift_only`, and whether the range rule found an overflow."""
    if shift >= 0:
        floor = rounded = x << shift
    else:
        floor, rounded = x >> -shift, round_quotient(x, 2**-shift, rounding, random)
    return apply_register(rounded, Register(bits, overflow), floor)


# --- the other schemes, by the formulas of their sources ------------------------------------------


@dataclass(frozen=True)
class Factors:
    """Parameters of one output; shift: positive is left, `right` is the amount as a right shift."""

    multiplier: int
    shift: int
    offset: int = 0

    @property
    def right(self) -> int:
        """The right shift."""
        return -self.shift


def _held(value: int, bits: int) -> int:
    """Saturate to signed bits."""
    half = 1 << (bits - 1)
    return min(max(value, -half), half - 1)


def _half_away(x: int, shift: int) -> int:
    magnitude = abs(x) if shift == 0 else (abs(x) + (1 << (shift - 1))) >> shift
    return magnitude if x >= 0 else -magnitude


def _one_rounding(x: int, p: Factors, _: Any) -> int:
    """``(x * m + 2^(sh-1)) >> sh``, cut to 32 bits."""
    return _wrap32(_half_up(x * p.multiplier, p.right))


def _in_64_bits(x: int, p: Factors, _: Any) -> int:
    """``(x * m + nudge) >> sh`` in 64 bits, nudge = 1 << (sh - 1)."""
    nudge = 1 << (p.right - 1)
    return (x * p.multiplier + nudge) >> p.right


def _requantize_s64(x: int, p: Factors, _: Any) -> int:
    """``int32 t = (x * m16) >> (14 - s); (t + 1) >> 1``, 14 - s = sh - 1."""
    t = _wrap32(x * p.multiplier >> (p.right - 1))
    return _wrap32(t + 1) >> 1


def _mve_single(x: int, p: Factors, scheme: Any) -> int:
    """right = min(-1, s), left = s - right; VSHL, VQ(R)DMULH, VRSHL by right."""
    right = min(-1, p.shift)
    moved = _wrap32(x << (p.shift - right))
    if scheme.multiply == "half_up":
        high = srdhm(moved, p.multiplier)
    else:
        high = _held((2 * moved * p.multiplier) >> 32, 32)
    return (high + (1 << (-right - 1))) >> -right


def _apply_scale_32(x: int, p: Factors, scheme: Any) -> int:
    """TOSA: ``r = 2^(sh-1)``, then +- 2^30 where sh > 31; ``(x * m + r) >> sh``."""
    nudge = 1 << (p.right - 1)
    if scheme.double_round and p.right > 31:
        nudge += 2**30 if x >= 0 else -(2**30)
    return _wrap32((x * p.multiplier + nudge) >> p.right)


def _ethos_u(x: int, p: Factors, scheme: Any) -> int:
    """NATURAL: half up; TRUNCATE: toward zero; TFL: SRDHM and the rounding divide where they act.

    Below a shift of 31 nothing is left for the divide.
    """
    product = x * p.multiplier
    if scheme.mode == "natural":
        return _wrap32(_half_up(product, p.right))
    if scheme.mode == "truncate":
        return _wrap32(_truncated_quotient(product, 1 << p.right))
    if p.right <= 31:
        return _wrap32(_half_up(product, p.right))
    return _wrap32(rounding_divide_by_pot(_half_up(product, 31), p.right - 31))


def _nvdla_truncate(x: int, p: Factors, _: Any) -> int:
    """``q = (x << 16) >> t; guard = q[15]; stick = q[14:0] != 0``.

    ``(q >> 16) + (guard & (x >= 0 or stick))``, saturated.
    """
    q = (x << 16) >> p.right
    guard, stick = q >> 15 & 1, (q & 0x7FFF) != 0
    return _held((q >> 16) + (guard and (x >= 0 or stick)), 32)


def _nvdla_sdp(x: int, p: Factors, _: Any) -> int:
    return _held(_half_away((x + p.offset) * p.multiplier, p.right), 32)


def _nvdla_output(x: int, p: Factors, scheme: Any) -> int:
    seventeen = _held(_half_away((x + p.offset) * p.multiplier, p.right), 17)
    return _held(seventeen, scheme.result_bits)


def _vta_shift(x: int, p: Factors, _: Any) -> int:
    return _wrap32(x << p.shift if p.shift >= 0 else x >> p.right)


#: By the scheme's class name; the rest is in `outputs`.
FORMULAS: dict[str, Callable[[int, Factors, Any], int]] = {
    "DoubleRounding": lambda x, p, s: double_rounding(x, p.multiplier, p.shift, s.final),
    "SingleRounding": lambda x, p, _: single_rounding(x, p.multiplier, p.shift),
    "ReducedMultiplier": _one_rounding,
    "CmsisRequantizeS64": _requantize_s64,
    "MveSingleRounding": _mve_single,
    "Rndnu": _one_rounding,
    "FbgemmFixedPoint": _in_64_bits,
    "TosaScale32": _apply_scale_32,
    "TosaScale16": _one_rounding,
    "EthosU": _ethos_u,
    "NvdlaTruncate": _nvdla_truncate,
    "NvdlaSdp": _nvdla_sdp,
    "NvdlaOutput": _nvdla_output,
    "VtaShift": _vta_shift,
}
