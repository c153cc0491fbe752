"""A natural logarithm of additions, multiplications and divisions: the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["natural_logarithm"]

_LOG_2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476


def natural_logarithm(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Logarithms of positive integers, and 0 for 0; within a few units of 2**-52.

    Parameters
    ----------
    counts : ndarray of int64
        0..2**53.

    Returns
    -------
    ndarray of float64, the same shape

    Notes
    -----
    With ``n = m * 2**e``, m in [sqrt(1/2), sqrt(2)), and ``s = (m - 1) / (m + 1)``, at most
    0.1716: ``log m = 2 * (s + s**3/3 + ... + s**23/23)``. numpy's own logarithm is the C
    library's.

    Examples
    --------
    >>> natural_logarithm(np.array([0, 1, 8]))
    array([0.        , 0.        , 2.07944154])
    """
    mantissa, exponent = np.frexp(np.maximum(counts, 1).astype(np.float64))
    low = mantissa < _ROOT_HALF
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), exponent - low
    s = (mantissa - 1) / (mantissa + 1)
    square, series = s * s, np.zeros_like(s)
    for odd in range(23, 0, -2):
        series = series * square + 1 / odd
    return np.asarray(2 * s * series + exponent * _LOG_2)
