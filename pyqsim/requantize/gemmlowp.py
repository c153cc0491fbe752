"""gemmlowp, TFLite and the kernels that follow them: a 31-bit multiplier, one or two roundings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.datapath import Narrow, Stage
from pyqsim.errors import DatapathError
from pyqsim.modes import HALF_AWAY, HALF_UP, SATURATE, WRAP
from pyqsim.parameters import FixedPointFactor, Multiplier
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_multiplier, quantize_multiplier, real_scales

__all__ = ["DoubleRounding", "ReducedMultiplier", "SingleRounding", "reduce_multiplier"]


@dataclass(frozen=True)
class DoubleRounding(SchemeBase):
    """gemmlowp and TFLite: two roundings.

    ``L = max(s, 0), R = max(-s, 0)``;
    ``final(saturate32(HALF_UP(wrap32(x << L) * m, 31)), R)``.

    Parameters
    ----------
    final : {"half_away", "half_up"}
        Rounding of the right shift: ``"half_away"`` in the reference kernels, ``"half_up"`` in
        LiteRT's optimised x86 kernels and plain NEON.

    Notes
    -----
    Source: google/gemmlowp fixedpoint.h (SaturatingRoundingDoublingHighMul,
    RoundingDivideByPOT), LiteRT MultiplyByQuantizedMultiplier, CMSIS-NN arm_nn_requantize
    (verified).

    Examples
    --------
    >>> scheme = DoubleRounding()
    >>> scheme.encode(0.75)
    Multiplier(multiplier=1610612736, shift=0)
    >>> scheme.apply([3, -3, 100], scheme.encode(0.125)).tolist()  # 3/8: 1.5 -> 2 -> 1
    [1, 0, 13]
    """

    final: Literal["half_away", "half_up"] = "half_away"

    def __post_init__(self) -> None:
        check_choice("DoubleRounding", "final", self.final, ("half_away", "half_up"))

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Left shift; doubling high multiply; rounding right shift."""
        final = HALF_AWAY if self.final == "half_away" else HALF_UP
        return (
            Stage(Narrow(bits=32, overflow=WRAP), shift="left"),
            Stage(Narrow(shift=31, rounding=HALF_UP, bits=32, overflow=SATURATE), multiplier=True),
            Stage(Narrow(rounding=final, bits=32), shift="right"),
        )

    def encode(self, real_scale: npt.ArrayLike, *, emulate_float: bool = False) -> Multiplier:
        """TFLite's QuantizeMultiplier of one scale or one a channel (finite, > 0, < 2**30).

        `emulate_float`: as built with TFLITE_EMULATE_FLOAT (`quantize_multiplier`).
        """
        return as_multiplier(
            real_scales("DoubleRounding", real_scale),
            partial(quantize_multiplier, emulate_float=emulate_float),
        )


@dataclass(frozen=True)
class SingleRounding(SchemeBase):
    """TFLite with TFLITE_SINGLE_ROUNDING, ruy, TOSA single: one rounding.

    ``wrap32(HALF_UP(x * m, 31 - s))``.

    Notes
    -----
    Source: LiteRT MultiplyByQuantizedMultiplier with TFLITE_SINGLE_ROUNDING, CMSIS-NN
    arm_nn_requantize with CMSIS_NN_USE_SINGLE_ROUNDING (verified), ruy apply_multiplier.cc (read).

    Examples
    --------
    >>> scheme = SingleRounding()
    >>> scheme.apply([3, -3, 100], scheme.encode(0.125)).tolist()
    [0, 0, 13]
    """

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        product = Narrow(shift=31, rounding=HALF_UP, bits=32, overflow=WRAP)
        return (Stage(product, multiplier=True, shift="all"),)

    def encode(self, real_scale: npt.ArrayLike, *, emulate_float: bool = False) -> Multiplier:
        """QuantizeMultiplier of the single-rounding build: shifts above 30 give (2**31-1, 30).

        `emulate_float`: as built with TFLITE_EMULATE_FLOAT (`quantize_multiplier`).
        """
        return as_multiplier(
            real_scales("SingleRounding", real_scale),
            partial(quantize_multiplier, largest_shift=30, emulate_float=emulate_float),
        )


def reduce_multiplier(parameters: Multiplier) -> FixedPointFactor:
    """Cut 31-bit multipliers to 16 bits, as TFLite does where accumulators have 64.

    ``m16 = (m + 2**15) >> 16, and 2**15 - 1 for m >= 0x7FFF0000; right_shift = 15 - s``.

    Examples
    --------
    >>> reduce_multiplier(Multiplier(1518500250, -3))
    FixedPointFactor(multiplier=23170, right_shift=18)
    """
    m, s = parameters.multiplier, parameters.shift
    if (s > 7).any():
        raise DatapathError(f"reduce_multiplier: shift={s[s > 7].flat[0]}, allowed: -31..7")
    return FixedPointFactor(np.where(m < 0x7FFF0000, (m + 2**15) >> 16, 0x7FFF), 15 - s)


@dataclass(frozen=True)
class ReducedMultiplier(SchemeBase):
    """TFLite 16x8: a 16-bit multiplier on a 64-bit accumulator.

    ``wrap32((x * m16 + 2**(R-1)) >> R), R = right shift = 15 - s``; abs(x) below 2**47.

    Notes
    -----
    Source: LiteRT MultiplyByQuantizedMultiplier for int64, the same in both builds (verified).

    Examples
    --------
    >>> scheme = ReducedMultiplier()
    >>> scheme.encode(0.75)
    FixedPointFactor(multiplier=24576, right_shift=15)
    >>> scheme.apply([3, -2, 2, 2**40], scheme.encode(2.0**-20)).tolist()
    [0, 0, 0, 1048576]
    """

    @property
    def input_bits(self) -> int:
        """48: abs(x) < 2**47, and -2**47."""
        return 48

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        return (Stage(Narrow(rounding=HALF_UP, bits=32, overflow=WRAP), True, "all"),)

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """QuantizeMultiplier, then `reduce_multiplier`; scales below 2**7."""
        return reduce_multiplier(
            as_multiplier(real_scales("ReducedMultiplier", real_scale), quantize_multiplier)
        )
