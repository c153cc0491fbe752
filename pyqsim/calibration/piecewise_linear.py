"""Where the breakpoint of piecewise linear codes lies: expected error, one shot, search; bias."""

from __future__ import annotations

from math import erfc, exp, log, pi, sqrt

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.rows import deviation, mean, real_rows, squares
from pyqsim.errors import ModeError, ShapeError
from pyqsim.formats.base import scale_array
from pyqsim.formats.piecewise_linear import PiecewiseLinear

__all__ = [
    "bias_correction",
    "expected_error",
    "expected_error_slope",
    "fit_piecewise_linear",
    "one_shot_breakpoint",
    "optimal_breakpoint",
    "search_ratio",
]

_Reals = npt.NDArray[np.float64]

_DISTRIBUTIONS = ("gaussian", "laplace")
_METHODS = ("optimum", "program", "one_shot", "search")
_PROGRAM_TOLERANCE = 1e-3


def fit_piecewise_linear(
    x: npt.ArrayLike,
    fmt: PiecewiseLinear,
    *,
    method: str = "optimum",
    distribution: str = "gaussian",
    breakpoint: npt.ArrayLike | None = None,
) -> _Reals:
    """Find the scales of every row: m its largest magnitude, the breakpoint by a rule.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)
        Finite real numbers; each row has scales of its own.
    fmt : PiecewiseLinear
        With more than one breakpoint only `breakpoint` can say where they are.
    method : {"optimum", "program", "one_shot", "search"}
        ``"optimum"``: `optimal_breakpoint` to full precision. ``"program"``: with the published
        program's tolerance of 1e-3, its default. ``"one_shot"``: `one_shot_breakpoint`.
        ``"search"``: `search_ratio`, which needs no distribution.
    distribution : {"gaussian", "laplace"}
        What the numbers are taken for, with mean 0; their deviation is that of the row.
    breakpoint : array_like of float, optional
        Ratios p / m in (0, 1), given instead of fitted: of shape (), (parameters,), or with
        several breakpoints (breakpoints,) or (breakpoints, parameters).

    Returns
    -------
    ndarray of float64, shape (planes, parameters)
        See `PiecewiseLinear.scales`. m is 1 where a row has no number other than 0.

    Raises
    ------
    ModeError
        For a method or distribution that does not exist, or that `fmt` does not have.
    ShapeError
        For an `x` without two axes, or ratios that do not meet it.
    QuantizationError
        For NaN or infinity in `x`, ratios outside (0, 1), scales that underflow.

    Notes
    -----
    Rows are measured in units of their largest magnitude, so that a power of two as a factor of a
    row is one of its scales. The deviation is the unbiased one plus 1e-12 of these units (the
    program adds 1e-12 as it stands). Sums are correctly rounded; exp, log and erfc are those of
    the C library, whose last bits may differ between machines: a breakpoint that is given, or
    searched for, does not depend on them.

    References
    ----------
    Fang et al., ECCV 2020, section 3.2 and supplement; program jun-fang/PWLQ, quant/pwlq.py.

    Examples
    --------
    >>> fmt = PiecewiseLinear(4)
    >>> fit_piecewise_linear([[-8.0, 1.0, 0.0, -1.0]], fmt, breakpoint=0.25)[2]
    array([2.])
    >>> fit_piecewise_linear([[-8.0, 1.0, 0.0, -1.0]], fmt, method="search")[2]
    array([1.752])
    """
    rows = real_rows(x)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    largest = np.where(largest > 0, largest, 1.0)
    if breakpoint is not None:
        return fmt.scales(largest, *_given_ratios(breakpoint, fmt.breakpoints, len(rows)))
    if method not in _METHODS:
        raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, _METHODS))}")
    if fmt.breakpoints > 1:
        raise ModeError(f"method={method!r}, allowed for {fmt}: breakpoint= with its ratios")
    ratios = [
        _ratio(row / m, fmt, method, distribution) for row, m in zip(rows, largest, strict=True)
    ]
    return fmt.scales(largest, ratios)


def _given_ratios(breakpoint: npt.ArrayLike, breakpoints: int, parameters: int) -> _Reals:
    ratios = scale_array(breakpoint)
    if breakpoints == 1 and ratios.ndim < 2:
        ratios = ratios[np.newaxis]
    shapes = ((breakpoints,), (breakpoints, parameters))
    if ratios.shape not in shapes:
        raise ShapeError(f"breakpoint.shape={ratios.shape}, allowed: {shapes}")
    return ratios


def _ratio(row: _Reals, fmt: PiecewiseLinear, method: str, distribution: str) -> float:
    """p / m of a row whose largest magnitude is 1."""
    if method == "search":
        return search_ratio(row, fmt)
    m = 1 / (deviation(row) + 1e-12)
    if method == "one_shot":
        if fmt.variant == "overlapping":
            raise ModeError(f"method='one_shot', allowed for {fmt}: the others")
        p = one_shot_breakpoint(m, distribution)
    else:
        tolerance = _PROGRAM_TOLERANCE if method == "program" else 0.0
        p = optimal_breakpoint(m, distribution, fmt.variant, tolerance)
    return p / m


def _density_and_tail(p: float, distribution: str) -> tuple[float, float]:
    """f(p) and 2 * (1 - F(p)) of deviation 1, for p >= 0."""
    if distribution == "gaussian":
        return exp(-p * p / 2) / sqrt(2 * pi), erfc(p / sqrt(2))
    if distribution == "laplace":
        tail = exp(-p * sqrt(2))  # its scale is sqrt(1/2)
        return tail / sqrt(2), tail
    raise ModeError(
        f"distribution={distribution!r}, allowed: {', '.join(map(repr, _DISTRIBUTIONS))}"
    )


def expected_error(
    m: float, p: float, bits: int, distribution: str = "gaussian", variant: str = "paper"
) -> float:
    """Expected square error of numbers of deviation 1 in [-m, m], to first order.

    ``C(b-1) * ((m-p)**2 + m*(2p-m)*(2F(p)-1))`` with ``C(b) = 1 / (12 * (2**b-1)**2)``: every
    step is taken as uniform. At ``p = m / 2`` it is C(b-1) * m**2 / 4. Overlapping, ranges [-p, p]
    and [-m, m] of b bits: ``4*C(b) * (p**2 * (2F(p)-1) + m**2 * 2*(1-F(p)))``.

    Parameters
    ----------
    m, p : float
        Range and breakpoint in units of the deviation, 0 <= p <= m.
    bits : int
        b, at least 2.
    distribution : {"gaussian", "laplace"}
    variant : {"paper", "repo", "overlapping"}
        "repo" counts as "paper".

    Returns
    -------
    float

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> round(expected_error(10, 2.209, 4) / expected_error(10, 5, 4), 3)
    0.256
    """
    _, tail = _density_and_tail(p, distribution)
    if variant == "overlapping":
        steps = (1 << bits) - 1
        return (p * p * (1 - tail) + m * m * tail) / (3 * steps**2)
    steps = (1 << (bits - 1)) - 1
    return ((m - p) ** 2 + m * (2 * p - m) * (1 - tail)) / (12 * steps**2)


def expected_error_slope(
    m: float, p: float, distribution: str = "gaussian", variant: str = "paper"
) -> float:
    """A positive multiple of the derivative of `expected_error` by p, as the program has it.

    ``p - 2m + 2m*F(p) + m*(2p-m)*f(p)``; overlapping ``2f(p)*(p**2-m**2) + 2p*(2F(p)-1)``.

    Parameters
    ----------
    m, p, distribution, variant
        As of `expected_error`.

    Returns
    -------
    float
        Negative at p = 0, positive at p = m.

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> expected_error_slope(10, 2.208) < 0 < expected_error_slope(10, 2.210)
    True
    """
    density, tail = _density_and_tail(p, distribution)
    if variant == "overlapping":
        return 2 * density * (p * p - m * m) + 2 * p * (1 - tail)
    return p - m * tail + m * density * (2 * p - m)


def optimal_breakpoint(
    m: float, distribution: str = "gaussian", variant: str = "paper", tolerance: float = 0.0
) -> float:
    """Find the breakpoint of least expected error by bisection on [0, m].

    Parameters
    ----------
    m : float
        Range in units of the deviation, finite, > 0.
    distribution, variant
        As of `expected_error`.
    tolerance : float
        Ends where the magnitude of the slope is at most this (the program: 1e-3, at most 100
        halvings); 0: where no double lies between the two ends.

    Returns
    -------
    float
        p, in units of the deviation.

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> round(optimal_breakpoint(10.0), 4), round(optimal_breakpoint(10.0, tolerance=1e-3), 4)
    (2.2096, 2.2095)
    """
    left, right = 0.0, m
    halvings = 100 if tolerance else 1200
    for _ in range(halvings):
        middle = (right - left) / 2 + left
        slope = expected_error_slope(m, middle, distribution, variant)
        if abs(slope) <= tolerance or middle in (left, right):
            break
        left, right = (middle, right) if slope < 0 else (left, middle)
    return middle


def one_shot_breakpoint(m: float, distribution: str = "gaussian") -> float:
    """Evaluate the published closed form, fitted to the optimum for m in 3..10.

    ``ln(0.86143114*m + 0.607901097496529)`` or ``0.80304483*sqrt(m) - 0.3166785508381478``. The
    paper prints ``p / m`` on the left; its program shows that the value is p.

    Parameters
    ----------
    m : float
        Range in units of the deviation. Below 0.455 (Laplace: 0.155) the result is negative; the
        range of numbers is never that small.
    distribution : {"gaussian", "laplace"}

    Returns
    -------
    float
        p, in units of the deviation.

    Raises
    ------
    ModeError
        For another distribution.

    Examples
    --------
    >>> round(one_shot_breakpoint(10.0), 2)
    2.22
    """
    _density_and_tail(0.0, distribution)
    if distribution == "gaussian":
        return log(0.86143114 * m + 0.607901097496529)
    return 0.80304483 * sqrt(m) - 0.3166785508381478


def search_ratio(row: npt.ArrayLike, fmt: PiecewiseLinear) -> float:
    """Search p / m from coarse to fine for the least square error of a row.

    0.1 to 0.9 by 0.1; then 0.1 to either side of the best by 0.01; then 0.01 to either side by
    0.001. A later candidate wins only where the root of the sum of squares is strictly smaller.

    Parameters
    ----------
    row : array_like of float, shape (elements,)
    fmt : PiecewiseLinear
        With one breakpoint.

    Returns
    -------
    float
        A multiple of 0.001, in 0.001..0.999.

    Notes
    -----
    The program begins with a smallest error of 1e4, so that it fails where the error is larger,
    and can try the ratio 0, at which the centre has no step; both are mended here. The ratios are
    whole thousandths, where the program adds 0.1, 0.01 and 0.001 up in doubles.

    Examples
    --------
    >>> search_ratio(np.array([4.0, -1.0, 0.5, 0.25, 0.1]), PiecewiseLinear(4))
    0.24
    """
    numbers = np.asarray(row, dtype=np.float64)
    largest = float(np.abs(numbers).max(initial=0.0)) or 1.0
    numbers = numbers / largest
    best, least = 500, float("inf")
    for step in (100, 10, 1):
        first, last = (100, 900) if step == 100 else (best - 10 * step, best + 10 * step)
        for thousandths in range(max(first, step), min(last, 1000 - step) + 1, step):
            error = _root_error(numbers, fmt, thousandths / 1000)
            if error < least:
                best, least = thousandths, error
    return best / 1000


def _root_error(row: _Reals, fmt: PiecewiseLinear, ratio: float) -> float:
    """Root of the sum of squared errors at m = 1."""
    scales = fmt.scales(1.0, ratio)
    value = np.zeros(row.shape)
    for integers, scale in zip(fmt.decode(fmt.encode(row, scales)), scales, strict=True):
        value = value + integers * scale
    return sqrt(squares(value - row))


def bias_correction(x: npt.ArrayLike, quantized: npt.ArrayLike) -> tuple[_Reals, _Reals]:
    """Gain and offset that make quantized rows deviate as the original ones do, about their mean.

    ``corrected = gain * quantized + offset``, ``gain = std(x) / std(quantized)``,
    ``offset = gain * (mean(x) - mean(quantized))``. The gain belongs into the scales. The offset
    is added to every weight, and so adds ``offset * sum(activations)`` to an output. The mean of
    the result is ``gain * mean(x)``: the program adds before it multiplies.

    Parameters
    ----------
    x, quantized : array_like of float, shape (parameters, elements)
        The reals before and after quantization.

    Returns
    -------
    gain, offset : ndarray of float64, shape (parameters,)

    Raises
    ------
    ShapeError
        For other shapes.

    Notes
    -----
    Where either deviation is 0 the gain is 1. (The program adds 1e-12 to std(quantized), and maps
    a row of equal numbers to 0.)

    Examples
    --------
    >>> gain, offset = bias_correction([[-1.0, 1.0]], [[0.0, 1.0]])
    >>> gain * [0.0, 1.0] + offset
    array([-1.,  1.])
    """
    before, after = real_rows(x), real_rows(quantized)
    if before.shape != after.shape:
        raise ShapeError(f"quantized.shape={after.shape}, allowed: {before.shape}")
    gains, offsets = [], []
    for row, codes in zip(before, after, strict=True):
        wide, narrow = deviation(row), deviation(codes)
        gains.append(wide / narrow if wide > 0 and narrow > 0 else 1.0)
        offsets.append(gains[-1] * (mean(row) - mean(codes)))
    return np.array(gains), np.array(offsets)
