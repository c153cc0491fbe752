"""Exact decisions on the rational x / scale of two float64 arrays, in elementwise IEEE arithmetic.

No decision is made on a rounded quotient: `floor_quotient` divides with remainder (fmod is exact
by definition on every conforming platform), and everything else works on its integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.modes import HALF_AWAY, Rounding

__all__ = ["floor_quotient", "nearest_level", "round_halves"]

_SATURATED = np.int64(2**63 - 1)


def floor_quotient(
    x: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], shift: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """``floor(x * 2**shift / scale)``, and whether the division left a remainder.

    Parameters
    ----------
    x : ndarray of float64
        Finite.
    scale : ndarray of float64
        Finite, > 0, broadcastable to `x`.
    shift : int
        0..64.

    Returns
    -------
    quotient : ndarray of int64, shape of `x`
        Exact; where its magnitude reaches 2**63, the largest int64 with the sign of `x`.
    inexact : ndarray of bool, shape of `x`
        Whether the quotient was rounded down; False where it saturated.

    Notes
    -----
    With ``|x| = m * 2**e`` and ``scale = d * 2**f``, m and d in [1/2, 1), the quotient is
    ``m / d * 2**(e - f + shift)``: a division of two 53-bit numbers, made in two digits of
    32 bits. A digit is ``(n - fmod(n, d)) / d``, below 2**32, so that its two roundings (2**-52
    relative) cannot reach the next integer.

    Examples
    --------
    >>> floor_quotient(np.array([0.3, -0.3]), np.array(0.1), 1)  # 0.3 / 0.1 is below 3
    (array([ 5, -6]), array([ True,  True]))
    """
    mantissa, exponent = np.frexp(np.abs(x))
    divisor, divisor_exponent = np.frexp(scale)
    exponent = exponent - divisor_exponent + shift
    saturated = (mantissa > 0) & ((exponent > 63) | ((exponent == 63) & (mantissa >= divisor)))
    mantissa = np.where(saturated, 0.0, mantissa)
    exponent = np.clip(exponent, -1, 63)  # at -1 and below the quotient is 0, all is remainder
    high, rest = _digit(np.ldexp(mantissa, exponent - 32), divisor)
    low, rest = _digit(np.ldexp(rest, 32), divisor)
    inexact = rest > 0
    quotient = np.where(saturated, _SATURATED, (high << 32) + low)
    return np.where(x < 0, -quotient - inexact, quotient), inexact


def _digit(
    numerator: npt.NDArray[np.float64], divisor: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """``numerator // divisor``, which must be below 2**32, and the remainder, both exact."""
    remainder = np.fmod(numerator, divisor)
    return np.rint((numerator - remainder) / divisor).astype(np.int64), remainder


def round_halves(
    halves: npt.NDArray[np.int64], inexact: npt.NDArray[np.bool_], rounding: Rounding
) -> npt.NDArray[np.int64]:
    """Round v to an integer, from ``floor(2 * v)``.

    Parameters
    ----------
    halves : ndarray of int64
        ``floor(2 * v)``.
    inexact : ndarray of bool
        Whether ``2 * v`` is not an integer.
    rounding : Rounding
        Any rule but STOCHASTIC. The rule is asked for exact integers too (remainder zero).

    Returns
    -------
    ndarray of int64

    Examples
    --------
    >>> from pyqsim.modes import HALF_EVEN
    >>> round_halves(np.array([1, 3, -1]), np.array([False, False, True]), HALF_EVEN)
    array([0, 2, 0])
    """
    floor = halves >> 1
    remainder = 2 * (halves & 1) + inexact
    case = 8 * (halves < 0) + 4 * (floor & 1) + remainder
    adds_one = np.array([rounding.table >> bit & 1 for bit in range(16)], dtype=np.int64)
    added: npt.NDArray[np.int64] = adds_one[case]
    return floor + added


def nearest_level(
    x: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
    frac_bits: int,
    levels: npt.NDArray[np.int64],
    rounding: Rounding,
) -> npt.NDArray[np.int64]:
    """Index of the level nearest to ``x / scale``, for x >= 0.

    Parameters
    ----------
    x : ndarray of float64
        Finite, >= 0.
    scale : ndarray of float64
        Finite, > 0, broadcastable to `x`.
    frac_bits : int
        Level i stands for ``levels[i] * 2**-frac_bits``.
    levels : ndarray of int64
        Ascending, distinct, in 0..2**62 - 1.
    rounding : Rounding
        HALF_AWAY: a tie goes to the larger level; else (HALF_TOWARD_ZERO) to the smaller.

    Returns
    -------
    ndarray of int64, shape of `x`

    Examples
    --------
    >>> from pyqsim.modes import HALF_TOWARD_ZERO
    >>> x = np.array([0.5, 1.5, 3.0, 3.1, 9.0])
    >>> nearest_level(x, np.array(1.0), 0, np.array([0, 1, 2, 4]), HALF_TOWARD_ZERO)
    array([0, 1, 2, 3, 3])
    """
    halves, inexact = floor_quotient(x, scale, frac_bits + 1)
    midpoints = levels[1:] + levels[:-1]  # in half steps, as `halves` is
    if rounding == HALF_AWAY:  # how many midpoints are <= 2v
        return np.searchsorted(midpoints, halves, side="right")
    return np.searchsorted(midpoints, halves + inexact, side="left")  # how many are < 2v
