"""Xilinx: casts of ap_fixed and ap_ufixed with all their modes, and the DPU's rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from pyqsim.checks import check_bool, check_choice, check_int
from pyqsim.datapath import Narrow, Stage
from pyqsim.errors import DatapathError
from pyqsim.modes import (
    HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE,
    SATURATE,
    SATURATE_SYMMETRIC,
    SATURATE_ZERO,
    SIGN_MAGNITUDE_WRAP,
    WRAP,
    WRAP_SATURATED_BITS,
    Overflow,
    Rounding,
)
from pyqsim.parameters import PowerOfTwoFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.fixed_point import ShiftOnly, power_of_two_factor
from pyqsim.requantize.names import AP_FIXED_ROUNDINGS

__all__ = ["AP_FIXED_OVERFLOWS", "DPU_SHIFT", "ApFixed"]

#: HLS overflow modes; the two that wrap take the number of saturated bits.
AP_FIXED_OVERFLOWS = ("AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP", "AP_WRAP_SM")

#: The Xilinx DPU's 8-bit output: ties to even for x > 0, up for x < 0. Source: Xilinx/brevitas
#: function/ops.py (read).
DPU_SHIFT = ShiftOnly(HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE, 8, SATURATE)


@dataclass(frozen=True)
class ApFixed(SchemeBase):
    """A cast to ``ap_fixed<width, ..., quantization, overflow, saturated_bits>``.

    ``overflow(quantization(x * 2**s))``: s is the target's fraction bits less the source's.

    Parameters
    ----------
    width : int
        2..64; unsigned 1..62.
    quantization : str
        "AP_TRN", "AP_TRN_ZERO", "AP_RND", "AP_RND_ZERO", "AP_RND_MIN_INF", "AP_RND_INF",
        "AP_RND_CONV".
    overflow : str
        "AP_WRAP", "AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP_SM".
    saturated_bits : int
        N of the two that wrap.
    signed : bool
        False: ap_ufixed, which has no AP_WRAP_SM; its AP_SAT_SYM is AP_SAT.

    Notes
    -----
    Source: Xilinx/HLS_arbitrary_Precision_Types (verified on the headers); UG1399. In these headers
    AP_WRAP_SM without saturated bits takes the sign from the value before it was rounded.

    Examples
    --------
    >>> x = [100, -100, 6, -6]
    >>> ApFixed(4, "AP_RND_CONV", "AP_SAT").apply(x, PowerOfTwoFactor(-2)).tolist()
    [7, -8, 2, -2]
    >>> ApFixed(4, "AP_RND_CONV", "AP_WRAP", 1).apply(x, PowerOfTwoFactor(-2)).tolist()
    [1, -1, 2, -2]
    """

    width: int
    quantization: str = "AP_TRN"
    overflow: str = "AP_WRAP"
    saturated_bits: int = 0
    signed: bool = True

    def __post_init__(self) -> None:
        check_bool("ApFixed", "signed", self.signed)
        low, high = (2, 64) if self.signed else (1, 62)
        object.__setattr__(self, "width", check_int("ApFixed", "width", self.width, low, high))
        check_choice("ApFixed", "quantization", self.quantization, tuple(AP_FIXED_ROUNDINGS))
        check_choice("ApFixed", "overflow", self.overflow, AP_FIXED_OVERFLOWS)
        bits = check_int("ApFixed", "saturated_bits", self.saturated_bits, 0, self.width)
        object.__setattr__(self, "saturated_bits", bits)
        if bits and not self.overflow.startswith("AP_WRAP"):
            raise DatapathError(
                f"ApFixed: saturated_bits={bits}, allowed: 0 for overflow={self.overflow!r}"
            )
        if self.overflow == "AP_WRAP_SM" and not self.signed:
            raise DatapathError("ApFixed: overflow='AP_WRAP_SM', allowed: signed=True")

    @property
    def bits(self) -> int:
        """Signed width that holds the result."""
        return self.width + (not self.signed)

    @property
    def _rules(self) -> tuple[Rounding, Overflow]:
        n = self.saturated_bits
        overflow = {
            "AP_SAT": SATURATE,
            "AP_SAT_ZERO": SATURATE_ZERO,
            "AP_SAT_SYM": SATURATE_SYMMETRIC if self.signed else SATURATE,
            "AP_WRAP": WRAP_SATURATED_BITS(n) if n else WRAP,
            "AP_WRAP_SM": SIGN_MAGNITUDE_WRAP(n),
        }[self.overflow]
        return AP_FIXED_ROUNDINGS[self.quantization], overflow

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One shift, rounded, into the target's width."""
        rounding, overflow = self._rules
        narrow = Narrow(rounding=rounding, bits=self.width, overflow=overflow, signed=self.signed)
        return (Stage(narrow, shift="all"),)

    def encode(self, real_scale: npt.ArrayLike) -> PowerOfTwoFactor:
        """Take powers of two only."""
        return power_of_two_factor("ApFixed", real_scale)
