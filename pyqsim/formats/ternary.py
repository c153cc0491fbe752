"""Ternary codes: {-1, 0, +1} times the scale, in two bits."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt

from pyqsim.errors import DatapathError
from pyqsim.formats.base import Format, refuse_rounding
from pyqsim.formats.quotient import floor_quotient
from pyqsim.modes import Rounding

__all__ = ["Ternary"]

#: Thresholds are compared in units of 2**-60: every double from 1/128 on is a multiple of it.
_UNIT_BITS = 60


@dataclass(frozen=True, slots=True)
class Ternary(Format):
    """Values ``-scale``, 0, ``scale``; two's complement codes -1, 0, 1 (the pattern 10 is none).

    Encoding gives 0 or the sign of x, by the exact rational x / scale:

    * ``threshold="half"``: the sign where ``abs(x / scale) > 1/2``. This is
      ``HALF_EVEN(clamp(x / scale, -1, 1))``, the 2-bit weights of the APoT program
      (yhhhli/APoT_Quantization);
    * a number t: the sign where ``abs(x / scale) >= t``. QKeras' `ternary` has 0.33: its float32
      comparison and this one agree on every float32 x at scale 1.

    `encode` takes no other rounding.

    Parameters
    ----------
    threshold : "half" or float
        A number is taken as the double it is, in ``1/128..1``.

    Raises
    ------
    DatapathError
        For any other threshold.

    Examples
    --------
    >>> Ternary().encode([-3.0, 0.5, 0.51])
    array([-1,  0,  1], dtype=int8)
    >>> Ternary(0.33).encode([-0.33, 0.3299, 0.5])
    array([-1,  0,  1], dtype=int8)
    """

    threshold: str | float = "half"

    def __post_init__(self) -> None:
        if self.threshold == "half":
            return
        if isinstance(self.threshold, (str, bool)) or not (
            isinstance(self.threshold, Real) and 1 / 128 <= self.threshold <= 1
        ):
            raise DatapathError(
                f"Ternary: threshold={self.threshold!r}, allowed: 'half' or a number in 1/128..1"
            )
        object.__setattr__(self, "threshold", float(self.threshold))

    @property
    def code_bits(self) -> int:
        """2."""
        return 2

    @property
    def code_min(self) -> int:
        """-1."""
        return -1

    @property
    def code_max(self) -> int:
        """1."""
        return 1

    @property
    def shifts(self) -> bool:
        """True: N is -1, 0 or 1."""
        return True

    def integers(self) -> npt.NDArray[np.int64]:
        """N of the patterns 00, 01, 10 (which no code has: 0) and 11; see `Format.integers`."""
        return np.array([0, 1, 0, -1], dtype=np.int64)

    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        if rounding is not None:
            raise refuse_rounding(self, Rounding.of(rounding), "none but its threshold")
        size, inexact = floor_quotient(np.abs(x), scale, _UNIT_BITS)
        if isinstance(self.threshold, str):
            half = 1 << (_UNIT_BITS - 1)
            beyond = (size > half) | ((size == half) & inexact)
        else:
            beyond = size >= int(self.threshold * 2.0**_UNIT_BITS)
        return np.where(beyond, np.where(x < 0, -1, 1), 0)
