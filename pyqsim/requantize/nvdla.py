"""NVDLA's converters: the accumulator's truncation, the SDP's X stage, the output converter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int
from pyqsim.datapath import Narrow, Stage
from pyqsim.errors import DatapathError
from pyqsim.modes import FLOOR, HALF_AWAY, SATURATE
from pyqsim.parameters import FixedPointFactor, PowerOfTwoFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_fixed_point, half_away_mantissa, real_scales, refuse
from pyqsim.requantize.fixed_point import power_of_two_factor

__all__ = ["NvdlaOutput", "NvdlaSdp", "NvdlaTruncate", "nvdla_operand"]


def _encode(scheme: str, real_scale: npt.ArrayLike, largest: int) -> FixedPointFactor:
    """15 bits of multiplier (16 signed) and the shift that keeps them, at most `largest`."""

    def pair(scale: float) -> tuple[int, int]:
        m, exponent = half_away_mantissa(scale, 15)
        if m == 2**15:
            m, exponent = m // 2, exponent + 1
        if not 0 <= 15 - exponent <= largest:
            raise refuse(scheme, scale, f"2**{14 - largest} <= scale < 2**15")
        return m, 15 - exponent

    return as_fixed_point(real_scales(scheme, real_scale), pair)


@dataclass(frozen=True)
class NvdlaTruncate(SchemeBase):
    """The convolution accumulator's right shift as the RTL does it, with its quirk.

    ``saturate32(HALF_AWAY(x, t))``, but only 16 fraction bits are kept: for t > 16 the lowest
    t - 16 bits are cut first, so that a negative value a little above a tie counts as one and comes
    out 1 too low. The documented rule is ``ShiftOnly("half_away")``.

    Notes
    -----
    Source: nvdla/hw nvdlav1 CACC (verified by simulation of the RTL); nvdla/doc precision.rst.

    Examples
    --------
    >>> x = [-(3 << 16) + 1, -(3 << 16), 3 << 16]  # -1.5 and a little more; t = 17
    >>> NvdlaTruncate().apply(x, PowerOfTwoFactor(-17)).tolist()
    [-2, -2, 2]
    >>> from pyqsim.requantize import ShiftOnly
    >>> ShiftOnly("half_away").apply(x, PowerOfTwoFactor(-17)).tolist()
    [-1, -2, 2]
    """

    @property
    def input_bits(self) -> int:
        """48 (int16); the int8 accumulator has 34."""
        return 48

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Cut what is beyond 16 fraction bits; round the rest."""
        return (
            Stage(Narrow(rounding=FLOOR), shift="right", shift_offset=16),
            Stage(
                Narrow(shift=16, rounding=HALF_AWAY, bits=32, overflow=SATURATE),
                shift="left",
                shift_offset=16,
            ),
        )

    def encode(self, real_scale: npt.ArrayLike) -> PowerOfTwoFactor:
        """Take 2**-31..2**0 only."""
        factor = power_of_two_factor("NvdlaTruncate", real_scale)
        wrong = (factor.shift > 0) | (factor.shift < -31)
        if wrong.any():
            exponent = int(factor.shift[wrong].flat[0])
            raise refuse("NvdlaTruncate", 2.0**exponent, "2**-31..2**0")
        return factor


def nvdla_operand(alu: npt.ArrayLike, shift: int) -> npt.NDArray[np.int64]:
    """The X stage's operand (a bias): ``saturate32(alu16 << shift)``, shift 0..63.

    Examples
    --------
    >>> nvdla_operand([3, -3, 30000], 20).tolist()
    [3145728, -3145728, 2147483647]
    """
    shift = check_int("nvdla_operand", "shift", shift, 0, 63)
    values = np.asarray(alu)
    if values.dtype.kind not in "iu" or (np.abs(values + 0.5) > 2**15).any():
        raise refuse("nvdla_operand", float(np.max(np.abs(values))), "integers of 16 bits")
    wide = values.astype(np.int64) << min(shift, 32)
    return np.asarray(np.clip(wide, -(2**31), 2**31 - 1), dtype=np.int64)


@dataclass(frozen=True)
class NvdlaSdp(SchemeBase):
    """The SDP's X stage: ``saturate32(HALF_AWAY((x + operand) * mul16, shift))``, shift 0..63.

    x + operand has 33 bits and does not saturate; the operand comes as `FixedPointFactor`'s offset
    (see `nvdla_operand`). Its ReLU is a Clamp; PReLU, whose positive values bypass the multiplier,
    is not modelled.

    Notes
    -----
    Source: nvdla/hw nvdlav1 SDP (verified against its C model), rounding AC_RND_INF, AC_SAT.

    Examples
    --------
    >>> FixedPointFactor(16384, 16, offset=nvdla_operand(5, 0))
    FixedPointFactor(multiplier=16384, right_shift=16, offset=5)
    >>> NvdlaSdp().apply([1, -11], FixedPointFactor(16384, 16, offset=5)).tolist()  # 6/4, -6/4
    [2, -2]
    """

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Add the operand, multiply, round."""
        narrow = Narrow(rounding=HALF_AWAY, bits=32, overflow=SATURATE)
        return (Stage(narrow, multiplier=True, shift="all", offset=True),)

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """15 bits of multiplier; the operand is 0."""
        return _encode("NvdlaSdp", real_scale, 63)


@dataclass(frozen=True)
class NvdlaOutput(SchemeBase):
    """The output converter: ``saturate_b(saturate17(HALF_AWAY((x - offset) * scale16, shift)))``.

    Parameters
    ----------
    result_bits : int
        8 or 16.

    Notes
    -----
    Source: nvdla/hw nvdlav1 SDP (verified against its C model). `FixedPointFactor`'s offset is
    added, so it is minus the register's.

    Examples
    --------
    >>> NvdlaOutput(8).apply([0, 5, 1000], FixedPointFactor(16384, 15, offset=-2)).tolist()
    [-1, 2, 127]
    """

    result_bits: int = 8

    def __post_init__(self) -> None:
        if check_int("NvdlaOutput", "result_bits", self.result_bits, 8, 16) not in (8, 16):
            raise DatapathError(f"NvdlaOutput: result_bits={self.result_bits}, allowed: 8 or 16")

    @property
    def input_bits(self) -> int:
        """32: x is an int32."""
        return 32

    @property
    def bits(self) -> int:
        """Width of the result."""
        return self.result_bits

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Add the offset, multiply, round to 17 bits; then to the result's."""
        narrow = Narrow(rounding=HALF_AWAY, bits=17, overflow=SATURATE)
        return (
            Stage(narrow, multiplier=True, shift="all", offset=True),
            Stage(Narrow(bits=self.result_bits, overflow=SATURATE)),
        )

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """15 bits of multiplier; the offset is 0."""
        return _encode("NvdlaOutput", real_scale, 63)
