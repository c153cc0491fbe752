"""Rounding an exact quotient to an integer: a 16-bit table, or random bits."""

from __future__ import annotations

from pyqsim.errors import DatapathError
from pyqsim.modes import Rounding

__all__ = ["round_quotient"]


def round_quotient(numerator: int, denominator: int, rounding: Rounding, random: int = 0) -> int:
    """Round ``numerator / denominator``, once, from the exact quotient.

    Add 1 to the floor where bit ``8 * (v < 0) + 4 * (floor odd) + remainder`` of the table is 1
    (remainder: 0 zero, 1 below half, 2 half, 3 above half). A denominator of 1 leaves nothing to
    round.

    Parameters
    ----------
    numerator, denominator : int
        The denominator is positive; for STOCHASTIC a power of two up to 2**64.
    rounding : Rounding
    random : int
        For STOCHASTIC: word1:word0 of the generator, 64 bits.

    Returns
    -------
    int

    Examples
    --------
    >>> from pyqsim.modes import HALF_EVEN
    >>> [round_quotient(v, 2, HALF_EVEN) for v in (-3, -1, 1, 3)]
    [-2, 0, 0, 2]
    """
    if denominator == 1:
        return numerator
    if rounding.stochastic:
        return _round_randomly(numerator, denominator, rounding, random)
    floor, rest = divmod(numerator, denominator)
    negative = numerator < 0
    case = 8 * negative + 4 * (floor % 2) + _remainder_class(rest, denominator)
    return floor + (rounding.table >> case & 1)


def _remainder_class(rest: int, denominator: int) -> int:
    if rest == 0:
        return 0
    if 2 * rest < denominator:
        return 1
    return 2 if 2 * rest == denominator else 3


def _round_randomly(numerator: int, denominator: int, rounding: Rounding, random: int) -> int:
    """``(v + R) >> shift``, R the top `shift` bits of the 64, all but the top ones 0 if few."""
    shift = denominator.bit_length() - 1
    if denominator != 1 << shift or shift > 64:
        raise DatapathError(
            f"STOCHASTIC: denominator={denominator}, allowed: powers of two up to 2**64"
        )
    drawn = shift if rounding.random_bits is None else min(shift, rounding.random_bits)
    R = (random >> (64 - drawn)) << (shift - drawn)
    return (numerator + R) >> shift
