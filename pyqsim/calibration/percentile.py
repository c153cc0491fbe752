"""Ranges that leave out a share of the largest numbers: exact order statistics."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np

from pyqsim.calibration.fit import Integers, Reals
from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.ranks import PASSES, RankSearch
from pyqsim.calibration.scale_rule import ScaleRule

__all__ = ["Percentile"]


class Percentile(Method):
    """Nearest rank: the ``ceil(p * n)``-th smallest, found digit by digit in six passes.

    Rows that are there as a whole are sorted instead. Six passes keep 16 KiB a row and end.
    """

    passes = PASSES

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        self.share = Fraction(str(options.percentile)) / 100
        self._selections: list[RankSearch] = []

    def _views(self, rows: Reals) -> list[Reals]:
        """What is ranked: magnitudes, or the numbers from either end."""
        return [self.rule.magnitudes(rows)] if self.rule.symmetric else [rows, -rows]

    def _first(self, rows: Reals) -> None:
        if not self._selections:
            self._selections = [RankSearch(self.count) for _ in self._views(rows)]
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
