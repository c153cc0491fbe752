"""CMSIS-NN where it differs from TFLite: the 64-bit form that drops to 32, and the MVE forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.datapath import Narrow, Stage
from pyqsim.modes import FLOOR, HALF_UP, SATURATE, WRAP, Rounding
from pyqsim.parameters import FixedPointFactor, Multiplier
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_multiplier, quantize_multiplier, real_scales
from pyqsim.requantize.gemmlowp import reduce_multiplier

__all__ = ["CmsisRequantizeS64", "MveSingleRounding"]

#: Adds one to every floor, of exact quotients too.
_PLUS_ONE = Rounding(0xFFFF)


@dataclass(frozen=True)
class CmsisRequantizeS64(SchemeBase):
    """CMSIS-NN 16x8: `ReducedMultiplier`, but in 32 bits too early.

    ``t = wrap32((x * m16) >> (R - 1)); wrap32(t + 1) >> 1, R = right shift = 15 - s``: another
    result than `ReducedMultiplier` where that is 2**30 or more, or below -2**30.

    Notes
    -----
    Source: ARM-software/CMSIS-NN arm_nn_requantize_s64 (verified). At t = 2**31 - 1 its C code has
    a signed overflow; here it wraps.

    Examples
    --------
    >>> scheme = CmsisRequantizeS64()
    >>> scheme.apply([2**31 + 10, 100], scheme.encode(0.5)).tolist()
    [-1073741819, 50]
    """

    @property
    def input_bits(self) -> int:
        """48, as of `ReducedMultiplier`."""
        return 48

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Multiply and shift one less; add one (to an exact half of the double); halve."""
        early = Narrow(shift=-1, rounding=FLOOR, bits=32, overflow=WRAP)
        return (
            Stage(early, multiplier=True, shift="all"),
            Stage(Narrow(shift=-1)),
            Stage(Narrow(shift=1, rounding=_PLUS_ONE, bits=32, overflow=WRAP)),
            Stage(Narrow(shift=1, rounding=FLOOR, bits=32)),
        )

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """QuantizeMultiplier, then `reduce_multiplier`; scales below 2**7."""
        return reduce_multiplier(
            as_multiplier(real_scales("CmsisRequantizeS64", real_scale), quantize_multiplier)
        )


@dataclass(frozen=True)
class MveSingleRounding(SchemeBase):
    """CMSIS-NN's single-rounding build on MVE: shift left, high multiply, rounding shift.

    ``R = max(1, -s), L = s + R; HALF_UP(saturate32(high(wrap32(x << L) * m, 31)), R)``. With the
    floor of the high multiply it equals `SingleRounding` while ``x << L`` fits 32 bits. Without
    the single-rounding macro the MVE kernels equal `DoubleRounding`; a port that leaves out the
    fix-up for negative values equals ``DoubleRounding("half_up")``.

    Parameters
    ----------
    multiply : {"floor", "half_up"}
        VQDMULH, or VQRDMULH, which the predicated helper (the tail of a row) uses.

    Notes
    -----
    Source: ARM-software/CMSIS-NN arm_requantize_mve, arm_requantize_mve_pred (read; the arithmetic
    verified on the NEON twins of the instructions).

    Examples
    --------
    >>> x, plain, tail = [-3991, 5], MveSingleRounding(), MveSingleRounding("half_up")
    >>> parameters = Multiplier(2**30 + 12345, -3)
    >>> plain.apply(x, parameters).tolist(), tail.apply(x, parameters).tolist()
    ([-249, 0], [-249, 0])
    """

    multiply: Literal["floor", "half_up"] = "floor"

    def __post_init__(self) -> None:
        check_choice("MveSingleRounding", "multiply", self.multiply, ("floor", "half_up"))

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Left shift; doubling high multiply; rounding right shift, at least by one."""
        high = FLOOR if self.multiply == "floor" else HALF_UP
        return (
            Stage(Narrow(bits=32, overflow=WRAP), shift="left", shift_offset=1),
            Stage(Narrow(shift=31, rounding=high, bits=32, overflow=SATURATE), multiplier=True),
            Stage(Narrow(shift=1, rounding=HALF_UP, bits=32), shift="right", shift_offset=1),
        )

    def encode(self, real_scale: npt.ArrayLike) -> Multiplier:
        """As `SingleRounding`."""
        return as_multiplier(
            real_scales("MveSingleRounding", real_scale),
            partial(quantize_multiplier, largest_shift=30),
        )
