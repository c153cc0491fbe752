"""FBGEMM's fixed-point form; its usual one is `FloatScale`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Narrow, Stage
from pyqsim.modes import HALF_UP, WRAP
from pyqsim.parameters import FixedPointFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_fixed_point, real_scales, refuse

__all__ = ["FbgemmFixedPoint"]


@dataclass(frozen=True)
class FbgemmFixedPoint(SchemeBase):
    """A 31-bit multiplier of a float32 scale: ``(x * m + 2**(sh-1)) >> sh`` in 64 bits.

    Zero point and clamp follow in 64 bits, as in FBGEMM.

    Notes
    -----
    Source: pytorch/FBGEMM RefImplementations.cc requantize_u8acc32_ref, QuantUtils.cc
    ChooseRequantizationMultiplier (read).

    Examples
    --------
    >>> scheme = FbgemmFixedPoint()
    >>> scheme.encode([0.75, 1.0])
    FixedPointFactor(multiplier=[1610612736, 1073741824], right_shift=[31, 30])
    >>> scheme.apply([2, -2, 6], scheme.encode(0.25), zero_point=3, clamp=(0, 255)).tolist()
    [4, 3, 5]
    """

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def bits(self) -> int:
        """64."""
        return 64

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        return (Stage(Narrow(rounding=HALF_UP, bits=64, overflow=WRAP), True, "all"),)

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """Halve or double the float32 scale into [1/2, 1], times 2**31; 1 itself is halved."""

        def pair(scale: float) -> tuple[int, int]:
            single = float(np.float32(scale))
            if not 0 < single < math.inf:
                raise refuse("FbgemmFixedPoint", scale, "a float32 > 0")
            fraction, exponent = math.frexp(single)
            m, shift = int(math.ldexp(fraction, 31)), 31 - exponent  # 24 bits: exact
            if not 1 <= shift <= 63:
                raise refuse("FbgemmFixedPoint", scale, "2**-33 <= scale < 2**30")
            return m, shift

        return as_fixed_point(real_scales("FbgemmFixedPoint", real_scale), pair)
