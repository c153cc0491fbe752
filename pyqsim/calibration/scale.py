"""How scale and zero point of a format are found from data."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from numbers import Real

import numpy as np
import numpy.typing as npt

from pyqsim.errors import ModeError, OperandError, QuantizationError
from pyqsim.formats import Affine, Format, LogQuant, Planes
from pyqsim.formats.base import check_format, first_place, real_array
from pyqsim.formats.quotient import floor_quotient, round_halves
from pyqsim.modes import HALF_EVEN
from pyqsim.tensor import Granularity

__all__ = ["fit_scale"]

_METHODS = ("max", "percentile")
_SMALLEST = np.float64(2.0**-1074)

_Reals = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]


def fit_scale(
    x: npt.ArrayLike,
    fmt: Format,
    axis: int | None = None,
    method: str = "max",
    *,
    group: int | None = None,
    group_axis: int = 0,
    symmetric: bool | None = None,
    percentile: float = 99.9,
) -> tuple[_Reals, _Integers]:
    """Find scales and zero points from data.

    Only elementwise IEEE double operations, maxima and sorting: the result is the same on every
    machine.

    Parameters
    ----------
    x : array_like of float or int
        Finite real numbers; see `pyqsim.formats.base.real_array`.
    fmt : Format
    axis, group, group_axis
        One scale for each channel, group or both; see `pyqsim.tensor.QTensor`.
    method : {"max", "percentile"}
        ``"max"``: the range holds every number. ``"percentile"``: alpha below is the nearest-rank
        percentile, the ``ceil(percentile / 100 * n)``-th smallest of n magnitudes (no
        interpolation); hi likewise of the numbers, lo the number as far from the other end.
    symmetric : bool, optional
        True: zero point 0. False: the range is [lo, hi] (formats with zero point only).
        Default: False for unsigned `Affine`, else True.
    percentile : float
        In (0, 100], taken as the decimal number it prints as.

    Returns
    -------
    scale : ndarray of float64
        ``()``, ``(channels,)``, ``(groups,)`` or ``(groups, channels)``.
    zero_point : ndarray of int64, the same shape

    Raises
    ------
    QuantizationError
        For NaN or infinity in `x`, a range that float64 does not hold, a format made from codes.
    ModeError
        For a method, percentile or symmetry that does not exist.
    OperandError
        For an `x` that does not hold real numbers, an `fmt` that is no format.
    ShapeError
        For axes `x` does not have.

    Notes
    -----
    alpha is the largest magnitude, of the numbers >= 0 only where the format has no sign.

    ==================================  =======================================================
    `Affine`, symmetric                 ``alpha / code_max`` (127 for 8 signed bits, narrow or
                                        not; of 1 signed bit, codes -1 and 0, ``alpha``)
    `Affine`, not symmetric             lo, hi widened to contain 0;
                                        ``(hi - lo) / (code_max - code_min)``,
                                        ``zero_point = clamp(round(code_min - lo / scale))``,
                                        HALF_EVEN on the exact rational
    `LogQuant`                          ``2**(r + 1)``, r the logarithm of alpha rounded by
                                        the format's `log_rounding`
    `PowerOfTwo`, `APoT`                ``alpha / largest level``
    ==================================  =======================================================

    Where the range is empty (no numbers, or all 0) the scale is 1 and the zero point 0. A scale
    that underflows is the smallest positive double.

    Examples
    --------
    >>> scale, zero_point = fit_scale([-1.0, 3.0], Affine(8, signed=False))
    >>> float(scale) * 255, int(zero_point)
    (4.0, 64)
    """
    check_format(fmt)
    reals = real_array("x", x)
    granularity = Granularity(reals.shape, axis, group, group_axis)
    if isinstance(fmt, Planes):
        raise QuantizationError(f"fmt={fmt}, allowed: a format with a scale rule")
    unsigned = isinstance(fmt, Affine) and not fmt.signed
    symmetric = not unsigned if symmetric is None else symmetric
    allowed = (True, False) if fmt.has_zero_point else (True,)
    if symmetric not in allowed:
        raise ModeError(f"symmetric={symmetric!r}, allowed for {fmt}: {allowed} or None")
    tail = _tail(method, percentile)
    fits = [
        _symmetric(row, fmt, tail) if symmetric else _asymmetric(row, fmt, tail)
        for row in granularity.rows(reals)
    ]
    shape = granularity.parameter_shape
    scale = np.concatenate([scale for scale, _ in fits]).reshape(shape)
    zero_point = np.concatenate([zero_point for _, zero_point in fits]).reshape(shape)
    bad = np.asarray(np.isinf(scale))
    if bad.any():
        raise QuantizationError(
            f"fitted scale{first_place(bad, scale)}, allowed: finite (x spans too wide a range)"
        )
    return scale, zero_point


def _tail(method: str, percentile: float) -> Fraction:
    """Return the share of the numbers that may lie outside the range, at either end."""
    if method not in _METHODS:
        raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, _METHODS))}")
    if isinstance(percentile, bool) or not isinstance(percentile, Real):
        raise OperandError(f"percentile={percentile!r}, allowed: a number in (0, 100]")
    if not 0 < percentile <= 100:
        raise ModeError(f"percentile={percentile!r}, allowed: 0 < percentile <= 100")
    return Fraction(0) if method == "max" else 1 - Fraction(str(percentile)) / 100


def _upper(rows: _Reals, tail: Fraction) -> _Reals:
    """Return the ``ceil((1 - tail) * n)``-th smallest of each row; 0 of empty rows."""
    count = rows.shape[1]
    if count == 0:
        return np.zeros(len(rows))
    if tail == 0:
        return np.asarray(rows.max(axis=1))
    return np.asarray(np.sort(rows, axis=1)[:, ceil((1 - tail) * count) - 1])


def _symmetric(rows: _Reals, fmt: Format, tail: Fraction) -> tuple[_Reals, _Integers]:
    signed = fmt.integers().min() < 0
    alpha = _upper(np.abs(rows) if signed else np.maximum(rows, 0.0), tail)
    with np.errstate(over="ignore"):
        if isinstance(fmt, LogQuant):
            scale = np.ldexp(1.0, fmt.rounded_exponent(alpha) + 1)
        elif isinstance(fmt, Affine) and signed:
            scale = alpha / max(fmt.code_max, 1)
        else:
            scale = alpha / fmt.levels()[-1]
    return _usable(scale, alpha), np.zeros(len(rows), dtype=np.int64)


def _asymmetric(rows: _Reals, fmt: Format, tail: Fraction) -> tuple[_Reals, _Integers]:
    high = np.maximum(_upper(rows, tail), 0.0)
    low = np.minimum(-_upper(-rows, tail), 0.0)
    with np.errstate(over="ignore"):
        scale = _usable((high - low) / (fmt.code_max - fmt.code_min), high - low)
    halves, inexact = floor_quotient(-low, scale, 1)
    zero_point = round_halves(halves + 2 * fmt.code_min, inexact, HALF_EVEN)
    zero_point = np.clip(zero_point, fmt.code_min, fmt.code_max)
    return scale, np.where(high > low, zero_point, 0)


def _usable(scale: _Reals, span: _Reals) -> _Reals:
    """1 where there is nothing to fit; never 0."""
    return np.where(span > 0, np.maximum(scale, _SMALLEST), 1.0)
