"""Sums of doubles without any rounding, in any order and any cut into chunks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["ExactSums"]

_BITS = 32
_BLOCK = 1 << 20  # sums of so many integers of `_BITS` bits are exact in a double
_UNIT = 1074 + 53 + _BITS


class ExactSums:
    """Sums of finite doubles, kept as integers: each is exact, and rounded when it is asked for.

    `rounded` gives what `math.fsum` gives of all the numbers at once.

    Parameters
    ----------
    count : int
        How many sums.

    Examples
    --------
    >>> sums = ExactSums(2)
    >>> sums.add(np.array([1e100, 1.0, 0.5]), np.array([0, 0, 1]))
    >>> sums.add(np.array([-1e100]), np.array([0]))
    >>> sums.rounded().tolist()
    [1.0, 0.5]
    """

    def __init__(self, count: int) -> None:
        self._totals = [0] * count

    def add(self, values: npt.NDArray[np.float64], index: npt.NDArray[np.integer]) -> None:
        """Add every value to the sum that its index names; both are flat and equally long."""
        for start in range(0, values.size, _BLOCK):
            self._add_block(values[start : start + _BLOCK], index[start : start + _BLOCK])

    def add_rows(self, rows: npt.NDArray[np.float64]) -> None:
        """Add every row of (count, n) to its sum."""
        self.add(rows.reshape(-1), np.repeat(np.arange(len(rows)), rows.shape[1]))

    def _add_block(self, values: npt.NDArray[np.float64], index: npt.NDArray[np.integer]) -> None:
        """Take 32 bits below the largest exponent off all values until nothing is left."""
        while True:
            left = values != 0
            values, index = values[left], index[left]
            if not values.size:
                return
            exponent = int(np.frexp(np.abs(values).max())[1])
            units = np.rint(np.ldexp(values, _BITS - exponent))
            sums = np.bincount(index, units, len(self._totals))
            for i in np.flatnonzero(sums).tolist():
                self._totals[i] += int(sums[i]) << (exponent - _BITS + _UNIT)
            values = values - np.ldexp(units, exponent - _BITS)

    def totals(self) -> list[int]:
        """The sums, in one unit too small for any double to be between two."""
        return list(self._totals)

    def rounded(self) -> npt.NDArray[np.float64]:
        """The sums, each rounded once, ties to even."""
        return np.array([float(Fraction(total, 1 << _UNIT)) for total in self._totals])
