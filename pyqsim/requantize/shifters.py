"""Machines that only shift: VTA's ALU with the three readings of its amount, Gemmini's macro."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, integer_array
from pyqsim.datapath import Narrow, Stage
from pyqsim.errors import DatapathError
from pyqsim.modes import FLOOR, HALF_EVEN, WRAP
from pyqsim.parameters import PowerOfTwoFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.fixed_point import ShiftOnly, power_of_two_factor

__all__ = ["GEMMINI_ROUNDING_RIGHT_SHIFT", "VTA_OUTPUT", "VtaShift"]

#: Gemmini's ROUNDING_RIGHT_SHIFT: ties to even; a negative amount is a left shift. Its usual
#: scale is a float32 one, `FloatScale`. Source: gemmini-rocc-tests gemmini.h (verified).
GEMMINI_ROUNDING_RIGHT_SHIFT = ShiftOnly(HALF_EVEN, 32, WRAP)

#: VTA stores the low 8 bits of what its ALU left: put a Clamp before it, as compilers do.
VTA_OUTPUT = Narrow(bits=8, overflow=WRAP)


@dataclass(frozen=True)
class VtaShift(SchemeBase):
    """VTA's ALU instruction SHR: ``wrap32(floor(x * 2**s))``.

    No rounding; MIN, MAX (a Clamp) and `VTA_OUTPUT` follow.

    Parameters
    ----------
    reading : {"hls", "simulator", "chisel"}
        How `amount` reads the instruction's shift amount: the low 5 bits as a signed number
        (16..31 are negative: left), all of it (negative: left), the low 5 bits unsigned.

    Notes
    -----
    Source: apache/tvm-vta hardware/xilinx/src/vta.cc, src/sim/sim_driver.cc, chisel TensorAlu
    (read).

    Examples
    --------
    >>> for reading in ("hls", "simulator", "chisel"):
    ...     scheme = VtaShift(reading)
    ...     print(scheme.apply([-5, 1 << 20], scheme.amount(17)).tolist())
    [-163840, 0]
    [-1, 8]
    [-1, 8]
    """

    reading: Literal["hls", "simulator", "chisel"] = "chisel"

    def __post_init__(self) -> None:
        check_choice("VtaShift", "reading", self.reading, ("hls", "simulator", "chisel"))

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One shift."""
        return (Stage(Narrow(rounding=FLOOR, bits=32, overflow=WRAP), shift="all"),)

    def amount(self, amount: npt.ArrayLike) -> PowerOfTwoFactor:
        """Parameters of an instruction's shift amount (positive: right), -31..31."""
        amounts = integer_array("amount", amount).astype(np.int64)
        if (np.abs(amounts) > 31).any():
            raise DatapathError(f"VtaShift: amount={amount!r}, allowed: -31..31")
        if self.reading == "hls":
            amounts = (amounts + 16) % 32 - 16
        elif self.reading == "chisel":
            amounts = amounts % 32
        return PowerOfTwoFactor(-amounts)

    def encode(self, real_scale: npt.ArrayLike) -> PowerOfTwoFactor:
        """Take powers of two that the reading can express."""
        factor = power_of_two_factor("VtaShift", real_scale)
        low, high = {"hls": (-15, 16), "simulator": (-31, 31), "chisel": (-31, 0)}[self.reading]
        wrong = (factor.shift < low) | (factor.shift > high)
        if wrong.any():
            raise DatapathError(
                f"VtaShift.encode: real_scale=2**{int(factor.shift[wrong].flat[0])}, allowed: "
                f"2**{low}..2**{high} ({self.reading})"
            )
        return factor
