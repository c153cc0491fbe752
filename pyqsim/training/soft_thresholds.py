"""Quantization Networks' soft thresholds: steps that are logistic curves of a temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.errors import QuantizationError, ShapeError
from pyqsim.formats.base import real_array
from pyqsim.training.gradients import (
    Gradients,
    Reals,
    check_broadcast,
    check_inside,
    parameter_array,
    sum_to,
    upstream_array,
)

__all__ = ["SoftThresholds", "SoftThresholdsGradients"]

_PROGRAM_LIMIT = 10.0
_PROGRAM_TEMPERATURE_CAP = 2000.0


@dataclass(frozen=True, slots=True, eq=False)
class SoftThresholdsGradients(Gradients):
    """Gradients of `SoftThresholds`.

    Attributes
    ----------
    dx : ndarray of float64, shape of the input
    dalpha, dbeta : ndarray of float64
        Summed over the elements that share the parameter, of its shape.
    """

    dalpha: Reals
    dbeta: Reals


@dataclass(frozen=True, slots=True, eq=False)
class SoftThresholds:
    """A sum of steps, each softened to a logistic curve (Quantization Networks, CVPR 2019).

    With levels Y, gaps ``s_i = Y[i+1] - Y[i]``, thresholds b and sigma the logistic function::

        training    y = alpha * (sum_i s_i * sigma(T * (beta * x - b_i)) - o)
        inference   y = alpha * (sum_i s_i * [beta * x > b_i] - o)
        o           sum_i s_i / 2 for weights, 0 for activations

    so that inference gives ``alpha * Y`` where Y is symmetric (weights) or begins at 0
    (activations). On a threshold the lower level is taken. Gradients, with
    ``R = T * sum_i s_i * sigma_i * (1 - sigma_i)``::

        dy/dx = alpha * beta * R        dy/dalpha = y / alpha        dy/dbeta = alpha * x * R

    In the variant "paper" these are the derivatives of the training form. "program" is
    aliyun/alibabacloud-quantization-networks, whose gradient is no derivative of its forward:

    * the argument ``T * (beta * x - b_i)`` is clamped to -10..10 (forward and R; R is not 0 there);
    * weights (``anybit.py``, as shipped, "binary"): sigma in R is taken at T = 1, while the factor
      T stays; T is capped at 2000;
    * activations (``models/quantization.py``): R sums ``s*sigma * (1 - s*sigma)``, which is
      another number wherever a gap is not 1.

    Parameters
    ----------
    levels : array_like of float, shape (n + 1,)
        Y, ascending.
    thresholds : array_like of float, shape (n,)
        b, ascending; equal thresholds step together.
    alpha, beta : array_like of float
        > 0, broadcastable to the input.
    temperature : float
        T > 0.
    operand : {"weights", "activations"}
    variant : {"paper", "program"}

    Raises
    ------
    ShapeError
        For levels and thresholds that do not meet.
    QuantizationError
        For levels or thresholds that do not ascend, parameters that are not > 0.
    DatapathError
        For an unknown operand or variant.

    Examples
    --------
    >>> f = SoftThresholds([-1, 0, 1], [-0.5, 0.5], temperature=20.0)
    >>> f.forward([-0.5, 0.5, 0.9]).round(3)
    array([-0.5,  0.5,  1. ])
    >>> f.hard([-0.5, 0.0, 0.5, 0.6])
    array([-1.,  0.,  0.,  1.])
    >>> f.backward([0.5], 1.0).dx.round(3)              # T / 4
    array([5.])
    """

    levels: npt.ArrayLike
    thresholds: npt.ArrayLike
    alpha: npt.ArrayLike = 1.0
    beta: npt.ArrayLike = 1.0
    temperature: float = 1.0
    operand: str = "weights"
    variant: str = "paper"

    def __post_init__(self) -> None:
        for name in ("levels", "thresholds", "alpha", "beta"):
            object.__setattr__(self, name, parameter_array(name, getattr(self, name)))
        check_choice("SoftThresholds", "operand", self.operand, ("weights", "activations"))
        check_choice("SoftThresholds", "variant", self.variant, ("paper", "program"))
        for name in ("alpha", "beta", "temperature"):
            check_inside(name, np.asarray(getattr(self, name), dtype=np.float64), 0.0, np.inf)
        levels, thresholds = np.asarray(self.levels), np.asarray(self.thresholds)
        if levels.ndim != 1 or levels.size < 2 or thresholds.shape != (levels.size - 1,):
            raise ShapeError(
                f"levels.shape={levels.shape}, thresholds.shape={thresholds.shape}, "
                "allowed: (n + 1,) and (n,), n >= 1"
            )
        if (np.diff(levels) <= 0).any() or (np.diff(thresholds) < 0).any():
            raise QuantizationError(
                f"levels={levels.tolist()}, thresholds={thresholds.tolist()}, allowed: ascending "
                "(thresholds may be equal)"
            )

    def forward(self, x: npt.ArrayLike) -> Reals:
        """The training form.

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        alpha, _ = self._parameters()
        return np.asarray(alpha * self._soft_level(self._checked(x)))

    def hard(self, x: npt.ArrayLike) -> Reals:
        """The inference form.

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
            ``beta * x`` is compared as float64 rounds it.
        """
        values = self._checked(x)
        alpha, beta = self._parameters()
        total = np.full(values.shape, -self._offset())
        for gap, threshold in self._steps():
            total += gap * (beta * values > threshold)
        return np.asarray(alpha * total)

    def backward(self, x: npt.ArrayLike, upstream: npt.ArrayLike) -> SoftThresholdsGradients:
        """Gradients of a loss whose gradient with respect to the output is `upstream`.

        Parameters
        ----------
        x : array_like of float, any shape
        upstream : array_like of float
            Of the shape of `x`, or a scalar.

        Returns
        -------
        SoftThresholdsGradients
        """
        values = self._checked(x)
        alpha, beta = self._parameters()
        g = upstream_array(upstream, values.shape)
        slope = self._slope(values)
        return SoftThresholdsGradients(
            dx=np.asarray(g * alpha * beta * slope),
            dalpha=sum_to(g * self._soft_level(values), alpha.shape),
            dbeta=sum_to(g * alpha * values * slope, beta.shape),
        )

    def _checked(self, x: npt.ArrayLike) -> Reals:
        values = real_array("x", x)
        alpha, beta = self._parameters()
        check_broadcast(values.shape, alpha=alpha, beta=beta)
        return values

    def _parameters(self) -> tuple[Reals, Reals]:
        return np.asarray(self.alpha), np.asarray(self.beta)

    def _steps(self) -> list[tuple[float, float]]:
        """(s_i, b_i)."""
        gaps = np.diff(np.asarray(self.levels))
        return list(zip(gaps.tolist(), np.asarray(self.thresholds).tolist(), strict=True))

    def _offset(self) -> float:
        """O: half the span of the levels, for weights."""
        return sum(gap for gap, _ in self._steps()) / 2 if self.operand == "weights" else 0.0

    def _temperature(self) -> float:
        capped = self.variant == "program" and self.operand == "weights"
        return min(self.temperature, _PROGRAM_TEMPERATURE_CAP) if capped else self.temperature

    def _sigma(self, x: Reals, threshold: float, temperature: float) -> Reals:
        """``1 / (1 + exp(-T * (beta * x - b)))``, written so that no exponential overflows."""
        _, beta = self._parameters()
        argument = temperature * (beta * x - threshold)
        if self.variant == "program":
            argument = np.clip(argument, -_PROGRAM_LIMIT, _PROGRAM_LIMIT)
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * argument))

    def _soft_level(self, x: Reals) -> Reals:
        """``sum_i s_i * sigma_i - o``, which is y / alpha."""
        total = np.full(x.shape, -self._offset())
        for gap, threshold in self._steps():
            total += gap * self._sigma(x, threshold, self._temperature())
        return total

    def _slope(self, x: Reals) -> Reals:
        """R of the class's description, in the variant's form."""
        program = self.variant == "program"
        inner = 1.0 if program and self.operand == "weights" else self._temperature()
        total = np.zeros(x.shape)
        for gap, threshold in self._steps():
            sigma = self._sigma(x, threshold, inner)
            if program and self.operand == "activations":
                total += gap * sigma * (1.0 - gap * sigma)
            else:
                total += gap * sigma * (1.0 - sigma)
        return self._temperature() * total
