"""Scales of piecewise linear codes from data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.breakpoint_model import (
    DISTRIBUTIONS,
    one_shot_breakpoint,
    optimal_breakpoint,
    optimal_breakpoints,
)
from pyqsim.calibration.breakpoint_search import RatioSearch, RegionSearch
from pyqsim.calibration.exact_sum import ExactSums
from pyqsim.calibration.fit import Fit, Integers, Reals, power_of_two_above
from pyqsim.calibration.rows import real_rows
from pyqsim.errors import ModeError, ShapeError
from pyqsim.formats.base import scale_array
from pyqsim.formats.piecewise_linear import PiecewiseLinear

__all__ = ["METHODS", "PiecewiseLinearFit", "fit_piecewise_linear"]

#: Methods of the fit, the default first.
METHODS = ("optimum", "program", "one_shot", "search")

_PROGRAM_TOLERANCE = 1e-3
_MOST_FITTED = 16


def fit_piecewise_linear(
    x: npt.ArrayLike,
    fmt: PiecewiseLinear,
    *,
    method: str = "optimum",
    distribution: str = "gaussian",
    power_of_two: bool = False,
    breakpoint: npt.ArrayLike | None = None,
) -> Reals:
    """Find the scales of every row: m its largest magnitude, the breakpoint by a rule.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)
        Finite real numbers; each row has scales of its own.
    fmt : PiecewiseLinear
    method : {"optimum", "program", "one_shot", "search"}
        ``"optimum"``: `optimal_breakpoint` to full precision, or `optimal_breakpoints`.
        ``"program"``: with the published program's tolerance of 1e-3, its default.
        ``"one_shot"``: `one_shot_breakpoint`. ``"search"``: `search_ratio` or `RegionSearch`,
        which need no distribution. What is published has one breakpoint; what finds several is
        not published, and ``"program"`` and ``"one_shot"`` do not exist for them.
    distribution : {"gaussian", "laplace"}
        What the numbers are taken for, with mean 0; their deviation is that of the row.
    power_of_two : bool
        Makes every scale a power of two: see Notes.
    breakpoint : array_like of float, optional
        Ratios p / m in (0, 1), given instead of fitted: of shape (), (parameters,), or with
        several breakpoints (breakpoints,) or (breakpoints, parameters).

    Returns
    -------
    ndarray of float64, shape (planes, parameters)
        See `PiecewiseLinear.scales`. m is 1 where a row has no number other than 0.

    Raises
    ------
    ModeError
        For a method or distribution that does not exist, or that `fmt` does not have.
    ShapeError
        For an `x` without two axes, or ratios that do not meet it.
    QuantizationError
        For NaN or infinity in `x`, ratios outside (0, 1), scales that underflow.

    Notes
    -----
    Rows are measured in units of their largest magnitude, so that a power of two as a factor of a
    row is one of its scales. The deviation is the unbiased one plus 1e-12 of these units (the
    program adds 1e-12 as it stands). Sums are correctly rounded; exp, log and erfc are those of
    the C library, whose last bits may differ between machines: a breakpoint that is given, or
    searched for, does not depend on them.

    With `power_of_two` each breakpoint, from the last to the first, becomes the smallest power of
    two that is not below it, or, where that is not below the next one (m for the last), the
    largest that is; then the steps that follow are rounded up. All planes then merge by shifts.

    References
    ----------
    Fang et al., ECCV 2020, section 3.2 and supplement; program jun-fang/PWLQ, quant/pwlq.py.

    Examples
    --------
    >>> fmt = PiecewiseLinear(4)
    >>> fit_piecewise_linear([[-8.0, 1.0, 0.0, -1.0]], fmt, breakpoint=0.25)[2]
    array([2.])
    >>> fit_piecewise_linear([[-8.0, 1.0, 0.0, -1.0]], fmt, method="search")[2]
    array([1.752])
    """
    rows = real_rows(x)
    fit = PiecewiseLinearFit(
        fmt,
        len(rows),
        method=method,
        distribution=distribution,
        power_of_two=power_of_two,
        breakpoint=breakpoint,
    )
    return fit.fit(rows)[0]


class PiecewiseLinearFit(Fit):
    """`fit_piecewise_linear` of rows that come in chunks.

    One pass finds the largest magnitudes; two more the deviations, or three more the ratios.
    """

    def __init__(
        self,
        fmt: PiecewiseLinear,
        count: int,
        *,
        method: str = "optimum",
        distribution: str = "gaussian",
        power_of_two: bool = False,
        breakpoint: npt.ArrayLike | None = None,
    ) -> None:
        super().__init__(fmt, count)
        _check(fmt, method, distribution, breakpoint)
        self._piecewise = fmt
        self._method = method
        self._distribution = distribution
        self._power_of_two = power_of_two
        self._given = None if breakpoint is None else scale_array(breakpoint)
        self._means = np.zeros(count)
        self._sums = ExactSums(count)
        search = RatioSearch if fmt.breakpoints == 1 else RegionSearch
        self._search = search(fmt, count)
        self.passes = 1 if breakpoint is not None else 4 if method == "search" else 3

    @property
    def _m(self) -> Reals:
        return np.where(self.largest > 0, self.largest, 1.0)

    def _later(self, rows: Reals) -> None:
        rows = rows / self._m[:, np.newaxis]
        if self._method == "search":
            self._search.update(rows)
        elif self.turn == 1:
            self._sums.add_rows(rows)
        else:
            apart = rows - self._means[:, np.newaxis]
            self._sums.add_rows(apart * apart)

    def _end(self) -> None:
        if self.turn == 0:
            return
        if self._method == "search":
            self._search.end()
        elif self.turn == 1:
            self._means = self._sums.rounded() / max(self.elements, 1)
            self._sums = ExactSums(self.count)

    def result(self) -> tuple[Reals, Integers]:
        """Scales, shape (planes, count), and zero points, shape (count,)."""
        if self._given is not None:
            ratios = _given_ratios(self._given, self._piecewise.breakpoints, self.count)
        elif self._method == "search":
            ratios = self._search.ratios()
        else:
            deviations = np.sqrt(self._sums.rounded() / max(self.elements - 1, 1))
            places = [self._modelled(1 / (deviation + 1e-12)) for deviation in deviations.tolist()]
            ratios = np.array(places).reshape(self.count, self._piecewise.breakpoints).T
        scales = self._piecewise.scales(self._m, *ratios)
        if self._power_of_two:
            scales = _rounded_up(self._piecewise, self._m, scales)
            self.fmt.check_scale(scales)
        return scales, np.zeros(self.count, dtype=np.int64)

    def _modelled(self, m: float) -> list[float]:
        """Ratios p / m for numbers of deviation 1."""
        fmt, distribution = self._piecewise, self._distribution
        if fmt.breakpoints > 1:
            return [p / m for p in optimal_breakpoints(m, fmt.breakpoints, distribution)]
        if self._method == "one_shot":
            return [one_shot_breakpoint(m, distribution) / m]
        tolerance = _PROGRAM_TOLERANCE if self._method == "program" else 0.0
        return [optimal_breakpoint(m, distribution, fmt.variant, tolerance) / m]


def _check(
    fmt: PiecewiseLinear, method: str, distribution: str, breakpoint: npt.ArrayLike | None
) -> None:
    """Raise `ModeError` for what does not exist, or not for this format."""
    if method not in METHODS:
        raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, METHODS))}")
    if distribution not in DISTRIBUTIONS:
        allowed = ", ".join(map(repr, DISTRIBUTIONS))
        raise ModeError(f"distribution={distribution!r}, allowed: {allowed}")
    if breakpoint is not None:
        return
    if method == "one_shot" and fmt.variant == "overlapping":
        raise ModeError(f"method='one_shot', allowed for {fmt}: the others")
    if fmt.breakpoints > 1 and method in ("program", "one_shot"):
        raise ModeError(f"method={method!r}, allowed for {fmt}: 'optimum', 'search'")
    if fmt.breakpoints > _MOST_FITTED:
        raise ModeError(
            f"fmt={fmt}, allowed: at most {_MOST_FITTED} breakpoints, or breakpoint= their ratios"
        )


def _given_ratios(breakpoint: npt.ArrayLike, breakpoints: int, parameters: int) -> Reals:
    ratios = scale_array(breakpoint)
    if breakpoints == 1 and ratios.ndim < 2:
        ratios = ratios[np.newaxis]
    shapes = ((breakpoints,), (breakpoints, parameters))
    if ratios.shape not in shapes:
        raise ShapeError(f"breakpoint.shape={ratios.shape}, allowed: {shapes}")
    return ratios


def _rounded_up(fmt: PiecewiseLinear, m: Reals, scales: Reals) -> Reals:
    """Powers of two for all planes, breakpoints ascending below m."""
    if fmt.variant == "overlapping":
        return power_of_two_above(scales)
    offsets, above = [], m
    for offset in scales[:1:-2]:
        below = np.ldexp(1.0, np.frexp(np.nextafter(above, 0.0))[1] - 1)
        above = np.minimum(power_of_two_above(offset), below)
        offsets.append(above)
    return power_of_two_above(fmt.plane_scales(m, offsets[::-1]))
