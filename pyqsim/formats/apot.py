"""Additive powers of two: a magnitude is a sum of few powers of two, one chosen by each field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_bool, check_int
from pyqsim.errors import DatapathError
from pyqsim.formats.base import N_LIMIT
from pyqsim.formats.sign_magnitude import NearestMagnitude

__all__ = ["APoT"]


@dataclass(frozen=True, slots=True)
class APoT(NearestMagnitude):
    """Values ``+-scale * N * 2**-F``, N a sum of powers of two (ICLR 2020).

    Code word ``[sign | f_0 | .. | f_(n-1) | t]``, the sign only where signed, f_0 most
    significant. Field i has k = `base_bits` bits; its value 0 adds nothing, its value j >= 1 adds
    ``2**-(i + 1 + (j-1)*n)`` (the official code's exponents). With B magnitude bits:

    * k divides B: ``n = B / k``, ``F = (2**k - 1) * n``, and the largest N is
      ``2**((2**k - 2) * n) * (2**n - 1)``;
    * k = 2 and B = 2n + 1: the third power of field i is ``2**-(i + 2 + 2n)``, and a field t of
      one bit adds ``2**-(2n + 1)``; ``F = 3n + 1``.

    k = 1 is uniform. Codes are not monotone in value. Encoding takes the nearest level in the
    linear domain; a tie goes to the smaller magnitude (HALF_TOWARD_ZERO, the default) or to the
    larger one (HALF_AWAY).

    Hardware that truncates every term, ``sum of s * ((x << G) >> e)`` over the addends
    ``2**-e`` with G guard bits, is the product ``Shift(drop=F - G)`` on the codes as they are:
    with ``E = F - e``, both are ``floor(x * 2**E / 2**(F - G))``. Its accumulator counts in units
    of ``scale * 2**-G``; G = F is exact. (``Shift(drop=F)`` on operands scaled by ``2**G`` is the
    same.)

    Parameters
    ----------
    bits : int
        Bits of a code, the sign included where signed, at most 16.
    base_bits : int
        k, bits of a field.
    signed : bool
        Whether the top bit is a sign.

    Raises
    ------
    DatapathError
        For parameters that are no such pair, or for which N reaches 2**62.

    Examples
    --------
    >>> APoT(3, signed=False).magnitudes()
    array([ 0,  2,  8, 10,  4,  6,  1,  3])
    >>> APoT(4).frac_bits
    4
    >>> APoT(3, signed=False).encode([0.5, 0.4], scale=1.0)     # 8 / 16, 6 / 16
    array([2, 5], dtype=uint8)
    """

    bits: int
    base_bits: int = 2
    signed: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "signed", check_bool("APoT", "signed", self.signed))
        for name, low in (("bits", 1 + self.signed), ("base_bits", 1)):
            object.__setattr__(self, name, check_int("APoT", name, getattr(self, name), low, 16))
        odd_form = self.base_bits == 2 and self.magnitude_bits >= 3
        if self.magnitude_bits % self.base_bits and not odd_form:
            raise DatapathError(
                f"APoT: base_bits={self.base_bits} with {self.magnitude_bits} magnitude bits, "
                "allowed: a divisor of them, or 2 with at least 3"
            )
        largest = sum(1 << max(powers) for powers in self._fields())
        if largest >= N_LIMIT:
            raise DatapathError(
                f"APoT: bits={self.bits} with base_bits={self.base_bits} has N up to about "
                f"2**{largest.bit_length() - 1}, allowed: below 2**62"
            )

    @property
    def code_bits(self) -> int:
        """Width of a stored code."""
        return self.bits

    @property
    def magnitude_bits(self) -> int:
        """B: width of all fields together."""
        return self.bits - self.signed

    @property
    def frac_bits(self) -> int:
        """F: the fields' largest term stands for 1/2."""
        n, t = divmod(self.magnitude_bits, self.base_bits)
        return ((1 << self.base_bits) - 1) * n + t

    def _fields(self) -> list[list[int]]:
        """Exponents e of the addends ``2**e`` of N that each field offers, f_0 first."""
        n, t = divmod(self.magnitude_bits, self.base_bits)
        last = (1 << self.base_bits) - 2
        # In the odd form (t = 1) the last power of each field makes room for the one of t.
        drops = [[i + 1 + j * n + t * (j == last) for j in range(last + 1)] for i in range(n)]
        drops += [[2 * n + 1]] * t
        return [[self.frac_bits - drop for drop in field] for field in drops]

    def magnitudes(self) -> npt.NDArray[np.int64]:
        """N of every magnitude code; see `SignMagnitude.magnitudes`."""
        total = np.zeros(1, dtype=np.int64)
        for exponents in self._fields():
            addends = np.array([0, *(1 << e for e in exponents)], dtype=np.int64)
            total = (total[:, None] + addends).reshape(-1)
        return total
