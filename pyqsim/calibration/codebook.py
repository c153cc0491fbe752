"""Thresholds and scale of a codebook from data: clusters of the sorted numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.rows import real_rows
from pyqsim.errors import QuantizationError
from pyqsim.formats.codebook import Codebook

__all__ = ["fit_codebook"]

_Reals = npt.NDArray[np.float64]


def fit_codebook(
    x: npt.ArrayLike, fmt: Codebook, *, reach: float = 1.25, iterations: int = 300
) -> tuple[_Reals, _Reals]:
    """Find scale and thresholds of every row as the training of Quantization Networks starts.

    ``beta = reach * max(Y) / max(abs(row))`` and scale ``alpha = 1 / beta``, Y the levels; the
    thresholds lie midway between the last number of one cluster of ``beta * row`` and the first
    one of the next, as many clusters as levels.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)
        Finite real numbers.
    fmt : Codebook
        With ascending levels, the last one > 0; its own thresholds do not matter.
    reach : float
        Finite, > 0. The program: 5/4, so that the largest magnitude is 5/4 of the last level.
    iterations : int
        At most so many steps of k-means; it usually ends earlier, where nothing changes.

    Returns
    -------
    scales : ndarray of float64, shape (1, parameters)
        1 / reach of rows without a number other than 0 and a last level of 1, and so on.
    thresholds : ndarray of float64, shape (parameters, levels - 1)
        In units of the scale: ``Codebook(fmt.numbers, thresholds[i], fmt.frac_bits)`` is the
        format of row i.

    Raises
    ------
    QuantizationError
        For NaN or infinity in `x`, levels or a reach outside these ranges, a scale that
        underflows.
    ShapeError
        For an `x` without two axes.

    Notes
    -----
    k-means (Lloyd) begins with quantiles, where the program's library begins at random: cluster i
    of L first has its centre at the number of rank ``floor((2i+1) * n / (2L))``. A number as near
    to two centres belongs to the lower one. A cluster that becomes empty keeps its centre; its
    border on a side without numbers is midway between two centres. Only sorting, running sums and
    elementwise operations: the same on every machine.

    References
    ----------
    Yang et al., "Quantization Networks", CVPR 2019; program
    aliyun/alibabacloud-quantization-networks, tools/cluster.py and anybit.py.

    Examples
    --------
    >>> scales, thresholds = fit_codebook([[-5.0, -4.0, 0.0, 1.0, 4.0, 5.0]], Codebook([-1, 0, 1]))
    >>> scales                                      # 5 / 1.25
    array([[4.]])
    >>> thresholds * scales
    array([[-2. ,  2.5]])
    """
    rows = real_rows(x)
    levels = np.ldexp(np.array(fmt.numbers, dtype=np.float64), -fmt.frac_bits)
    if not (levels[-1] > 0 and bool((levels[:-1] < levels[1:]).all())):
        raise QuantizationError(f"fmt={fmt}, allowed: ascending levels, the last one > 0")
    if not 0 < reach < np.inf:
        raise QuantizationError(f"reach={reach!r}, allowed: finite and > 0")
    largest = np.abs(rows).max(axis=1, initial=0.0)
    scales = np.where(largest > 0, largest, 1.0) / (reach * levels[-1])
    fmt.check_scale(scales)
    thresholds = [
        _borders(np.sort(row / scale), levels, iterations)
        for row, scale in zip(rows, scales, strict=True)
    ]
    return scales[np.newaxis], np.array(thresholds).reshape(len(rows), len(levels) - 1)


def _borders(numbers: _Reals, levels: _Reals, iterations: int) -> _Reals:
    """Borders between clusters of sorted numbers, one cluster a level."""
    count, clusters = len(numbers), len(levels)
    if count == 0:
        return (levels[1:] + levels[:-1]) / 2
    centres = numbers[(2 * np.arange(clusters) + 1) * count // (2 * clusters)]
    sums = np.concatenate([[0.0], np.cumsum(numbers)])
    middles, ends = _split(numbers, centres)
    for _ in range(iterations):
        edges = np.concatenate([[0], ends, [count]])
        sizes = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(sizes, 1)
        centres = np.where(sizes > 0, means, centres)
        previous = ends
        middles, ends = _split(numbers, centres)
        if (ends == previous).all():
            break
    inside = (ends > 0) & (ends < count)
    below, above = numbers[np.maximum(ends - 1, 0)], numbers[np.minimum(ends, count - 1)]
    return np.maximum.accumulate(np.where(inside, (below + above) / 2, middles))


def _split(numbers: _Reals, centres: _Reals) -> tuple[_Reals, npt.NDArray[np.int64]]:
    """Midpoints of neighbouring centres, and how many numbers are at most each."""
    middles = (centres[1:] + centres[:-1]) / 2
    return middles, np.searchsorted(numbers, middles, side="right").astype(np.int64)
