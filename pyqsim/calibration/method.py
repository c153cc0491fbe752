"""What every way of finding a range promises; the way of the extremes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import Integers, Reals, ScaleRule

__all__ = ["Method"]


class Method:
    """Finds ranges of rows of numbers that are fed chunk by chunk, `passes` times in all.

    This one takes the extremes. Others override what is named with an underscore: `_first` and
    `_later` see the chunks, `_end` closes a pass, `_span` or `result` gives what was found.
    Nothing depends on how rows are cut into chunks, or on the order of their elements.

    Parameters
    ----------
    rule : ScaleRule
    options : Options
    count : int
        How many rows, each with a scale of its own.

    Attributes
    ----------
    low, high : ndarray of float64, shape (count,)
        ``[-low, high]`` holds every number of the first pass, and 0.
    elements : int
        Numbers in a row, after the first pass.
    turn : int
        The pass, from 0.
    """

    passes: ClassVar[int] = 1
    symmetric_only: ClassVar[bool] = False

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        self.rule = rule
        self.options = options
        self.count = count
        self.low = np.zeros(count)
        self.high = np.zeros(count)
        self.elements = 0
        self.turn = 0

    @property
    def alpha(self) -> Reals:
        """The largest magnitude of each row."""
        return self.rule.alpha(self.low, self.high)

    def update(self, rows: Reals) -> None:
        """Take a chunk, shape (count, n)."""
        if rows.size == 0:
            return
        if self.turn == 0:
            self.elements += rows.shape[1]
            self.high = np.maximum(self.high, rows.max(axis=1))
            self.low = np.maximum(self.low, -rows.min(axis=1))
            self._first(rows)
        else:
            self._later(rows)

    def end(self) -> None:
        """Close the pass."""
        self._end()
        self.turn += 1

    def fit(self, rows: Reals) -> tuple[Reals, Integers]:
        """Fit rows that are there as a whole: the same result as from chunks."""
        for _ in range(self.passes):
            self.update(rows)
            self.end()
        return self.result()

    def result(self) -> tuple[Reals, Integers]:
        """Scales and zero points, shape (count,), after the last pass."""
        return self.rule.parameters(*self._span())

    def _span(self) -> tuple[Reals, Reals]:
        """``low, high`` of the range found."""
        return self.low, self.high

    def _first(self, rows: Reals) -> None:
        """See a chunk in pass 0."""

    def _later(self, rows: Reals) -> None:
        """See a chunk in pass 1 and later."""

    def _end(self) -> None:
        """Draw conclusions from the pass."""
