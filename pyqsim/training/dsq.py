"""Differentiable soft quantization (DSQ): a staircase of tanh segments between two limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.errors import OperandError, QuantizationError
from pyqsim.formats import Affine
from pyqsim.formats.base import first_place, real_array
from pyqsim.modes import HALF_DOWN, HALF_EVEN, HALF_ODD, Rounding
from pyqsim.training.gradients import (
    Gradients,
    Reals,
    check_broadcast,
    check_inside,
    parameter_array,
    sum_to,
    upstream_array,
)

__all__ = ["DSQ", "AffineDeployment", "DSQGradients"]

#: How far the code of real 0 may lie from an integer and still be called one: several roundings.
_GRID_TOLERANCE = 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class DSQGradients(Gradients):
    """Gradients of `DSQ`.

    Attributes
    ----------
    dx : ndarray of float64, shape of the input
    dlower, dupper, dalpha : ndarray of float64
        Summed over the elements that share the parameter, of its shape.
    """

    dlower: Reals
    dupper: Reals
    dalpha: Reals


@dataclass(frozen=True, slots=True, eq=False)
class AffineDeployment:
    """What a hard DSQ is on integer hardware: the arguments of `Affine.encode`.

    Attributes
    ----------
    format : Affine
    scale : ndarray of float64
    zero_point : ndarray of int64
    rounding : Rounding
        The rule that sends ties where the hard DSQ sends them.
    """

    format: Affine
    scale: Reals
    zero_point: npt.NDArray[np.int64]
    rounding: Rounding


@dataclass(frozen=True, slots=True, eq=False)
class _Segments:
    """Where each element falls: segment v, place f in it, and the tanh there."""

    step: Reals  # D
    below: npt.NDArray[np.bool_]
    above: npt.NDArray[np.bool_]
    w: Reals
    v: Reals
    f: Reals
    s: Reals
    kappa: Reals
    tanh: Reals

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        return ~(self.below | self.above)

    @property
    def level(self) -> Reals:
        """``g = v + 1/2 + s/2 * tanh(kappa * f)``."""
        return self.v + 0.5 + 0.5 * self.s * self.tanh

    @property
    def slope(self) -> Reals:
        """``g' = s * kappa / 2 * (1 - tanh**2)``, also where the input was clipped."""
        return 0.5 * self.s * self.kappa * (1.0 - self.tanh**2)


@dataclass(frozen=True, slots=True, eq=False)
class DSQ:
    """Quantization by a staircase whose steps are smooth (ICCV 2019).

    With n steps between the format's codes (``n = code_max - code_min``)::

        D = (u - l) / n                  w = (clip(x, l, u) - l) / D
        v = floor(w)                     f = w - v - 1/2
        s = 1 / (1 - alpha)              kappa = ln(2 / alpha - 1)
        g = v + 1/2 + s/2 * tanh(kappa * f)

    The paper writes ``k = kappa / D`` and ``m_i = l + (i + 1/2) * D``, so that
    ``kappa * f = k * (x - m_i)``; tanh(kappa / 2) = 1 - alpha makes the segments meet.

    ==========  ===============================  =============================================
    variant     forward                          hard form where ``f = 0`` (a tie)
    ==========  ===============================  =============================================
    "paper"     soft: ``l + D * g``              the lower code: sgn(0) = -1, as in the program
                                                 ricky40403/DSQ (the paper leaves it open)
    "mqbench"   hard: the code next to g         the even one of the two codes
    ==========  ===============================  =============================================

    Gradients go through g; "mqbench" (ModelTC/MQBench ``dsq.py``) is straight through the round
    alone. With ``g' = s * kappa / 2 * (1 - tanh(kappa * f)**2)`` and y the level of the forward
    (g, or its rounding), inside (``l <= x <= u``)::

        dy/dx = g'
        dy/du = (y - w * g') / n
        dy/dl = 1 - y / n - (1 - w / n) * g'
        dy/dalpha = D / 2 * (s**2 * tanh - s * (1 - tanh**2) * f * 2 / (alpha * (2 - alpha)))

    below l only dy/dl = 1 and above u only dy/du = 1. For "paper" these are the derivatives of
    the forward (except at the segments' ends, where the slope jumps); v counts as constant.
    The slope is largest in the middle of a segment, ``kappa / (2 * (1 - alpha))``.

    Parameters
    ----------
    fmt : Affine
        The codes of the deployment; at least two.
    lower, upper : array_like of float
        l < u, finite, broadcastable to the input.
    alpha : array_like of float
        In (0, 1); towards 0 it is the hard staircase. The paper learns it from 0.2; MQBench
        holds it at 0.4.
    variant : {"paper", "mqbench"}

    Raises
    ------
    OperandError
        For a format that is not affine.
    QuantizationError
        For limits that are not l < u, or an alpha outside (0, 1).
    DatapathError
        For an unknown variant.

    Examples
    --------
    >>> f = DSQ(Affine(2, signed=False), lower=0.0, upper=3.0, alpha=0.2)
    >>> f.forward([-1.0, 0.5, 1.0, 5.0])
    array([0. , 0.5, 1. , 3. ])
    >>> f.hard([0.4, 0.5, 0.6])
    array([0., 0., 1.])
    >>> f.backward([0.5], 1.0).dx.round(3)
    array([1.373])
    """

    fmt: Affine
    lower: npt.ArrayLike
    upper: npt.ArrayLike
    alpha: npt.ArrayLike = 0.2
    variant: str = "paper"

    def __post_init__(self) -> None:
        if not isinstance(self.fmt, Affine):
            raise OperandError(f"fmt={self.fmt!r}, allowed: an Affine")
        check_choice("DSQ", "variant", self.variant, ("paper", "mqbench"))
        for name in ("lower", "upper", "alpha"):
            object.__setattr__(self, name, parameter_array(name, getattr(self, name)))
        lower, upper, alpha = self._parameters()
        check_inside("alpha", alpha, 0.0, 1.0)
        span = np.asarray(upper - lower)
        bad = np.asarray(~((span > 0) & np.isfinite(span)))
        if bad.any():
            raise QuantizationError(f"upper - lower{first_place(bad, span)}, allowed: > 0, finite")

    @property
    def steps(self) -> int:
        """n, steps between the lowest and the highest level."""
        return self.fmt.code_max - self.fmt.code_min

    def forward(self, x: npt.ArrayLike) -> Reals:
        """`soft` in the variant "paper", `hard` in "mqbench".

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        return self.soft(x) if self.variant == "paper" else self.hard(x)

    def soft(self, x: npt.ArrayLike) -> Reals:
        """``l + D * g``, l below and u above.

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        values = real_array("x", x)
        segments = self._segments(values)
        return self._real(segments, segments.level)

    def hard(self, x: npt.ArrayLike) -> Reals:
        """The level nearest to the clipped input, ties as the variant says.

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
            In float64 arithmetic: w within a few roundings of a tie may go the other way than the
            exact quotient of `to_affine`.
        """
        segments = self._segments(real_array("x", x))
        return self._real(segments, self._hard_level(segments))

    def backward(self, x: npt.ArrayLike, upstream: npt.ArrayLike) -> DSQGradients:
        """Gradients of a loss whose gradient with respect to the output is `upstream`.

        Parameters
        ----------
        x : array_like of float, any shape
        upstream : array_like of float
            Of the shape of `x`, or a scalar.

        Returns
        -------
        DSQGradients
        """
        values = real_array("x", x)
        q, n = self._segments(values), self.steps
        g = upstream_array(upstream, values.shape)
        y = q.level if self.variant == "paper" else self._hard_level(q)
        dupper = np.where(q.inside, (y - q.w * q.slope) / n, q.above)
        dlower = np.where(q.inside, 1.0 - y / n - (1.0 - q.w / n) * q.slope, q.below)
        dalpha = np.where(q.inside, self._dalpha(q), 0.0)
        lower, upper, alpha = self._parameters()
        return DSQGradients(
            dx=g * np.where(q.inside, q.slope, 0.0),
            dlower=sum_to(g * dlower, lower.shape),
            dupper=sum_to(g * dupper, upper.shape),
            dalpha=sum_to(g * dalpha, alpha.shape),
        )

    def aligned(self) -> DSQ:
        """The DSQ with the same step whose limits are multiples of it, so that 0 is a level.

        ``Z = clamp(HALF_EVEN(code_min - l / D))``, ``l = (code_min - Z) * D``,
        ``u = (code_max - Z) * D``: integer hardware has no real offset.

        Returns
        -------
        DSQ

        Examples
        --------
        >>> f = DSQ(Affine(2, signed=False), lower=-1.0, upper=2.9).aligned()
        >>> float(f.lower), round(float(f.upper), 3)
        (-1.3, 2.6)
        """
        scale, place = self._grid()
        zero_point = np.clip(np.rint(place), self.fmt.code_min, self.fmt.code_max)
        lower = (self.fmt.code_min - zero_point) * scale
        upper = (self.fmt.code_max - zero_point) * scale
        return DSQ(self.fmt, lower, upper, self.alpha, self.variant)

    def to_affine(self) -> AffineDeployment:
        """What `hard` is on integer hardware: ``S = D``, ``Z = code_min - l / D``.

        Returns
        -------
        AffineDeployment
            Its rounding: HALF_DOWN for "paper". For "mqbench" HALF_EVEN if the zero points are
            even, HALF_ODD if they are odd, since MQBench rounds after adding the zero point and
            `Affine` before.

        Raises
        ------
        QuantizationError
            If l is no multiple of the step or 0 lies outside ``l..u`` (see `aligned`), or if a
            "mqbench" DSQ has even and odd zero points (no one rule sends all its ties).

        Examples
        --------
        >>> f = DSQ(Affine(2, signed=False), lower=-1.0, upper=2.0, variant="mqbench")
        >>> f.to_affine().zero_point, f.to_affine().rounding
        (array(1), HALF_ODD)
        """
        scale, place = self._grid()
        zero_point = np.asarray(np.rint(place)).astype(np.int64)
        bad = np.asarray(abs(place - zero_point) > _GRID_TOLERANCE * np.maximum(1.0, abs(place)))
        if bad.any():
            raise QuantizationError(
                f"code of 0{first_place(bad, place)}, allowed: an integer; see DSQ.aligned"
            )
        self.fmt.check_zero_point(zero_point)
        return AffineDeployment(self.fmt, scale, zero_point, self._deployed_rounding(zero_point))

    def _deployed_rounding(self, zero_point: npt.NDArray[np.int64]) -> Rounding:
        if self.variant == "paper":
            return HALF_DOWN
        odd = zero_point & 1
        if odd.any() and not odd.all():
            raise QuantizationError(
                f"zero_point={zero_point.tolist()}, allowed in variant 'mqbench': all even or all "
                "odd; deploy the channels apart"
            )
        return HALF_ODD if odd.any() else HALF_EVEN

    def _parameters(self) -> tuple[Reals, Reals, Reals]:
        return np.asarray(self.lower), np.asarray(self.upper), np.asarray(self.alpha)

    def _grid(self) -> tuple[Reals, Reals]:
        """The step, and the real number that the zero point should be."""
        lower, upper, _ = self._parameters()
        step = np.asarray((upper - lower) / self.steps)
        return step, np.asarray(self.fmt.code_min - lower / step)

    def _segments(self, x: Reals) -> _Segments:
        lower, upper, alpha = self._parameters()
        check_broadcast(x.shape, lower=lower, upper=upper, alpha=alpha)
        step = np.asarray((upper - lower) / self.steps)
        w = (np.clip(x, lower, upper) - lower) / step
        v = np.floor(w)
        f = w - v - 0.5
        kappa = np.asarray(np.log(2.0 / alpha - 1.0))
        s = np.asarray(1.0 / (1.0 - alpha))
        return _Segments(step, x < lower, x > upper, w, v, f, s, kappa, np.tanh(kappa * f))

    def _hard_level(self, q: _Segments) -> Reals:
        if self.variant == "paper":
            return q.v + (q.f > 0)
        low = self.fmt.code_min  # the code is what is even or odd
        return np.asarray(np.rint(q.v + low + 0.5 + 0.5 * np.sign(q.f)) - low)

    def _real(self, q: _Segments, level: Reals) -> Reals:
        lower, upper, _ = self._parameters()
        inner = lower + q.step * level
        return np.where(q.below, lower, np.where(q.above, upper, inner))

    def _dalpha(self, q: _Segments) -> Reals:
        """``D/2 * (ds/dalpha * tanh + s * (1 - tanh**2) * f * dkappa/dalpha)``."""
        _, _, alpha = self._parameters()
        ds, dkappa = q.s**2, -2.0 / (alpha * (2.0 - alpha))
        return 0.5 * q.step * (ds * q.tanh + q.s * (1.0 - q.tanh**2) * q.f * dkappa)
