"""XNNPACK's rndnu: the float32 scale's own mantissa as a 24-bit multiplier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Narrow, Stage
from pyqsim.modes import HALF_UP, WRAP
from pyqsim.parameters import FixedPointFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_fixed_point, real_scales, refuse

__all__ = ["Rndnu"]


@dataclass(frozen=True)
class Rndnu(SchemeBase):
    """A float32 scale applied exactly: ``wrap32((x * m24 + 2**(sh-1)) >> sh)``.

    ``m24 = bits & 0x7FFFFF | 0x800000, sh = 150 - (bits >> 23)``, bits the float32's pattern, so
    that the factor is the float32 scale itself and only the product is rounded, HALF_UP.

    Notes
    -----
    Source: XNNPACK src/xnnpack/requantization.h, the kernels of 32-bit Arm (read).

    Examples
    --------
    >>> scheme = Rndnu()
    >>> scheme.encode(0.1)
    FixedPointFactor(multiplier=13421773, right_shift=27)
    >>> scheme.apply([5, 15, -5, -15], scheme.encode(0.1)).tolist()
    [1, 2, -1, -2]
    """

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        return (Stage(Narrow(rounding=HALF_UP, bits=32, overflow=WRAP), True, "all"),)

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """Round to float32, take its pattern; 2**-32 up to, not including, 2**8."""

        def pair(scale: float) -> tuple[int, int]:
            single = np.float32(scale)
            if not 2.0**-32 <= single < 256.0:
                raise refuse("Rndnu", scale, "2**-32 <= scale < 256 in float32")
            bits = int(single.view(np.uint32))
            return bits & 0x7FFFFF | 0x800000, 150 - (bits >> 23)

        return as_fixed_point(real_scales("Rndnu", real_scale), pair)
