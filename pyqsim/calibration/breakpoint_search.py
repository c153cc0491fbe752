"""Where breakpoints of piecewise linear codes lie for the numbers: least square error."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.exact_sum import ExactSums
from pyqsim.calibration.fit import Integers, Reals
from pyqsim.formats.piecewise_linear import PiecewiseLinear

__all__ = ["RatioSearch", "RegionSearch", "search_ratio"]

_WHOLE = 500

#: Places, in 1/500 of the range: of 0, of every breakpoint, of the end.
_Layers = list[list[int]]


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
    search = RatioSearch(fmt, 1)
    while not search.finished:
        search.update((numbers / largest)[np.newaxis])
        search.end()
    return float(search.ratios()[0, 0])


class RatioSearch:
    """`search_ratio` of rows in chunks, three passes.

    Parameters
    ----------
    fmt : PiecewiseLinear
        With one breakpoint.
    count : int
        How many rows; their largest magnitude is 1.
    """

    def __init__(self, fmt: PiecewiseLinear, count: int) -> None:
        self._fmt = fmt
        self._best = np.full(count, 500)
        self._least = np.full(count, np.inf)
        self._finer = [10, 1]
        self.finished = False
        self._open(np.tile(np.arange(100, 901, 100), (count, 1)))

    def _open(self, candidates: Integers) -> None:
        """Begin a stage with these thousandths, a row each."""
        self._candidates = candidates.T
        self._sums = [ExactSums(len(candidates)) for _ in self._candidates]

    def update(self, rows: Reals) -> None:
        """Take a chunk, shape (count, n)."""
        for thousandths, sums in zip(self._candidates, self._sums, strict=True):
            scales = self._fmt.scales(1.0, thousandths / 1000)[:, :, np.newaxis]
            value = np.zeros(rows.shape)
            integers = self._fmt.decode(self._fmt.encode(rows, scales))
            for plane, scale in zip(integers, scales, strict=True):
                value = value + plane * scale
            error = value - rows
            sums.add_rows(error * error)

    def end(self) -> None:
        """Close the pass: keep the best, look around it more finely."""
        for thousandths, sums in zip(self._candidates, self._sums, strict=True):
            error = np.sqrt(sums.rounded())
            better = error < self._least
            self._best = np.where(better, thousandths, self._best)
            self._least = np.where(better, error, self._least)
        self.finished = not self._finer
        if not self.finished:
            step = self._finer.pop(0)
            around = self._best[:, np.newaxis] + step * np.arange(-10, 11)
            self._open(np.clip(around, step, 1000 - step))

    def ratios(self) -> Reals:
        """p / m, shape (1, count)."""
        return np.asarray(self._best[np.newaxis] / 1000)


class RegionSearch:
    """Several breakpoints of least square error, from coarse to fine, in three passes.

    All choices among multiples of 1/20; then of 1/100, each at most 1/20 from the best; then of
    1/500, each at most 1/100 from it. In each stage every choice counts, by dynamic programming:
    the square error is a sum over regions. Of equals the one whose last breakpoint is smallest,
    then the one before, and so on. Not published; the program has one breakpoint.

    Parameters
    ----------
    fmt : PiecewiseLinear
        With several breakpoints.
    count : int
        How many rows; their largest magnitude is 1.

    Notes
    -----
    Zeros err nothing. A magnitude s in a region (low, high] is taken for ``low + step * k``, ``k =
    round((s - low) / step)`` at most n, in doubles; sums of squares are exact.
    """

    def __init__(self, fmt: PiecewiseLinear, count: int) -> None:
        self._steps = float((1 << (fmt.bits - 1)) - 1)
        self._breakpoints = fmt.breakpoints
        self._finer = [5, 1]
        self.finished = False
        first = [list(range(25, 500, 25))] * fmt.breakpoints
        self._open([first] * count)

    def _open(self, candidates: list[_Layers]) -> None:
        """Begin a stage: per row, what each breakpoint may be, in 1/500, ascending."""
        self._layers = [[[0], *row, [_WHOLE]] for row in candidates]
        self._regions = [_regions(layers) for layers in self._layers]
        self._sums = [ExactSums(len(regions)) for regions in self._regions]

    def update(self, rows: Reals) -> None:
        """Take a chunk, shape (count, n)."""
        for row, regions, sums in zip(rows, self._regions, self._sums, strict=True):
            ascending = np.sort(np.abs(row))
            ends = np.searchsorted(ascending, np.arange(_WHOLE + 1) / _WHOLE, side="right")
            errors = [
                self._errors(ascending[ends[low] : ends[high]], low / _WHOLE, high / _WHOLE)
                for low, high in regions
            ]
            index = np.repeat(np.arange(len(regions)), [len(error) for error in errors])
            error = np.concatenate(errors)
            sums.add(error * error, index)

    def _errors(self, sizes: Reals, low: float, high: float) -> Reals:
        """Of magnitudes in one region."""
        step = (high - low) / self._steps
        return sizes - (low + step * np.minimum(np.rint((sizes - low) / step), self._steps))

    def end(self) -> None:
        """Close the pass: keep the best, look around it more finely."""
        self._best = [
            _cheapest(layers, dict(zip(regions, sums.totals(), strict=True)))
            for layers, regions, sums in zip(self._layers, self._regions, self._sums, strict=True)
        ]
        self.finished = not self._finer
        if not self.finished:
            step = self._finer.pop(0)
            around = range(-5 * step, 6 * step, step)
            self._open(
                [
                    [[p + d for d in around if 0 < p + d < _WHOLE] for p in places]
                    for places in self._best
                ]
            )

    def ratios(self) -> Reals:
        """p / m, shape (breakpoints, count)."""
        return np.asarray(np.array(self._best).reshape(-1, self._breakpoints).T / _WHOLE)


def _regions(layers: _Layers) -> list[tuple[int, int]]:
    """Every region between a place of a layer and one of the next."""
    pairs = {
        (low, high)
        for lows, highs in pairwise(layers)
        for low, high in product(lows, highs)
        if low < high
    }
    return sorted(pairs)


def _cheapest(layers: _Layers, cost: dict[tuple[int, int], int]) -> list[int]:
    """The breakpoints, one a layer and ascending, whose regions cost least together."""
    least: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for highs in layers[1:]:
        least = {
            high: min(
                (
                    (total + cost[low, high], [high, *places])
                    for low, (total, places) in least.items()
                    if low < high
                ),
            )
            for high in highs
            if min(least) < high
        }
    return least[_WHOLE][1][:0:-1]
