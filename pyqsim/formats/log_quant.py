"""LogQuant codes: the rounded logarithm of the magnitude (base 2 or sqrt(2)), and a zero code."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_bool, check_choice, check_int
from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.formats.base import Format, first_place, refuse_rounding
from pyqsim.formats.sign_magnitude import SignMagnitude
from pyqsim.modes import Rounding

__all__ = ["LogQuant"]

#: A number is ``m * 2**e`` with ``m = M / 2**53`` in [1/2, 1). Its logarithm, in steps of the
#: base, is that of 2**(e-1) and one step more for each of these that M is above. "log": m against
#: 2**(-1/2), or against 2**(-3/4) and 2**(-1/4), all irrational, so that there are no ties;
#: "floor", base sqrt(2): m against 2**(-1/2); "linear_*": m against 3/4.
_LAST_ROUNDED_DOWN = {
    ("2", "log"): (isqrt(2**105),),
    ("2", "floor"): (),
    ("2", "linear_up"): (3 * 2**51 - 1,),
    ("2", "linear_down"): (3 * 2**51,),
    ("sqrt2", "log"): (isqrt(isqrt(2**209)), isqrt(isqrt(2**211))),
    ("sqrt2", "floor"): (isqrt(2**105),),
}

#: Most magnitude bits, and most guard bits (N stays below 2**62).
_LARGEST_BITS = {"2": 5, "sqrt2": 6}
_LARGEST_GUARD = 30


@dataclass(frozen=True, slots=True)
class LogQuant(SignMagnitude):
    """Values 0 and ``2**e``, e in ``FSR - 2**bits + 1 .. FSR - 1`` (Miyashita, Lee, Murmann 2016).

    Code word ``[sign | c]``, the sign only where signed: c = 0 stands for 0, else
    ``N = 2**(c-1)``. The scale is full scale, ``2**FSR``, and must be a power of two; with
    ``frac_bits = 2**bits - 1`` the largest value at scale 1 is 1/2.

    Encoding: e = the logarithm of abs(x), rounded by `log_rounding`; ``e <= FSR - 2**bits`` gives
    0, ``e >= FSR`` the largest code, else ``c = e - (FSR - 2**bits)``. No logarithm is taken: the
    rounding is a comparison of mantissa bits. `encode` takes no other rounding. (The paper's
    Clip, read literally, would encode tiny numbers as ``2**0``; this is its consistent reading.)

    Base sqrt(2), the paper's choice for convolution weights: c >= 1 stands for
    ``2**FSR * sqrt(2)**(c - 2**bits)``, rounded to the integer
    ``N = R << (c // 2)`` for odd c, ``N = 2**g << (c // 2)`` for even c, where g = `guard_bits`,
    ``R = round(sqrt(2) * 2**g)`` and ``frac_bits = 2**(bits-1) + g``: a machine of one constant
    multiplication and a shift. Encoding compares with the exact thresholds of sqrt(2), not of R.
    N is no sum of few powers of two: `Shift` does not take it.

    Parameters
    ----------
    bits : int
        Magnitude bits, 1..5, or 1..6 in base sqrt(2). (With more, N would reach 2**62.)
    signed : bool
        One more bit, for the sign.
    log_rounding : {"log", "floor", "linear_up", "linear_down"}
        Where, between two neighbours ``2**e`` and ``2**(e+1)``, the code changes: at
        ``sqrt(2) * 2**e``, at ``2**(e+1)`` (leading-one detector), or at ``1.5 * 2**e`` with the
        tie going up or down in magnitude. In base sqrt(2) "log" changes at ``2**(1/4)`` times the
        lower one, and there is no "linear_up", "linear_down".
    base : {"2", "sqrt2"}
    guard_bits : int, optional
        g, 1..30, in base sqrt(2) only; default 8.

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
    >>> LogQuant(2, base="sqrt2", guard_bits=4).integers()          # 23 / 16 is about sqrt(2)
    array([ 0, 23, 32, 46])
    """

    bits: int
    signed: bool = False
    log_rounding: str = "log"
    base: str = "2"
    guard_bits: int | None = None

    def __post_init__(self) -> None:
        check_choice("LogQuant", "base", self.base, tuple(_LARGEST_BITS))
        largest = _LARGEST_BITS[self.base]
        object.__setattr__(self, "bits", check_int("LogQuant", "bits", self.bits, 1, largest))
        object.__setattr__(self, "signed", check_bool("LogQuant", "signed", self.signed))
        rules = tuple(rule for base, rule in _LAST_ROUNDED_DOWN if base == self.base)
        check_choice("LogQuant", "log_rounding", self.log_rounding, rules)
        if self.base == "sqrt2":
            guard = 8 if self.guard_bits is None else self.guard_bits
            guard = check_int("LogQuant", "guard_bits", guard, 1, _LARGEST_GUARD)
            object.__setattr__(self, "guard_bits", guard)
        elif self.guard_bits is not None:
            raise DatapathError(
                f"LogQuant: guard_bits={self.guard_bits!r}, allowed: None in base 2, which is exact"
            )

    @property
    def code_bits(self) -> int:
        """Width of a stored code: the magnitude bits, and the sign where signed."""
        return self.bits + self.signed

    @property
    def magnitude_bits(self) -> int:
        """Width of the exponent code c."""
        return self.bits

    @property
    def shifts(self) -> bool:
        """Whether the base is 2."""
        return self.base == "2"

    @property
    def steps_per_octave(self) -> int:
        """1; 2 in base sqrt(2)."""
        return 1 if self.base == "2" else 2

    @property
    def frac_bits(self) -> int:
        """``2**bits - 1``; ``2**(bits-1) + guard_bits`` in base sqrt(2)."""
        if self.guard_bits is None:
            return (1 << self.bits) - 1
        return (1 << (self.bits - 1)) + self.guard_bits

    def magnitudes(self) -> npt.NDArray[np.int64]:
        """0, 1, 2, 4, ... in base 2; see `SignMagnitude.magnitudes`."""
        codes = range(1, 1 << self.bits)
        if self.guard_bits is None:
            return np.array([0, *(1 << (c - 1) for c in codes)], dtype=np.int64)
        root = (isqrt(8 << (2 * self.guard_bits)) + 1) // 2
        constants = (1 << self.guard_bits, root)
        return np.array([0, *(constants[c % 2] << (c // 2) for c in codes)], dtype=np.int64)

    def check_scale(self, scale: npt.NDArray[np.float64]) -> None:
        """Raise `QuantizationError` unless every scale is a power of two."""
        Format.check_scale(self, scale)
        bad = np.asarray(np.frexp(scale)[0] != 0.5)
        if bad.any():
            raise QuantizationError(
                f"scale{first_place(bad, scale)}, allowed: a power of two for {self}"
            )

    def rounded_exponent(self, size: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The logarithm of positive numbers in the format's base, rounded by `log_rounding`.

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
        >>> LogQuant(4, base="sqrt2").rounded_exponent(np.array([1.0, 1.18, 1.19, 2.0]))
        array([0, 0, 1, 2])
        """
        mantissa, exponent = np.frexp(size)
        steps = (exponent.astype(np.int64) - 1) * self.steps_per_octave
        for last in _LAST_ROUNDED_DOWN[self.base, self.log_rounding]:
            steps = steps + (np.ldexp(mantissa, 53) > last)
        return np.asarray(steps, dtype=np.int64)

    def _round_magnitude(
        self,
        size: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        if rounding is not None:
            raise refuse_rounding(self, Rounding.of(rounding), "none but its log_rounding")
        full_scale_range = (np.frexp(scale)[1] - 1) * self.steps_per_octave
        codes = self.rounded_exponent(size) - full_scale_range + (1 << self.bits)
        return np.where(size > 0, np.clip(codes, 0, (1 << self.bits) - 1), 0)
