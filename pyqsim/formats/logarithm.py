"""The base-2 logarithm of an exact quotient, rounded to the nearest integer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["nearest_logarithm"]

#: Differences of squares below this are exact in wrapping int64, above it right in float64.
_EXACT_BELOW = 2.0**60


def nearest_logarithm(
    x: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """``round(log2(x / scale))``: e + 1 above ``sqrt(2) * 2**e``, else e; there are no ties.

    Parameters
    ----------
    x : ndarray of float64
        Finite, > 0 (the result for 0 has no meaning).
    scale : ndarray of float64
        Finite, > 0, broadcastable to `x`.

    Returns
    -------
    ndarray of int64, shape of `x`

    Notes
    -----
    With ``x = m * 2**e`` and ``scale = d * 2**f``, m and d integers of 53 bits, the quotient of
    m and d lies in (1/2, 2): its logarithm rounds to 1 where ``m**2 > 2 * d**2``, to -1 where
    ``2 * m**2 < d**2``. Squares of 106 bits are compared by their difference: in float64, whose
    error is below 2**56, where it is large, and modulo 2**64 where it is small.

    Examples
    --------
    >>> nearest_logarithm(np.array([1.41421, 1.41422, 0.5]), np.array(1.0))
    array([ 0,  1, -1])
    """
    mantissa, exponent = np.frexp(x)
    divisor, divisor_exponent = np.frexp(scale)
    m, d = np.ldexp(mantissa, 53), np.ldexp(divisor, 53)
    up = _above_root_two(m, d)
    down = _above_root_two(d, m)
    return np.asarray(exponent - divisor_exponent, dtype=np.int64) + up - down


def _above_root_two(
    m: npt.NDArray[np.float64], d: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """1 where ``m**2 > 2 * d**2``, else 0, for integers of 53 bits."""
    large = m * m - 2.0 * d * d
    mi, di = m.astype(np.int64), d.astype(np.int64)
    with np.errstate(over="ignore"):
        small = mi * mi - 2 * di * di
    return np.where(np.abs(large) < _EXACT_BELOW, small > 0, large > 0).astype(np.int64)
