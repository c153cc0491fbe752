"""What a fit may be told, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from pyqsim.errors import ModeError, OperandError

__all__ = ["Options", "check_iterations"]


@dataclass(frozen=True, slots=True)
class Options:
    """The numbers that the methods of `pyqsim.calibration.fit_scale` read; see there.

    Parameters
    ----------
    percentile : float
        In (0, 100], taken as the decimal number it prints as.
    top_k : int
        >= 1.
    bins : int
        A power of two, 16..65536.
    grid : int
        1..10000.

    Raises
    ------
    OperandError
        For a percentile that is no number.
    ModeError
        For numbers out of range.
    """

    percentile: float = 99.9
    top_k: int = 10
    bins: int = 2048
    grid: int = 100

    def __post_init__(self) -> None:
        if isinstance(self.percentile, bool) or not isinstance(self.percentile, Real):
            raise OperandError(f"percentile={self.percentile!r}, allowed: a number in (0, 100]")
        if not 0 < self.percentile <= 100:
            raise ModeError(f"percentile={self.percentile!r}, allowed: 0 < percentile <= 100")
        for name, low, high in (("top_k", 1, 2**31), ("bins", 16, 65536), ("grid", 1, 10000)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise ModeError(f"{name}={value!r}, allowed: an int in {low}..{high}")
            if not low <= value <= high:
                raise ModeError(f"{name}={value}, allowed: {low}..{high}")
        if self.bins & (self.bins - 1):
            raise ModeError(f"bins={self.bins}, allowed: a power of two")


def check_iterations(iterations: object) -> None:
    """Raise `ModeError` unless it is an int >= 0."""
    if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 0:
        raise ModeError(f"iterations={iterations!r}, allowed: an int >= 0")
