"""Ranges that end at the median of the k largest numbers."""

from __future__ import annotations

import numpy as np

from pyqsim.calibration.fit import Reals
from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import ScaleRule

__all__ = ["TopKMedian"]


class TopKMedian(Method):
    """The lower median of the k largest magnitudes, or of the k largest and the k smallest numbers.

    Of k numbers in ascending order it is the one at ``(k - 1) // 2`` (from 0), as torch.median
    takes it: of ten, the 6th largest and the 5th smallest. (jun-fang/PWLQ has k = 10 and takes
    the mean of this over the batches; here all numbers are one batch.)
    """

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        self._largest = np.zeros((count, 0))
        self._smallest = np.zeros((count, 0))

    def _first(self, rows: Reals) -> None:
        k = self.options.top_k
        if self.rule.symmetric:
            rows = self.rule.magnitudes(rows)
        else:
            self._smallest = np.sort(np.hstack([self._smallest, rows]), axis=1)[:, :k]
        self._largest = np.sort(np.hstack([self._largest, rows]), axis=1)[:, -k:]

    def _span(self) -> tuple[Reals, Reals]:
        return np.maximum(-_median(self._smallest), 0.0), np.maximum(_median(self._largest), 0.0)


def _median(ascending: Reals) -> Reals:
    """The lower median of each row, 0 of no numbers."""
    count, k = ascending.shape
    return ascending[:, (k - 1) // 2] if k else np.zeros(count)
