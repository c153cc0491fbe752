"""A shift with any rounding; a multiplier of any width with any rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int
from pyqsim.datapath import Narrow, Stage
from pyqsim.errors import QuantizationError
from pyqsim.modes import FLOOR, HALF_UP, SATURATE, Overflow, Rounding
from pyqsim.parameters import FixedPointFactor, PowerOfTwoFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_fixed_point, half_away_mantissa, real_scales, refuse

__all__ = ["FixedPoint", "ShiftOnly", "power_of_two_factor"]


def power_of_two_factor(scheme: str, real_scale: npt.ArrayLike) -> PowerOfTwoFactor:
    """Encode powers of two; any other scale raises and names its neighbours."""
    scales = real_scales(scheme, real_scale)
    fractions, exponents = np.frexp(scales)
    wrong = fractions != 0.5
    if wrong.any():
        scale, exponent = scales[wrong].flat[0], int(exponents[wrong].flat[0])
        raise QuantizationError(
            f"{scheme}.encode: real_scale={scale}, allowed: powers of two "
            f"(2**{exponent - 1} or 2**{exponent} here); choose the tensors' scales so"
        )
    return PowerOfTwoFactor(exponents.astype(np.int64) - 1)


@dataclass(frozen=True)
class ShiftOnly(SchemeBase):
    """A power-of-two scale: ``round(x * 2**s)``, then the range rule.

    Parameters
    ----------
    rounding : Rounding or str
    result_bits : int
        Signed width of the result, 2..64.
    overflow : Overflow or str

    Examples
    --------
    >>> scheme = ShiftOnly("half_up")
    >>> scheme.apply([3, -3, 100], scheme.encode(0.125)).tolist()
    [0, 0, 13]
    """

    rounding: Rounding = FLOOR
    result_bits: int = 32
    overflow: Overflow = SATURATE

    def __post_init__(self) -> None:
        narrow = Narrow(rounding=self.rounding, bits=self.result_bits, overflow=self.overflow)
        object.__setattr__(self, "rounding", narrow.rounding)
        object.__setattr__(self, "overflow", narrow.overflow)

    @property
    def bits(self) -> int:
        """Signed width of the result."""
        return self.result_bits

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One rounding shift."""
        narrow = Narrow(rounding=self.rounding, bits=self.result_bits, overflow=self.overflow)
        return (Stage(narrow, shift="all"),)

    def encode(self, real_scale: npt.ArrayLike) -> PowerOfTwoFactor:
        """Take powers of two only; any other scale raises and names its neighbours."""
        return power_of_two_factor("ShiftOnly", real_scale)


@dataclass(frozen=True)
class FixedPoint(SchemeBase):
    """A multiplier of b bits and a right shift: ``round(x * m / 2**shift)``, saturated.

    Parameters
    ----------
    multiplier_bits : int
        2..31, unsigned width of m.
    shift : int, optional
        0..63, the same for every channel. Default: each channel's own, the one that makes m use
        all its bits.
    rounding : Rounding or str
        Of the product.
    result_bits : int
        Signed width of the result, 2..64.
    overflow : Overflow or str

    Examples
    --------
    >>> scheme = FixedPoint(8, shift=10, rounding="half_even")
    >>> scheme.encode([0.1, 0.2])
    FixedPointFactor(multiplier=[102, 205], right_shift=[10, 10])
    >>> scheme.apply([[100, 100]], scheme.encode([0.1, 0.2])).tolist()
    [[10, 20]]
    >>> FixedPoint(8).encode(0.1)
    FixedPointFactor(multiplier=205, right_shift=11)
    """

    multiplier_bits: int = 16
    shift: int | None = None
    rounding: Rounding = HALF_UP
    result_bits: int = 32
    overflow: Overflow = SATURATE

    def __post_init__(self) -> None:
        bits = check_int("FixedPoint", "multiplier_bits", self.multiplier_bits, 2, 31)
        object.__setattr__(self, "multiplier_bits", bits)
        if self.shift is not None:
            object.__setattr__(self, "shift", check_int("FixedPoint", "shift", self.shift, 0, 63))
        narrow = Narrow(rounding=self.rounding, bits=self.result_bits, overflow=self.overflow)
        object.__setattr__(self, "rounding", narrow.rounding)
        object.__setattr__(self, "overflow", narrow.overflow)

    @property
    def input_bits(self) -> int:
        """64."""
        return 64

    @property
    def bits(self) -> int:
        """Signed width of the result."""
        return self.result_bits

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One multiply and rounding shift."""
        narrow = Narrow(rounding=self.rounding, bits=self.result_bits, overflow=self.overflow)
        return (Stage(narrow, multiplier=True, shift="all"),)

    def _pair(self, scale: float) -> tuple[int, int]:
        bits = self.multiplier_bits
        if self.shift is not None:
            m = math.floor(math.ldexp(scale, self.shift + 1))
            return (m + 1) >> 1, self.shift
        m, exponent = half_away_mantissa(scale, bits)
        if m == 2**bits:
            m, exponent = m >> 1, exponent + 1
        return m, bits - exponent

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """``m = HALF_AWAY(scale * 2**shift)``; a multiplier or shift out of range raises."""

        def pair(scale: float) -> tuple[int, int]:
            m, shift = self._pair(scale)
            if not (0 < m < 2**self.multiplier_bits and 0 <= shift <= 63):
                raise refuse(
                    "FixedPoint",
                    scale,
                    f"1..2**{self.multiplier_bits}-1 times 2**-shift, shift 0..63"
                    + ("" if self.shift is None else f", here {self.shift}"),
                )
            return m, shift

        return as_fixed_point(real_scales("FixedPoint", real_scale), pair)
