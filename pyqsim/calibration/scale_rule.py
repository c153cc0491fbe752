"""The scale and zero point by which a format covers a range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyqsim.calibration.fit import Integers, Reals, power_of_two_above
from pyqsim.errors import ModeError, QuantizationError
from pyqsim.formats import Affine, Format, LogQuant, PowerOfTwo
from pyqsim.formats.base import first_place
from pyqsim.formats.quotient import floor_quotient, round_halves
from pyqsim.modes import HALF_EVEN

__all__ = ["SMALLEST", "ScaleRule"]

#: No scale is smaller.
SMALLEST = np.float64(2.0**-1074)


@dataclass(frozen=True, slots=True)
class ScaleRule:
    """From ranges ``[-low, high]`` to scales and zero points.

    Parameters
    ----------
    fmt : Format
        Of one plane.
    symmetric : bool or "half_step"
        See `pyqsim.calibration.fit_scale`.
    power_of_two : bool
        Whether scales are rounded up to powers of two.

    Raises
    ------
    ModeError
        For a symmetry the format does not take.
    """

    fmt: Format
    symmetric: bool | str
    power_of_two: bool = False

    def __post_init__(self) -> None:
        allowed: tuple[bool | str, ...] = (True,)
        if self.fmt.has_zero_point:
            allowed = (True, False)
        if isinstance(self.fmt, Affine) and self.fmt.signed and not self.fmt.narrow:
            allowed = (True, False, "half_step")
        if self.symmetric not in allowed:
            raise ModeError(
                f"symmetric={self.symmetric!r}, allowed for {self.fmt}: {allowed} or None"
            )
        if not isinstance(self.power_of_two, bool):
            raise ModeError(f"power_of_two={self.power_of_two!r}, allowed: True, False")

    @property
    def signed(self) -> bool:
        """Whether the format has negative values."""
        return bool(self.fmt.integers().min() < 0)

    def magnitudes(self, rows: Reals) -> Reals:
        """Magnitudes; without sign, negative numbers count as 0."""
        return np.abs(rows) if self.signed else np.maximum(rows, 0.0)

    def alpha(self, low: Reals, high: Reals) -> Reals:
        """The largest magnitude in ``[-low, high]``, of numbers >= 0 only without sign."""
        return np.maximum(low, high) if self.signed else high

    def parameters(self, low: Reals, high: Reals) -> tuple[Reals, Integers]:
        """Scales and zero points of ranges.

        Parameters
        ----------
        low, high : ndarray of float64, >= 0
            The range is ``[-low, high]``.

        Returns
        -------
        scale : ndarray of float64, the same shape
            1 where the range is empty; never 0, but inf where float64 does not hold it.
        zero_point : ndarray of int64, the same shape
        """
        with np.errstate(over="ignore"):
            if self.symmetric:
                alpha = self.alpha(low, high)
                scale = self._rounded_up(_usable(self._symmetric(alpha), alpha))
                return scale, np.zeros(scale.shape, dtype=np.int64)
            span = high + low
        scale = _usable(span / (self.fmt.code_max - self.fmt.code_min), span)
        scale = self._rounded_up(scale)
        return scale, self._zero_point(low, span, scale)

    def _symmetric(self, alpha: Reals) -> Reals:
        fmt = self.fmt
        if isinstance(fmt, LogQuant):
            octave = fmt.rounded_exponent(alpha) // fmt.steps_per_octave
            return np.asarray(np.ldexp(1.0, octave + 1))
        if isinstance(fmt, PowerOfTwo) and fmt.member == "inq":
            mantissa, exponent = np.frexp(alpha)
            return np.asarray(np.ldexp(1.0, exponent - 1 + (mantissa >= 0.75)))
        if isinstance(fmt, Affine) and fmt.signed:
            half_step = ((1 << fmt.bits) - 1) / 2
            return alpha / (half_step if self.symmetric == "half_step" else max(fmt.code_max, 1))
        levels = fmt.levels()
        return np.asarray(alpha / max(abs(levels[0]), levels[-1]))

    def _rounded_up(self, scale: Reals) -> Reals:
        return power_of_two_above(scale) if self.power_of_two else scale

    def _zero_point(self, low: Reals, span: Reals, scale: Reals) -> Integers:
        finite = np.where(np.isinf(scale), 1.0, scale)
        halves, inexact = floor_quotient(low, finite, 1)
        zero_point = round_halves(halves + 2 * self.fmt.code_min, inexact, HALF_EVEN)
        zero_point = np.clip(zero_point, self.fmt.code_min, self.fmt.code_max)
        return np.where(span > 0, zero_point, 0)

    @staticmethod
    def check(scale: Reals) -> None:
        """Raise `QuantizationError` for a scale that float64 does not hold."""
        bad = np.asarray(np.isinf(scale))
        if bad.any():
            raise QuantizationError(
                f"fitted scale{first_place(bad, scale)}, allowed: finite (x spans too wide a range)"
            )


def _usable(scale: Reals, span: Reals) -> Reals:
    """1 where there is nothing to fit; never 0."""
    return np.where(span > 0, np.maximum(scale, SMALLEST), 1.0)
