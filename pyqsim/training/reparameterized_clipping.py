"""APoT's reparameterized clipping function (RCF): a learned full scale for any set of levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.errors import DatapathError
from pyqsim.formats.base import Format, check_format, real_array
from pyqsim.modes import Rounding
from pyqsim.training.gradients import (
    Gradients,
    Reals,
    check_broadcast,
    check_inside,
    parameter_array,
    sum_to,
    upstream_array,
)

__all__ = ["ReparameterizedClipping", "ReparameterizedClippingGradients"]


@dataclass(frozen=True, slots=True, eq=False)
class ReparameterizedClippingGradients(Gradients):
    """Gradients of `ReparameterizedClipping`.

    Attributes
    ----------
    dx : ndarray of float64, shape of the input
    dalpha : ndarray of float64
        Summed over the elements that share the parameter, of its shape.
    """

    dalpha: Reals


@dataclass(frozen=True, slots=True, eq=False)
class ReparameterizedClipping:
    """Clip to the full scale alpha, project on the levels, scale back (APoT, ICLR 2020).

    With L the format's largest level at scale 1 and P(t) its level nearest to t, divided by L::

        y = alpha * P(clip(x / alpha, -1, 1))          clip to 0..1 in a format without sign

    computed as ``encode(clip(x), alpha / L)`` and back, so that y is, bit for bit,
    ``pyqsim.quantize(clip(x), fmt, scale=alpha / L).real()``. Gradients::

        dy/dalpha = sign(x)                       where |x| > alpha
                    P(x / alpha) - x / alpha      inside
                    0                             below 0 in a format without sign
        dy/dx     = 1 everywhere                  gradient "everywhere"
                    [inside]                      gradient "inside"

    Outside dy/dalpha is the derivative; inside it is straight through P (the residual
    ``P(t) - t`` held fixed). yhhhli/APoT_Quantization lets the gradient of weights pass
    everywhere in its CIFAR-10 program and inside only in its ImageNet program; activations always
    inside (there x >= 0, after ReLU).

    Parameters
    ----------
    fmt : Format
        Of one plane, whose largest level is > 0: `APoT`, `PowerOfTwo`, `Affine`, ...; with
        `LogQuant` alpha must be a power of two.
    alpha : array_like of float
        > 0, broadcastable to the input.
    gradient : {"everywhere", "inside"}
    alpha_gradient_scale : float
        Multiplies dalpha; the program's optional ``grad_scale``.
    rounding : Rounding or str, optional
        As the format takes; default: the format's own.

    Raises
    ------
    OperandError
        For an `fmt` that is no format.
    DatapathError
        For a format of several planes or without positive level, an unknown `gradient`.
    QuantizationError
        For an alpha that is not > 0 or that the format cannot use.

    Examples
    --------
    >>> from pyqsim.formats import PowerOfTwo
    >>> f = ReparameterizedClipping(PowerOfTwo(3), alpha=2.0)
    >>> f.forward([0.9, -5.0])
    array([ 1., -2.])
    >>> gradients = f.backward([0.9, -5.0], upstream=1.0)
    >>> round(float(gradients.dalpha), 6)              # (0.5 - 0.45) - 1
    -0.95
    """

    fmt: Format
    alpha: npt.ArrayLike
    gradient: str = "inside"
    alpha_gradient_scale: float = 1.0
    rounding: Rounding | str | None = None

    def __post_init__(self) -> None:
        check_format(self.fmt)
        check_choice("ReparameterizedClipping", "gradient", self.gradient, ("everywhere", "inside"))
        object.__setattr__(self, "alpha", parameter_array("alpha", self.alpha))
        check_inside("alpha", np.asarray(self.alpha), 0.0, np.inf)
        if self.fmt.levels()[-1] <= 0:
            raise DatapathError(f"fmt={self.fmt}, allowed: a format with a level above 0")
        self.fmt.check_scale(self._scale())

    def forward(self, x: npt.ArrayLike) -> Reals:
        """The quantized real numbers.

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        values = real_array("x", x)
        check_broadcast(values.shape, alpha=np.asarray(self.alpha))
        scale = self._scale()
        codes = self.fmt.encode(self._clip(values), scale, rounding=self.rounding)
        levels = np.ldexp(self.fmt.decode(codes).astype(np.float64), -self.fmt.frac_bits)
        return np.asarray(levels * scale)

    def backward(
        self, x: npt.ArrayLike, upstream: npt.ArrayLike
    ) -> ReparameterizedClippingGradients:
        """Gradients of a loss whose gradient with respect to the output is `upstream`.

        Parameters
        ----------
        x : array_like of float, any shape
        upstream : array_like of float
            Of the shape of `x`, or a scalar.

        Returns
        -------
        ReparameterizedClippingGradients
        """
        values = real_array("x", x)
        quantized = self.forward(values)
        alpha = np.asarray(self.alpha)
        g = upstream_array(upstream, values.shape)
        clipped = self._clip(values)
        inside = clipped == values
        dalpha = np.where(inside, (quantized - values) / alpha, np.sign(clipped))
        passed = inside | (self.gradient == "everywhere")
        return ReparameterizedClippingGradients(
            dx=g * passed,
            dalpha=sum_to(g * dalpha, alpha.shape) * self.alpha_gradient_scale,
        )

    def _scale(self) -> Reals:
        """The format's scale at which its largest level stands for alpha."""
        return np.asarray(np.asarray(self.alpha) / self.fmt.levels()[-1])

    def _clip(self, x: Reals) -> Reals:
        alpha = np.asarray(self.alpha)
        low = -alpha if self.fmt.levels()[0] < 0 else np.zeros_like(alpha)
        return np.asarray(np.clip(x, low, alpha))
