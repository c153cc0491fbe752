"""LogQuant codes: the rounded base-2 logarithm of the magnitude, and a code for zero."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_bool, check_choice, check_int
from pyqsim.errors import QuantizationError
from pyqsim.formats.base import Format, first_place, refuse_rounding
from pyqsim.formats.power_of_two import powers_of_two
from pyqsim.formats.sign_magnitude import SignMagnitude
from pyqsim.modes import Rounding

__all__ = ["LogQuant"]

#: A number is ``m * 2**e`` with ``m = M / 2**53`` in [1/2, 1); its exponent e - 1 is rounded up
#: where M is above this. "log": ``m**2 > 1/2``, that is ``M**2 > 2**105``, which is no square, so
#: that there are no ties. "linear_*": m against 3/4.
_LAST_ROUNDED_DOWN = {
    "log": isqrt(2**105),
    "floor": 2**53,
    "linear_up": 3 * 2**51 - 1,
    "linear_down": 3 * 2**51,
}


@dataclass(frozen=True, slots=True)
class LogQuant(SignMagnitude):
    """Values 0 and ``2**e``, e in ``FSR - 2**bits + 1 .. FSR - 1`` (Miyashita, Lee, Murmann 2016).

    Code word ``[sign | c]``, the sign only where signed: c = 0 stands for 0, else
    ``N = 2**(c-1)``. The scale is full scale, ``2**FSR``, and must be a power of two; with
    ``frac_bits = 2**bits - 1`` the largest value at scale 1 is 1/2.

    Encoding: e = the logarithm of abs(x), rounded by `log_rounding`; ``e <= FSR - 2**bits`` gives
    0, ``e >= FSR`` the largest code, else ``c = e - (FSR - 2**bits)``. No logarithm is taken: the
    rounding is a comparison of mantissa bits. `encode` takes no other rounding.

    Parameters
    ----------
    bits : int
        Magnitude bits, 1..5. (With 6 bits N reaches 2**62.)
    signed : bool
        One more bit, for the sign.
    log_rounding : {"log", "floor", "linear_up", "linear_down"}
        Where, between ``2**e`` and ``2**(e+1)``, the code changes: at ``sqrt(2) * 2**e``, at
        ``2**(e+1)`` (leading-one detector), or at ``1.5 * 2**e`` with the tie going up or down in
        magnitude.

    Raises
    ------
    DatapathError
        For parameters outside these ranges.

    Examples
    --------
    >>> LogQuant(2).levels()
    array([0.   , 0.125, 0.25 , 0.5  ])
    >>> LogQuant(2).encode([0.17, 0.18, 100.0])          # sqrt(2) / 8 is 0.1767
    array([1, 2, 3], dtype=uint8)
    """

    bits: int
    signed: bool = False
    log_rounding: str = "log"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", check_int("LogQuant", "bits", self.bits, 1, 5))
        object.__setattr__(self, "signed", check_bool("LogQuant", "signed", self.signed))
        check_choice("LogQuant", "log_rounding", self.log_rounding, tuple(_LAST_ROUNDED_DOWN))

    @property
    def code_bits(self) -> int:
        """Width of a stored code: the magnitude bits, and the sign where signed."""
        return self.bits + self.signed

    @property
    def magnitude_bits(self) -> int:
        """Width of the exponent code c."""
        return self.bits

    @property
    def frac_bits(self) -> int:
        """``2**bits - 1``."""
        return (1 << self.bits) - 1

    def magnitudes(self) -> npt.NDArray[np.int64]:
        """0, 1, 2, 4, ...; see `SignMagnitude.magnitudes`."""
        return powers_of_two(self.bits)

    def check_scale(self, scale: npt.NDArray[np.float64]) -> None:
        """Raise `QuantizationError` unless every scale is a power of two."""
        Format.check_scale(self, scale)
        bad = np.asarray(np.frexp(scale)[0] != 0.5)
        if bad.any():
            raise QuantizationError(
                f"scale{first_place(bad, scale)}, allowed: a power of two for {self}"
            )

    def rounded_exponent(self, size: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The base-2 logarithm of positive numbers, rounded to an integer by `log_rounding`.

        Parameters
        ----------
        size : ndarray of float64
            Finite, > 0 (the result for 0 has no meaning).

        Returns
        -------
        ndarray of int64, shape of `size`

        Examples
        --------
        >>> LogQuant(4).rounded_exponent(np.array([1.0, 1.41421, 1.41422]))
        array([0, 0, 1])
        """
        mantissa, exponent = np.frexp(size)
        up = np.ldexp(mantissa, 53) > _LAST_ROUNDED_DOWN[self.log_rounding]
        return np.asarray(exponent - 1 + up, dtype=np.int64)

    def _round_magnitude(
        self,
        size: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        if rounding is not None:
            raise refuse_rounding(self, Rounding.of(rounding), "none but its log_rounding")
        full_scale_range = np.frexp(scale)[1] - 1
        codes = self.rounded_exponent(size) - full_scale_range + (1 << self.bits)
        return np.where(size > 0, np.clip(codes, 0, (1 << self.bits) - 1), 0)
