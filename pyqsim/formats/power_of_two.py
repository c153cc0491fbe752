"""Power-of-two codes: a sign and one exponent, nearest level in the linear domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, check_int
from pyqsim.formats.sign_magnitude import NearestMagnitude

__all__ = ["PowerOfTwo"]


@dataclass(frozen=True, slots=True)
class PowerOfTwo(NearestMagnitude):
    """Values 0 and ``+-scale * 2**e``, e in ``-(2**(bits-1) - 2)..0``.

    Code word ``[sign | c]``: c = 0 stands for 0, else ``N = 2**(c-1)``, with
    ``frac_bits = 2**(bits-1) - 2``: the largest value at scale 1 is 1. Encoding takes the nearest
    level in the linear domain; a tie (1.5 * 2**e, or half the smallest level) goes to the smaller
    magnitude (HALF_TOWARD_ZERO, the default) or to the larger one (HALF_AWAY).

    Parameters
    ----------
    bits : int
        2..6, the sign included. (With 7 bits N reaches 2**62.)
    member : {"pot"}
        Which of the published level sets.

    Raises
    ------
    DatapathError
        For parameters outside these ranges.

    Examples
    --------
    >>> PowerOfTwo(3).levels()
    array([-1.  , -0.5 , -0.25,  0.  ,  0.25,  0.5 ,  1.  ])
    >>> PowerOfTwo(3).encode([0.75, -0.76, 0.1])
    array([2, 7, 0], dtype=uint8)
    """

    bits: int
    member: str = "pot"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", check_int("PowerOfTwo", "bits", self.bits, 2, 6))
        check_choice("PowerOfTwo", "member", self.member, ("pot",))

    @property
    def code_bits(self) -> int:
        """Width of a stored code."""
        return self.bits

    @property
    def magnitude_bits(self) -> int:
        """Width of the exponent code c."""
        return self.bits - 1

    @property
    def frac_bits(self) -> int:
        """``2**(bits-1) - 2``."""
        return (1 << self.magnitude_bits) - 2

    def magnitudes(self) -> npt.NDArray[np.int64]:
        """0, 1, 2, 4, ...; see `SignMagnitude.magnitudes`."""
        return powers_of_two(self.magnitude_bits)


def powers_of_two(bits: int) -> npt.NDArray[np.int64]:
    """0 and the first ``2**bits - 1`` powers of two, as int64."""
    return np.array([0, *(1 << e for e in range((1 << bits) - 1))], dtype=np.int64)
