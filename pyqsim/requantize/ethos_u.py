"""Arm Ethos-U's three rounding modes, with Vela's encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.datapath import Narrow, Stage
from pyqsim.modes import HALF_AWAY, HALF_UP, TOWARD_ZERO, WRAP
from pyqsim.parameters import FixedPointFactor
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.encoding import as_fixed_point, half_away_mantissa, real_scales, refuse

__all__ = ["EthosU"]


@dataclass(frozen=True)
class EthosU(SchemeBase):
    """A 31-bit multiplier and a right shift of 0..63, rounded as the mode says.

    ==============  =========================================================
    ``"tfl"``       `DoubleRounding`: HALF_UP by 31, HALF_AWAY by shift - 31
    ``"truncate"``  ``x * m`` TOWARD_ZERO
    ``"natural"``   ``x * m`` HALF_UP
    ==============  =========================================================

    Parameters
    ----------
    mode : {"tfl", "truncate", "natural"}

    Notes
    -----
    Source: Vela 5.2.0 (read). The hardware's own datapath in TFL mode, and what it does where a
    result leaves 32 bits, are not public (unconfirmed); here it is cut.

    Examples
    --------
    >>> x = [7, -7, 12, -12]
    >>> for mode in ("tfl", "truncate", "natural"):
    ...     scheme = EthosU(mode)
    ...     print(scheme.apply(x, scheme.encode(0.125)).tolist())
    [1, -1, 2, -2]
    [0, 0, 1, -1]
    [1, -1, 2, -1]
    """

    mode: Literal["tfl", "truncate", "natural"] = "tfl"

    def __post_init__(self) -> None:
        check_choice("EthosU", "mode", self.mode, ("tfl", "truncate", "natural"))

    @property
    def input_bits(self) -> int:
        """40: the widest accumulator."""
        return 40

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One rounding shift, or two of them."""
        if self.mode == "tfl":
            return (
                Stage(Narrow(shift=31, rounding=HALF_UP), True, "left", shift_offset=31),
                Stage(
                    Narrow(rounding=HALF_AWAY, bits=32, overflow=WRAP),
                    shift="right",
                    shift_offset=31,
                ),
            )
        rounding = TOWARD_ZERO if self.mode == "truncate" else HALF_UP
        return (Stage(Narrow(rounding=rounding, bits=32, overflow=WRAP), True, "all"),)

    def encode(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """Vela: ``m = HALF_AWAY(q * 2**31), shift = 31 - e``; m may be 2**31."""

        def pair(scale: float) -> tuple[int, int]:
            m, exponent = half_away_mantissa(scale, 31)
            if not 0 <= 31 - exponent <= 63:
                raise refuse("EthosU", scale, "2**-33 <= scale < 2**31")
            return m, 31 - exponent

        return as_fixed_point(real_scales("EthosU", real_scale), pair)

    def encode_reduced(self, real_scale: npt.ArrayLike) -> FixedPointFactor:
        """Vela for int16: ``m16 = (m + 2**15) >> 16``, at most 32767, shift - 16."""
        full = self.encode(real_scale)
        if (full.right_shift < 16).any():
            raise refuse("EthosU", float(np.max(np.asarray(real_scale))), "below 2**15")
        m = full.multiplier
        return FixedPointFactor(
            np.where(m < 32767 << 16, (m + 2**15) >> 16, 32767), full.right_shift - 16
        )
