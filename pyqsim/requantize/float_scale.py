"""Floating-point scales: float32 with ties to even, float64 with ties away from zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.errors import DatapathError
from pyqsim.parameters import DoubleFactor, FloatFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import real_scales

__all__ = ["DoubleScale", "FloatScale"]


@dataclass(frozen=True)
class FloatScale(SchemeBase):
    """A float32 scale: ``rint(F(F(x) * scale))``, F = to float32, ties to even.

    Parameters
    ----------
    clamp : {"after", "before"}
        ``"after"``: zero point and clamp follow. ``"before"`` (XNNPACK): F(F(x) * scale) is
        clamped in float32 to ``[min - zero_point, max - zero_point]`` of the Clamp that must
        follow, then rounded. The rounded value saturates to int32 in any case.
    zero_point : {"after", "before"}
        ``"before"`` (oneDNN): the zero point that follows is added in float32 before rounding,
        ``rint(F(F(F(x) * scale) + zero_point)) - zero_point``, so that `AddZeroPoint`, if it is
        the next step, gives the rounded sum: an odd zero point sends ties to the other neighbour.
        Not with ``clamp="before"``.

    Notes
    -----
    Source: ONNX Runtime MLAS, FBGEMM, XNNPACK requantization.h, Gemmini; oneDNN, observed in
    PyTorch (verified).

    Its parameters are a `FloatFactor`, or a `FloatChain` where a machine multiplies more than once
    (`onednn_chain`).

    Examples
    --------
    >>> scheme = FloatScale()
    >>> scheme.apply([1, 3, 5, -1], scheme.encode(0.5)).tolist()
    [0, 2, 2, 0]
    >>> scheme = FloatScale(zero_point="before")
    >>> scheme.apply([1, 3, 5, -1], scheme.encode(0.5), zero_point=1).tolist()
    [2, 2, 4, 0]
    """

    clamp: Literal["after", "before"] = "after"
    zero_point: Literal["after", "before"] = "after"

    def __post_init__(self) -> None:
        for name in ("clamp", "zero_point"):
            check_choice("FloatScale", name, getattr(self, name), ("after", "before"))
        if self.clamp == self.zero_point == "before":
            raise DatapathError(
                "FloatScale: clamp='before' with zero_point='before', allowed: one of them"
            )

    @property
    def stages(self) -> None:
        """None: not made of integer stages."""
        return

    def encode(self, real_scale: npt.ArrayLike) -> FloatFactor:
        """Round the scale to float32, ties to even."""
        scales = real_scales("FloatScale", real_scale)
        with np.errstate(over="ignore"):  # FloatFactor refuses the infinity
            return FloatFactor(scales.astype(np.float32))


@dataclass(frozen=True)
class DoubleScale(SchemeBase):
    """A float64 scale: ``round(D(x) * scale)``, D = to float64; round: HALF_AWAY.

    The rounded value saturates to int32, where C's cast would be undefined.

    Notes
    -----
    Source: LiteRT's reference fully connected kernel for int8 per tensor, whose scale is
    ``double(sx) * double(sw) / double(sy)`` without any multiplier (verified, ties included).

    Examples
    --------
    >>> scheme = DoubleScale()
    >>> scheme.apply([1, 3, 5, -1], scheme.encode(0.5)).tolist()
    [1, 2, 3, -1]
    """

    @property
    def stages(self) -> None:
        """None: not made of integer stages."""
        return

    @property
    def float_bits(self) -> Literal[64]:
        """64: float64, ties away from zero."""
        return 64

    def encode(self, real_scale: npt.ArrayLike) -> DoubleFactor:
        """Take the scale as it is."""
        return DoubleFactor(real_scales("DoubleScale", real_scale))
