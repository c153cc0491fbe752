"""Ranges with the smallest squared error, on a grid."""

from __future__ import annotations

import numpy as np

from pyqsim.calibration.fit import Integers, Reals
from pyqsim.calibration.fixed_sum import FixedSums
from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import SMALLEST, ScaleRule

__all__ = ["SquaredError"]

#: Elements that are encoded at a time, which bounds the memory of temporary arrays.
_BLOCK = 1 << 16


class SquaredError(Method):
    """The range among ``j / grid`` of the whole one whose quantization errs least.

    A row's errors are divided by ``2**E``, E the least with ``2**E > 2 * max(abs(x))``; their
    float64 squares are cut to multiples of 2**-60 and added exactly.
    """

    passes = 2

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        self._candidates: list[tuple[Reals, Integers, FixedSums]] = []

    def _end(self) -> None:
        """Lay out the grid after the first pass; wider ranges first, none twice."""
        if self.turn > 0:
            return
        self.rule.check(self.rule.parameters(self.low, self.high)[0])
        grid, last = self.options.grid, None
        for j in range(grid, 0, -1):
            span = _part(self.low, j / grid), _part(self.high, j / grid)
            scale, zero_point = self.rule.parameters(*span)
            if last is None or np.any(scale != last):
                self._candidates.append((scale, zero_point, FixedSums(self.count)))
            last = scale

    def _later(self, rows: Reals) -> None:
        width = max(_BLOCK // self.count, 1)
        for start in range(0, rows.shape[1], width):
            self._add_errors(rows[:, start : start + width])

    def _add_errors(self, rows: Reals) -> None:
        exponent = (np.frexp(np.maximum(self.low, self.high))[1] + 1)[:, None]
        small = np.ldexp(rows, -exponent)
        for scale, zero_point, errors in self._candidates:
            levels = self._levels(rows, scale, zero_point)
            error = small - levels * np.ldexp(scale[:, None], -exponent)
            errors.add(error * error)

    def _levels(self, rows: Reals, scale: Reals, zero_point: Integers) -> Reals:
        """What rows are encoded to, at scale 1."""
        fmt = self.rule.fmt
        codes = fmt.encode(rows, scale[:, None], zero_point[:, None])
        integers = fmt.decode(codes) - zero_point[:, None]
        return np.asarray(np.ldexp(integers.astype(np.float64), -fmt.frac_bits))

    def result(self) -> tuple[Reals, Integers]:
        """The candidate with the smallest sum; of equals, the widest."""
        scale, zero_point, best = self._candidates[0]
        scale, zero_point, best = scale.copy(), zero_point.copy(), best.copy()
        for candidate, candidate_zero_point, errors in self._candidates[1:]:
            better = errors.below(best)
            scale[better] = candidate[better]
            zero_point[better] = candidate_zero_point[better]
            best.replace(better, errors)
        return scale, zero_point


def _part(end: Reals, share: float) -> Reals:
    """A share of the ends of ranges; 0 only where they are 0."""
    return np.maximum(end * share, np.minimum(end, SMALLEST))
