"""Sums over rows of reals that are the same on every machine: correctly rounded, in no order."""

from __future__ import annotations

from math import fsum, sqrt

import numpy as np
import numpy.typing as npt

from pyqsim.errors import ShapeError
from pyqsim.formats.base import real_array

__all__ = ["deviation", "mean", "real_rows", "squares"]

_Reals = npt.NDArray[np.float64]


def real_rows(x: npt.ArrayLike) -> _Reals:
    """Take rows of elements that share a parameter as float64; see `real_array`.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)

    Returns
    -------
    ndarray of float64, the same shape

    Raises
    ------
    ShapeError
        For any other number of axes.
    """
    rows = real_array("x", x)
    if rows.ndim != 2:
        raise ShapeError(f"x.shape={rows.shape}, allowed: (parameters, elements)")
    return rows


def mean(row: _Reals) -> float:
    """The mean of a row: its sum is rounded once. 0 of no numbers.

    Examples
    --------
    >>> mean(np.array([1e100, 1.0, -1e100, 1.0]))
    0.5
    """
    return fsum(row) / len(row) if len(row) else 0.0


def squares(row: _Reals) -> float:
    """The sum of squares (of doubles, each rounded), rounded once."""
    return fsum(row * row)


def deviation(row: _Reals) -> float:
    """Standard deviation with n - 1 (unbiased variance); 0 of fewer than two numbers.

    Examples
    --------
    >>> deviation(np.array([1.0, 2.0, 3.0]))
    1.0
    """
    return sqrt(squares(row - mean(row)) / (len(row) - 1)) if len(row) > 1 else 0.0
