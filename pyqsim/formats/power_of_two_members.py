"""The published members of the power-of-two family: exponents, zero, code word, thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["MEMBERS", "Member"]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the family; b counts the bits it is published with.

    Attributes
    ----------
    count_log2 : int
        There are ``2**(b + count_log2)`` exponents, less one where zero takes their place.
    top_log2 : int or None
        The largest exponent at scale 1 is ``2**(b + top_log2) - 1``; None: 0.
    has_zero : bool
        Whether a code stands for 0.
    index_word : bool
        Code word: a two's complement index; else ``[sign | c]``.
    extra_bits : int
        Bits of the code word beyond b.
    logarithmic : bool
        Thresholds at ``sqrt(2) * 2**e``; else nearest in the linear domain.
    largest_bits : int
        Largest b for which N stays below 2**62.
    """

    count_log2: int
    top_log2: int | None
    has_zero: bool
    index_word: bool
    extra_bits: int
    logarithmic: bool
    largest_bits: int

    def count(self, bits: int) -> int:
        """How many exponents there are."""
        return (1 << (bits + self.count_log2)) - (self.has_zero and not self.index_word)

    def largest_exponent(self, bits: int) -> int:
        """The exponent of the largest value at scale 1."""
        return 0 if self.top_log2 is None else (1 << (bits + self.top_log2)) - 1

    def magnitudes(self, bits: int) -> npt.NDArray[np.int64]:
        """N of the magnitudes, ascending: 0 first where there is a zero, then powers of two."""
        powers = [1 << e for e in range(self.count(bits))]
        return np.array([0] * self.has_zero + powers, dtype=np.int64)


def _member(
    count_log2: int,
    *,
    top_log2: int | None = None,
    zero: bool = True,
    index: bool = False,
    extra_bits: int = 0,
    log: bool = False,
    largest_bits: int = 6,
) -> Member:
    return Member(count_log2, top_log2, zero, index, extra_bits, log, largest_bits)


#: The rows of `pyqsim.formats.PowerOfTwo`'s table.
MEMBERS = {
    "pot": _member(-1),
    "pot_paper": _member(-1, index=True, extra_bits=1),
    "deepshift_q": _member(-1, zero=False, log=True),
    "deepshift_ps": _member(-1, log=True),
    "inq": _member(-2, index=True, largest_bits=7),
    "qkeras_po2": _member(-1, top_log2=-2, zero=False, log=True),
}
