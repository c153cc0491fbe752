"""Rounding and overflow rules as values: named constants, user-made tables, lower-case names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from pyqsim.errors import ModeError

__all__ = [
    "AWAY_FROM_ZERO",
    "CEIL",
    "FLOOR",
    "HALF_AWAY",
    "HALF_DOWN",
    "HALF_EVEN",
    "HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE",
    "HALF_ODD",
    "HALF_TOWARD_ZERO",
    "HALF_UP",
    "JAM",
    "OVERFLOWS",
    "ROUNDINGS",
    "SATURATE",
    "SATURATE_HOLD",
    "SATURATE_SYMMETRIC",
    "SATURATE_ZERO",
    "SIGN_MAGNITUDE_WRAP",
    "STOCHASTIC",
    "TOWARD_ZERO",
    "TO_ODD",
    "TRAP",
    "TRUNCATE_MAGNITUDE",
    "WRAP",
    "WRAP_SATURATED_BITS",
    "Overflow",
    "OverflowRule",
    "Rounding",
]


def _is_int_in(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


@dataclass(frozen=True, slots=True, repr=False)
class Rounding:
    """When one is added to the floor of an exact quotient.

    Parameters
    ----------
    table : int
        16 bits. Bit ``8 * (v < 0) + 4 * (floor is odd) + remainder`` is 1 where 1 is added;
        remainder is 0 (zero), 1 (below half), 2 (half), 3 (above half).
    name : str, optional
        Upper-case name of a named rule; user-made tables have none.
    seed : int, optional
        Makes the rule STOCHASTIC (see `STOCHASTIC`); `table` is then unused and 0.
    random_bits : int, optional
        How many of the dropped bits are random; the lower ones of R are 0.

    Notes
    -----
    A quotient whose denominator is 1 (no right shift, divisor 1) has nothing to round and is
    passed as it is, whatever the table says of remainder zero.

    Examples
    --------
    >>> HALF_UP.adds_one(negative=True, odd=False, remainder=2)
    True
    >>> Rounding(table=0xC0C0)          # user-made: half up, but only where the floor is odd
    Rounding(table=0xc0c0)
    """

    table: int
    name: str | None = None
    seed: int | None = None
    random_bits: int | None = None

    def __post_init__(self) -> None:
        if not _is_int_in(self.table, 0, 0xFFFF):
            raise ModeError(f"Rounding: table={self.table!r}, allowed: an int in 0..0xffff")
        if self.seed is not None and not _is_int_in(self.seed, 0, 2**64 - 1):
            raise ModeError(f"STOCHASTIC: seed={self.seed!r}, allowed: an int in 0..2**64-1")
        if self.random_bits is not None and not _is_int_in(self.random_bits, 0, 64):
            raise ModeError(f"STOCHASTIC: random_bits={self.random_bits!r}, allowed: 0..64")

    @property
    def stochastic(self) -> bool:
        """Whether the rule draws random numbers."""
        return self.seed is not None

    def adds_one(self, *, negative: bool, odd: bool, remainder: int) -> bool:
        """Whether 1 is added to the floor, for one of the 16 cases."""
        return bool(self.table >> (8 * negative + 4 * odd + remainder) & 1)

    def __repr__(self) -> str:
        if self.seed is not None:
            return f"STOCHASTIC(seed={self.seed}, random_bits={self.random_bits})"
        return self.name or f"Rounding(table={self.table:#06x})"

    @staticmethod
    def of(value: Rounding | str) -> Rounding:
        """Take a rule or its lower-case name."""
        if isinstance(value, Rounding):
            return value
        return _by_name("rounding", value, ROUNDINGS)


def _table(*remainders: tuple[int, int, int, int]) -> int:
    """Pack the four columns (v >= 0 even, v >= 0 odd, v < 0 even, v < 0 odd) into 16 bits."""
    bits = [bit for column in remainders for bit in column]
    return sum(bit << index for index, bit in enumerate(bits))


_NONE, _ABOVE, _HALF, _ANY, _ALL = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 1, 1, 1),
    (1, 1, 1, 1),
)

#                                v >= 0 even, odd   v < 0 even, odd
FLOOR = Rounding(_table(_NONE, _NONE, _NONE, _NONE), "FLOOR")
CEIL = Rounding(_table(_ANY, _ANY, _ANY, _ANY), "CEIL")
TOWARD_ZERO = Rounding(_table(_NONE, _NONE, _ANY, _ANY), "TOWARD_ZERO")
AWAY_FROM_ZERO = Rounding(_table(_ANY, _ANY, _NONE, _NONE), "AWAY_FROM_ZERO")
HALF_UP = Rounding(_table(_HALF, _HALF, _HALF, _HALF), "HALF_UP")
HALF_DOWN = Rounding(_table(_ABOVE, _ABOVE, _ABOVE, _ABOVE), "HALF_DOWN")
HALF_AWAY = Rounding(_table(_HALF, _HALF, _ABOVE, _ABOVE), "HALF_AWAY")
HALF_TOWARD_ZERO = Rounding(_table(_ABOVE, _ABOVE, _HALF, _HALF), "HALF_TOWARD_ZERO")
HALF_EVEN = Rounding(_table(_ABOVE, _HALF, _ABOVE, _HALF), "HALF_EVEN")
HALF_ODD = Rounding(_table(_HALF, _ABOVE, _HALF, _ABOVE), "HALF_ODD")
TO_ODD = Rounding(_table(_ANY, _NONE, _ANY, _NONE), "TO_ODD")
#: Floor plus the sign bit (APyTypes TRN_MAG): also moves exact negative quotients.
TRUNCATE_MAGNITUDE = Rounding(_table(_NONE, _NONE, _ALL, _ALL), "TRUNCATE_MAGNITUDE")
#: Floor with the last bit always 1 (APyTypes JAM); RISC-V's rod is TO_ODD.
JAM = Rounding(_table(_ALL, _NONE, _ALL, _NONE), "JAM")
#: The Xilinx DPU's rounding.
HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE = Rounding(
    _table(_ABOVE, _HALF, _HALF, _HALF), "HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE"
)

#: Every named rounding rule; tests and docs run over this list.
ROUNDINGS: tuple[Rounding, ...] = (
    FLOOR,
    CEIL,
    TOWARD_ZERO,
    AWAY_FROM_ZERO,
    HALF_UP,
    HALF_DOWN,
    HALF_AWAY,
    HALF_TOWARD_ZERO,
    HALF_EVEN,
    HALF_ODD,
    TO_ODD,
    TRUNCATE_MAGNITUDE,
    JAM,
    HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE,
)


def STOCHASTIC(seed: int, random_bits: int | None = None) -> Rounding:  # noqa: N802 - a rule's name
    """Round up with probability equal to the dropped fraction, reproducibly.

    ``(v + R) >> shift``, R the top `shift` bits of word1:word0 of Philox4x32-10 with key = seed
    (low word first) and counter = (position, n, m, 256 * step + term): the same bits for any
    tiling, thread count and kernel. `position` is the slot (in the datapath's order) of the last
    real term inside the value; for a product `step` is 255 and `term` counts its powers of two
    from the lowest (with two shifting operands: a's powers outer, b's inner); for a step `term`
    is 0, or the index inside `spill`. Output steps count on from the reduce steps and have the
    position -1 (as an unsigned 32-bit word). Planes and scale groups draw the same numbers.

    Parameters
    ----------
    seed : int
        0..2**64-1.
    random_bits : int, optional
        Hardware with few random bits: only the top `random_bits` of R's bits are drawn, the
        lower ones are 0. Default: all.

    Returns
    -------
    Rounding
    """
    if seed is None:
        raise ModeError("STOCHASTIC: seed=None, allowed: 0..2**64-1")
    return Rounding(0, "STOCHASTIC", seed, random_bits)


class OverflowRule(IntEnum):
    """The rules' numbers, equal to the C library's."""

    WRAP = 0
    SATURATE = 1
    SATURATE_SYMMETRIC = 2
    SATURATE_HOLD = 3
    TRAP = 4
    SATURATE_ZERO = 5
    WRAP_SATURATED_BITS = 6
    SIGN_MAGNITUDE_WRAP = 7


@dataclass(frozen=True, slots=True, repr=False)
class Overflow:
    """What a register does with a value outside its range.

    Parameters
    ----------
    rule : OverflowRule
    saturated_bits : int
        n of `WRAP_SATURATED_BITS` and `SIGN_MAGNITUDE_WRAP`, 0 for the other rules.
    """

    rule: OverflowRule
    saturated_bits: int = 0

    @property
    def name(self) -> str:
        """Upper-case name of the rule."""
        return self.rule.name

    def __repr__(self) -> str:
        takes_n = self.rule >= OverflowRule.WRAP_SATURATED_BITS
        return f"{self.name}({self.saturated_bits})" if takes_n else self.name

    @staticmethod
    def of(value: Overflow | str) -> Overflow:
        """Take a rule or its lower-case name."""
        if isinstance(value, Overflow):
            return value
        return _by_name("overflow", value, OVERFLOWS)


#: Two's complement.
WRAP = Overflow(OverflowRule.WRAP)
#: Clamp to the range.
SATURATE = Overflow(OverflowRule.SATURATE)
#: Clamp to ``[-(2**(b-1)-1), 2**(b-1)-1]``; the excluded minimum itself is an overflow.
SATURATE_SYMMETRIC = Overflow(OverflowRule.SATURATE_SYMMETRIC)
#: Clamp and keep the rail until cleared: later additions are not made (nor seen, nor counted).
SATURATE_HOLD = Overflow(OverflowRule.SATURATE_HOLD)
#: The call fails and names the first place.
TRAP = Overflow(OverflowRule.TRAP)
#: An overflow gives 0 (Narrow only).
SATURATE_ZERO = Overflow(OverflowRule.SATURATE_ZERO)


def WRAP_SATURATED_BITS(n: int) -> Overflow:  # noqa: N802 - a rule's name
    """HLS AP_WRAP with n > 0 saturated bits (Narrow only).

    On overflow the top n bits become the true sign followed by its complement n - 1 times, the
    low bits are kept; an unsigned register gets n ones on any overflow.
    """
    return Overflow(OverflowRule.WRAP_SATURATED_BITS, _saturated_bits("WRAP_SATURATED_BITS", n, 1))


def SIGN_MAGNITUDE_WRAP(n: int) -> Overflow:  # noqa: N802 - a rule's name
    """HLS AP_WRAP_SM with n saturated bits (Narrow only, signed only).

    Only where the rounded value q overflows W bits. n = 0: s is bit W of the floor of the
    unrounded value; the sign becomes s, and the low W-1 bits of q are inverted if s differs from
    q's bit W-1. n = 1: the same with s the true sign. n > 1: the top n bits as
    `WRAP_SATURATED_BITS`, and the low W-n bits are inverted if q's bit W-n equals the true sign.
    """
    return Overflow(OverflowRule.SIGN_MAGNITUDE_WRAP, _saturated_bits("SIGN_MAGNITUDE_WRAP", n, 0))


def _saturated_bits(name: str, n: int, smallest: int) -> int:
    if not _is_int_in(n, smallest, 64):
        raise ModeError(f"{name}: n={n!r}, allowed: {smallest}..64 and at most the register's bits")
    return n


#: Every rule without a parameter.
OVERFLOWS: tuple[Overflow, ...] = (
    WRAP,
    SATURATE,
    SATURATE_SYMMETRIC,
    SATURATE_HOLD,
    TRAP,
    SATURATE_ZERO,
)


_Rule = TypeVar("_Rule", Rounding, Overflow)


def _by_name(what: str, value: object, rules: tuple[_Rule, ...]) -> _Rule:
    for rule in rules:
        if isinstance(value, str) and rule.name is not None and rule.name.lower() == value:
            return rule
    names = ", ".join(repr((rule.name or "").lower()) for rule in rules)
    raise ModeError(f"{what}={value!r}, allowed: {names}, or a rule as a value")
