"""Sums that are the same on every machine, in every order and in every cut into chunks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["FixedSums"]

_UNIT_BITS = 60
_DIGIT_BITS = 30
_DIGIT = (1 << _DIGIT_BITS) - 1


class FixedSums:
    """Sums of numbers in [0, 1), each first cut to a multiple of 2**-60, then added exactly.

    Parameters
    ----------
    count : int
        How many sums; fewer than 2**33 numbers each.

    Examples
    --------
    >>> sums = FixedSums(2)
    >>> sums.add(np.array([[0.5, 0.25], [0.0, 0.75]]))
    >>> [total / 2**60 for total in sums.totals()]
    [0.75, 0.75]
    """

    def __init__(self, count: int) -> None:
        self._high = np.zeros(count, dtype=np.int64)
        self._low = np.zeros(count, dtype=np.int64)

    def add(self, values: npt.NDArray[np.float64]) -> None:
        """Add numbers in [0, 1), shape (count, n): every row to its sum."""
        units = np.ldexp(values, _UNIT_BITS).astype(np.int64)
        self._high += (units >> _DIGIT_BITS).sum(axis=1)
        self._low += (units & _DIGIT).sum(axis=1)

    def totals(self) -> list[int]:
        """The sums in units of 2**-60."""
        pairs = zip(self._high.tolist(), self._low.tolist(), strict=True)
        return [(high << _DIGIT_BITS) + low for high, low in pairs]

    def below(self, other: FixedSums) -> npt.NDArray[np.bool_]:
        """Whether each sum is smaller than that of `other`, shape (count,)."""
        (high, low), (other_high, other_low) = self._digits(), other._digits()
        smaller = (high < other_high) | ((high == other_high) & (low < other_low))
        return np.asarray(smaller, dtype=np.bool_)

    def copy(self) -> FixedSums:
        """Return sums that go their own way."""
        other = FixedSums(len(self._high))
        other.replace(np.ones(len(self._high), dtype=np.bool_), self)
        return other

    def replace(self, where: npt.NDArray[np.bool_], other: FixedSums) -> None:
        """Take over some of the sums of `other`."""
        self._high[where] = other._high[where]
        self._low[where] = other._low[where]

    def _digits(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return self._high + (self._low >> _DIGIT_BITS), self._low & _DIGIT
