"""One-dimensional k-means of rows: exact sums, so that chunks give what the whole gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyqsim.calibration.fit import Integers, Reals
from pyqsim.calibration.ranks import PASSES, RankSearch

__all__ = ["KMeans"]

_DIGITS = 3
_DIGIT_BITS = 30
_BLOCK = 1 << 20  # sums of so many digits are exact in a double


class KMeans:
    """Borders between as many clusters of the numbers of each row as there are levels.

    Lloyd's steps. Cluster i of L first has its centre at the number of rank
    ``floor((2i+1) * n / (2L))``; a number as near to two centres belongs to the lower one; a
    cluster without numbers keeps its centre. A mean is that of the numbers cut to multiples of
    ``2**-90`` of the range, added exactly, divided and rounded once.

    Fed in chunks, the first six passes find the first centres, each further one is a step.

    Parameters
    ----------
    count : int
        How many rows.
    levels : ndarray of float64, shape (clusters,)
        Ascending; of rows without numbers the borders are their midpoints.
    bound : float
        No magnitude is larger than twice this.
    iterations : int
        At most so many steps; it ends earlier where no number changes its cluster.

    Attributes
    ----------
    finished : bool
        Whether nothing needs to be fed any more.
    """

    def __init__(self, count: int, levels: Reals, bound: float, iterations: int) -> None:
        self.passes = PASSES + iterations + 1
        self.finished = False
        self._levels = levels
        self._exponent = int(np.frexp(bound)[1]) + 1
        self._count = count
        self._elements = 0
        self._turn = 0
        self._searches = [RankSearch(count) for _ in levels]
        self._middles = np.zeros((count, len(levels) - 1))
        self._previous: Integers | None = None
        self._clear()

    def _clear(self) -> None:
        """Nothing seen in this pass."""
        shape = (self._count, len(self._levels))
        self._sizes = np.zeros(shape, dtype=np.int64)
        self._sums = np.zeros((_DIGITS, *shape), dtype=np.int64)
        self._below = np.full(self._middles.shape, -np.inf)
        self._above = np.full(self._middles.shape, np.inf)

    def update(self, rows: Reals) -> None:
        """Take a chunk, shape (count, n)."""
        if self._turn < PASSES:
            self._elements += rows.shape[1] if self._turn == 0 else 0
            for search in self._searches:
                search.update(rows, self._turn)
            return
        for row, numbers in enumerate(rows):
            for start in range(0, len(numbers), _BLOCK):
                self._add(row, numbers[start : start + _BLOCK])

    def _add(self, row: int, numbers: Reals) -> None:
        """Count numbers, add them and keep those next to the borders."""
        middles, clusters = self._middles[row], len(self._levels)
        cluster = np.searchsorted(middles, numbers, side="left")
        self._sizes[row] += np.bincount(cluster, minlength=clusters)
        for digits, sums in zip(self._digits(numbers), self._sums, strict=True):
            sums[row] += np.bincount(cluster, digits, clusters).astype(np.int64)
        ascending = np.sort(numbers)
        ends = np.searchsorted(ascending, middles, side="right")
        padded = np.concatenate([[-np.inf], ascending, [np.inf]])
        self._below[row] = np.maximum(self._below[row], padded[ends])
        self._above[row] = np.minimum(self._above[row], padded[ends + 1])

    def _digits(self, numbers: Reals) -> Iterator[Reals]:
        """Integers of 30 bits and the sign of the number, the highest first."""
        rest = np.ldexp(numbers, -self._exponent)
        for _ in range(_DIGITS):
            rest = np.ldexp(rest, _DIGIT_BITS)
            digits = np.trunc(rest)
            rest = rest - digits
            yield digits

    def end(self) -> None:
        """Close the pass."""
        clusters = len(self._levels)
        if self._turn < PASSES:
            for i, search in enumerate(self._searches):
                search.end((2 * i + 1) * self._elements // (2 * clusters))
        if self._turn == PASSES - 1:
            self._centres = np.stack([search.values() for search in self._searches], axis=1)
            self._searches = []
            self._move()
        elif self._turn >= PASSES:
            self._step()
        self._turn += 1

    def _step(self) -> None:
        """Move the centres, unless this was the last pass."""
        same = self._previous is not None and bool((self._previous == self._sizes).all())
        if same or self._turn == self.passes - 1:
            self.finished = True
            return
        self._previous = self._sizes
        for place in np.argwhere(self._sizes > 0):
            row, cluster = place.tolist()
            total = 0
            for digit in self._sums[:, row, cluster].tolist():
                total = (total << _DIGIT_BITS) + digit
            mean = total / int(self._sizes[row, cluster])
            self._centres[row, cluster] = np.ldexp(mean, self._exponent - _DIGITS * _DIGIT_BITS)
        self._move()
        self._clear()

    def _move(self) -> None:
        """Borders of new centres, which ascend but for what was cut off tiny numbers."""
        self._centres = np.maximum.accumulate(self._centres, axis=1)
        self._middles = (self._centres[:, 1:] + self._centres[:, :-1]) / 2

    def fit(self, rows: Reals) -> Reals:
        """Borders of rows that are there as a whole, shape (count, clusters - 1)."""
        if rows.shape[1] == 0:
            return self.borders()
        ascending = np.sort(rows, axis=1)
        clusters, self._elements = len(self._levels), rows.shape[1]
        ranks = (2 * np.arange(clusters) + 1) * self._elements // (2 * clusters)
        self._centres = ascending[:, ranks]
        self._move()
        self._turn = PASSES
        none = np.zeros((self._count, 1), dtype=np.int64)
        below = [
            np.hstack([none, np.cumsum(digits.astype(np.int64), axis=1)])
            for digits in self._digits(ascending)
        ]
        padded = np.hstack([none - np.inf, ascending, none + np.inf])
        while not self.finished:
            for row in range(self._count):
                ends = np.searchsorted(ascending[row], self._middles[row], side="right")
                edges = np.concatenate([[0], ends, [self._elements]])
                self._sizes[row] = np.diff(edges)
                self._sums[:, row] = [np.diff(sums[row, edges]) for sums in below]
                self._below[row], self._above[row] = padded[row, ends], padded[row, ends + 1]
            self.end()
        return self.borders()

    def borders(self) -> Reals:
        """Midway between the last number of a cluster and the first of the next, or two centres.

        Returns
        -------
        ndarray of float64, shape (count, clusters - 1)
            Ascending.
        """
        if self._elements == 0:
            midpoints = (self._levels[1:] + self._levels[:-1]) / 2
            return np.tile(midpoints, (self._count, 1))
        between = np.isfinite(self._below) & np.isfinite(self._above)
        below, above = (np.where(between, ends, 0.0) for ends in (self._below, self._above))
        borders = np.where(between, (below + above) / 2, self._middles)
        return np.asarray(np.maximum.accumulate(borders, axis=1))
