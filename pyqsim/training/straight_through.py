"""Fake quantization with a straight-through gradient, learnable scale and zero point."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, integer_array
from pyqsim.errors import DatapathError, ModeError, OperandError
from pyqsim.formats import Affine
from pyqsim.formats.base import real_array
from pyqsim.formats.quotient import floor_quotient, round_halves
from pyqsim.modes import HALF_EVEN, Rounding
from pyqsim.training.gradients import (
    Gradients,
    Reals,
    check_broadcast,
    parameter_array,
    sum_to,
    upstream_array,
)

__all__ = ["FakeQuantize", "FakeQuantizeGradients"]


@dataclass(frozen=True, slots=True, eq=False)
class FakeQuantizeGradients(Gradients):
    """Gradients of `FakeQuantize`.

    Attributes
    ----------
    dx : ndarray of float64, shape of the input
    dscale, dzero_point : ndarray of float64
        Summed over the elements that share the parameter, of its shape.
    """

    dscale: Reals
    dzero_point: Reals


@dataclass(frozen=True, slots=True, eq=False)
class FakeQuantize:
    """Encode, decode, and pass the gradient through the rounding.

    With ``c = clamp(round(x / S) + Z, qmin, qmax)``, the round decided on the exact quotient::

        y = S * (c - Z)

    which is, bit for bit, ``pyqsim.quantize(x, fmt, scale=S, zero_point=Z).real()``. An element is
    *inside* where ``qmin <= round(x / S) + Z <= qmax``, else *below* or *above*:

    ========  ======  =================  =======
    place     dy/dx   dy/dS              dy/dZ
    ========  ======  =================  =======
    inside    1       ``(c-Z) - x/S``    0
    below     0       ``qmin - Z``       ``-S``
    above     0       ``qmax - Z``       ``-S``
    ========  ======  =================  =======

    Outside these are derivatives. Inside they are not (y is a step function): they are the
    derivatives of ``S * (x/S + r)`` with ``r = round(x/S) - x/S`` held fixed, which is what
    "straight through" means.

    Parameters
    ----------
    fmt : Affine
    scale : array_like of float
        S, finite, > 0; broadcastable to the input (``(C, 1, 1)`` for one a channel).
    zero_point : array_like of int
        Z, in ``code_min..code_max``; broadcastable to the input. (To train it, keep a real number
        beside and round it.)
    rounding : Rounding or str, optional
        As `Affine.encode` takes; default HALF_EVEN.
    scale_gradient : {"plain", "lsq"}
        ``"lsq"`` multiplies dscale by ``1 / sqrt(N * qmax)``, N the number of elements that share
        one scale (LSQ, ICLR 2020, section 2.2, which has one scale a layer). LSQ itself calls
        inside only ``qmin < x/S < qmax``; here the table above holds either way.

    Raises
    ------
    OperandError
        For a format that is not affine, or zero points that are not integers.
    QuantizationError
        For scales and zero points that the format cannot use.
    ModeError
        For STOCHASTIC, which has a class of its own.
    DatapathError
        For an unknown `scale_gradient`, or ``"lsq"`` with a format whose largest code is 0.

    Notes
    -----
    Sources: PyTorch's ``fake_quantize_per_tensor_affine`` (mask) and
    ``_fake_quantize_learnable_per_tensor_affine`` (dS, dZ), whose forward rounds
    ``x * (1/S) + Z`` in float32 and so may differ at ties.

    Examples
    --------
    >>> f = FakeQuantize(Affine(4), scale=0.5)
    >>> f.forward([0.7, 9.0])
    array([0.5, 3.5])
    >>> gradients = f.backward([0.7, 9.0], upstream=1.0)
    >>> gradients.dx
    array([1., 0.])
    >>> round(float(gradients.dscale), 6)                   # (1 - 1.4) + 7
    6.6
    """

    fmt: Affine
    scale: npt.ArrayLike
    zero_point: npt.ArrayLike = 0
    rounding: Rounding | str | None = None
    scale_gradient: str = "plain"

    def __post_init__(self) -> None:
        if not isinstance(self.fmt, Affine):
            raise OperandError(f"fmt={self.fmt!r}, allowed: an Affine")
        scale = parameter_array("scale", self.scale)
        zero_point = integer_array("zero_point", self.zero_point).astype(np.int64)
        zero_point.setflags(write=False)
        self.fmt.check_scale(scale)
        self.fmt.check_zero_point(zero_point)
        rule = HALF_EVEN if self.rounding is None else Rounding.of(self.rounding)
        if rule.stochastic:
            raise ModeError(f"rounding={rule!r}, allowed: every deterministic rule")
        check_choice("FakeQuantize", "scale_gradient", self.scale_gradient, ("plain", "lsq"))
        if self.scale_gradient == "lsq" and self.fmt.code_max == 0:
            raise DatapathError(f"FakeQuantize: scale_gradient='lsq' with {self.fmt}: qmax is 0")
        for name, value in (("scale", scale), ("zero_point", zero_point), ("rounding", rule)):
            object.__setattr__(self, name, value)

    def forward(self, x: npt.ArrayLike) -> Reals:
        """The quantized real numbers.

        Parameters
        ----------
        x : array_like of float, any shape

        Returns
        -------
        ndarray of float64, shape of `x`
        """
        scale, zero_point = self._parameters()
        codes = self.fmt.encode(x, scale, zero_point, self.rounding)
        return self._real(self.fmt.decode(codes))

    def backward(self, x: npt.ArrayLike, upstream: npt.ArrayLike) -> FakeQuantizeGradients:
        """Gradients of a loss whose gradient with respect to the output is `upstream`.

        Parameters
        ----------
        x : array_like of float, any shape
        upstream : array_like of float
            Of the shape of `x`, or a scalar.

        Returns
        -------
        FakeQuantizeGradients
        """
        values = real_array("x", x)
        scale, zero_point = self._parameters()
        check_broadcast(values.shape, scale=scale, zero_point=zero_point)
        g = upstream_array(upstream, values.shape)
        free = self._unclamped_codes(values)
        codes = np.clip(free, self.fmt.code_min, self.fmt.code_max)
        inside = codes == free
        quotient = np.where(inside, values, 0.0) / scale
        dscale = g * ((codes - zero_point) - quotient) * self._scale_factor(values.size)
        dzero_point = g * np.where(inside, 0.0, -scale)
        return FakeQuantizeGradients(
            dx=g * inside,
            dscale=sum_to(dscale, scale.shape),
            dzero_point=sum_to(dzero_point, zero_point.shape),
        )

    def _parameters(self) -> tuple[Reals, npt.NDArray[np.int64]]:
        return np.asarray(self.scale), np.asarray(self.zero_point)

    def _real(self, codes: npt.NDArray[np.int64]) -> Reals:
        scale, zero_point = self._parameters()
        return np.asarray((codes - zero_point).astype(np.float64) * scale)

    def _unclamped_codes(self, x: Reals) -> npt.NDArray[np.int64]:
        """``round(x / S) + Z``; for a quotient beyond int64, a number far outside any format."""
        scale, zero_point = self._parameters()
        halves, inexact = floor_quotient(x, scale, 1)
        rule = HALF_EVEN if self.rounding is None else Rounding.of(self.rounding)
        return round_halves(halves, inexact, rule) + zero_point

    def _scale_factor(self, size: int) -> float:
        if self.scale_gradient == "plain":
            return 1.0
        shared = max(1, size // max(1, np.asarray(self.scale).size))
        return 1.0 / sqrt(shared * self.fmt.code_max)
