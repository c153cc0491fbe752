"""What every way of finding a range promises; the way of the extremes."""

from __future__ import annotations

from pyqsim.calibration.fit import Fit, Integers, Reals
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import ScaleRule

__all__ = ["Method"]


class Method(Fit):
    """Finds a range of every row, of which the rule makes a scale; this one takes the extremes.

    Others override `_span` or `result` too, which give what was found.

    Parameters
    ----------
    rule : ScaleRule
    options : Options
    count : int
        How many rows, each with a scale of its own.
    """

    symmetric_only: bool = False
    symmetric_first: bool = False

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule.fmt, count)
        self.rule = rule
        self.options = options

    @property
    def alpha(self) -> Reals:
        """The largest magnitude of each row, as the format sees it."""
        return self.rule.alpha(self.low, self.high)

    def result(self) -> tuple[Reals, Integers]:
        """Scales and zero points, shape (count,), after the last pass."""
        return self.rule.parameters(*self._span())

    def _span(self) -> tuple[Reals, Reals]:
        """``low, high`` of the range found."""
        return self.low, self.high
