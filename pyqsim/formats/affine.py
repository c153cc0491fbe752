"""Affine codes: two's complement or unsigned integers, scaled and shifted by a zero point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_bool, check_int
from pyqsim.errors import DatapathError
from pyqsim.formats.base import Format, refuse_rounding
from pyqsim.formats.quotient import floor_quotient, round_halves
from pyqsim.modes import HALF_EVEN, Rounding

__all__ = ["Affine"]


@dataclass(frozen=True, slots=True)
class Affine(Format):
    """``real = scale * (code - zero_point)``.

    N is the code itself: the zero point belongs to the tensor, not to N. Encoding is
    ``c = clamp(round(x / scale) + zero_point, code_min, code_max)`` on the exact quotient, by any
    deterministic `Rounding` (user-made tables included; default HALF_EVEN), the zero point added
    after rounding.

    Parameters
    ----------
    bits : int
        1..16.
    signed : bool
        Two's complement codes ``-2**(bits-1)..2**(bits-1)-1``; else unsigned ``0..2**bits-1``.
    narrow : bool
        Drops the most negative code, so that the range is symmetric. Signed only, bits >= 2.

    Raises
    ------
    DatapathError
        For parameters outside these ranges.

    Examples
    --------
    >>> fmt = Affine(8)
    >>> fmt.code_min, fmt.code_max
    (-128, 127)
    >>> fmt.encode([0.5, 1.5, -100.0], scale=1.0)
    array([   0,    2, -100], dtype=int8)
    >>> Affine(2, narrow=True).levels()
    array([-1.,  0.,  1.])
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", check_int("Affine", "bits", self.bits, 1, 16))
        for name in ("signed", "narrow"):
            object.__setattr__(self, name, check_bool("Affine", name, getattr(self, name)))
        if self.narrow and not (self.signed and self.bits >= 2):
            raise DatapathError(
                f"Affine: narrow=True with signed={self.signed}, bits={self.bits}, "
                "allowed: signed=True, bits 2..16"
            )

    @property
    def code_bits(self) -> int:
        """Width of a stored code."""
        return self.bits

    @property
    def has_zero_point(self) -> bool:
        """True."""
        return True

    @property
    def code_min(self) -> int:
        """Smallest code allowed."""
        return self.narrow - (1 << (self.bits - 1)) if self.signed else 0

    @property
    def code_max(self) -> int:
        """Largest code allowed."""
        return (1 << (self.bits - self.signed)) - 1

    def integers(self) -> npt.NDArray[np.int64]:
        """The code of every bit pattern; see `Format.integers`."""
        return _integers(self.bits, self.signed)

    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        rule = HALF_EVEN if rounding is None else Rounding.of(rounding)
        if rule.stochastic:
            raise refuse_rounding(self, rule, "every deterministic rule")
        halves, inexact = floor_quotient(x, scale, 1)
        return round_halves(halves, inexact, rule)


@cache
def _integers(bits: int, signed: bool) -> npt.NDArray[np.int64]:
    """Two's complement, or unsigned, of every pattern; read-only."""
    integers = np.arange(1 << bits, dtype=np.int64)
    if signed:
        integers[1 << (bits - 1) :] -= 1 << bits
    integers.setflags(write=False)
    return integers
