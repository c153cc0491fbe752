"""Ranges that leave out a share of the largest numbers: exact order statistics."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import Integers, Reals, ScaleRule

__all__ = ["Percentile"]

_DIGIT_BITS = 11
_PASSES = 6
_SIGN = np.uint64(1 << 63)


class Percentile(Method):
    """Nearest rank: the ``ceil(p * n)``-th smallest, found digit by digit in six passes.

    Rows that are there as a whole are sorted instead. Six passes keep 16 KiB a row and end.
    """

    passes: ClassVar[int] = _PASSES

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        self.share = Fraction(str(options.percentile)) / 100
        self._selections: list[_Selection] = []

    def _views(self, rows: Reals) -> list[Reals]:
        """What is ranked: magnitudes, or the numbers from either end."""
        return [self.rule.magnitudes(rows)] if self.rule.symmetric else [rows, -rows]

    def _first(self, rows: Reals) -> None:
        if not self._selections:
            self._selections = [_Selection(self.count) for _ in self._views(rows)]
        self._later(rows)

    def _later(self, rows: Reals) -> None:
        for selection, view in zip(self._selections, self._views(rows), strict=True):
            selection.update(view, self.turn)

    def _rank(self) -> int:
        return ceil(self.share * self.elements) - 1

    def _end(self) -> None:
        for selection in self._selections:
            selection.end(self._rank())

    def fit(self, rows: Reals) -> tuple[Reals, Integers]:
        """Sort instead of six passes."""
        self.elements = rows.shape[1]
        views = self._views(rows) if self.elements else []
        found = [np.sort(view, axis=1)[:, self._rank()] for view in views]
        return self.rule.parameters(*self._ends(found))

    def _span(self) -> tuple[Reals, Reals]:
        return self._ends([selection.values() for selection in self._selections])

    def _ends(self, found: list[Reals]) -> tuple[Reals, Reals]:
        """``low, high`` from what was found for each view, with 0 between them."""
        none = np.zeros(self.count)
        high, low = [*(np.maximum(numbers, 0.0) for numbers in found), none, none][:2]
        return low, high


class _Selection:
    """The number of a rank in each row, by histograms of its bits from the top."""

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
        count, width = self._histogram.shape
        shift = _DIGIT_BITS * (_PASSES - 1 - turn)
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
        bits = np.where(self._prefix & _SIGN, self._prefix ^ _SIGN, ~self._prefix)
        return bits.view(np.float64)
