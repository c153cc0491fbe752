"""Order statistics of rows that come in chunks, exact in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.fit import Integers, Reals

__all__ = ["PASSES", "RankSearch"]

#: Passes over the data.
PASSES = 6

_DIGIT_BITS = 11
_SIGN = np.uint64(1 << 63)


class RankSearch:
    """The number of a rank in each row, by histograms of its bits from the top in `PASSES` passes.

    Parameters
    ----------
    count : int
        How many rows.
    """

    def __init__(self, count: int) -> None:
        self._prefix = np.zeros(count, dtype=np.uint64)
        self._rank: Integers | None = None
        self._histogram = np.zeros((count, 1 << _DIGIT_BITS), dtype=np.int64)

    @staticmethod
    def _keys(rows: Reals) -> npt.NDArray[np.uint64]:
        """Unsigned integers in the order of the numbers."""
        bits = np.ascontiguousarray(rows).view(np.uint64)
        return np.where(bits & _SIGN, ~bits, bits | _SIGN)

    def update(self, rows: Reals, turn: int) -> None:
        """Count a chunk, shape (count, n), in pass `turn` from 0."""
        count, width = self._histogram.shape
        shift = _DIGIT_BITS * (PASSES - 1 - turn)
        top = self._keys(rows) >> np.uint64(shift)
        digit = (top & np.uint64(width - 1)).astype(np.int64)
        index = digit + width * np.arange(count)[:, None]
        prefix = self._prefix[:, None]
        chosen = index[(top >> np.uint64(_DIGIT_BITS)) == prefix]
        self._histogram += np.bincount(chosen, minlength=count * width).reshape(count, width)

    def end(self, rank: int) -> None:
        """Take the digit under which the rank falls; `rank` (from 0) counts in pass 0."""
        ranks = np.full(len(self._prefix), rank) if self._rank is None else self._rank
        up_to = np.cumsum(self._histogram, axis=1)
        digit = np.argmax(up_to > ranks[:, None], axis=1)
        every = np.arange(len(digit))
        self._rank = ranks - (up_to[every, digit] - self._histogram[every, digit])
        self._prefix = (self._prefix << np.uint64(_DIGIT_BITS)) | digit.astype(np.uint64)
        self._histogram[:] = 0

    def values(self) -> Reals:
        """The numbers found, shape (count,), after the last pass."""
        bits = np.where(self._prefix & _SIGN, self._prefix ^ _SIGN, ~self._prefix)
        return bits.view(np.float64)
