"""Power-of-two codes: a sign and one exponent, as the members of the family were published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, check_int
from pyqsim.errors import DatapathError
from pyqsim.formats.base import Format, refuse_rounding
from pyqsim.formats.logarithm import nearest_logarithm
from pyqsim.formats.power_of_two_members import MEMBERS, Member
from pyqsim.formats.quotient import nearest_level
from pyqsim.modes import HALF_AWAY, HALF_TOWARD_ZERO, Rounding

__all__ = ["PowerOfTwo"]


@dataclass(frozen=True, slots=True)
class PowerOfTwo(Format):
    """Values ``+-scale * 2**e`` with few exponents, and 0 in the members that have it.

    The published level sets differ; each is a member. With b = `bits`, the sign included:

    ================  =====================================  ===========  ====================
    member            values at scale 1                      code         encoding
    ================  =====================================  ===========  ====================
    ``pot``           0, +-2**e, e in -(2**(b-1) - 2)..0     [sign | c]   nearest
    ``pot_paper``     0, +-2**e, e in -(2**(b-1) - 1)..0     index, b+1   nearest
    ``deepshift_q``   +-2**e, e in -(2**(b-1) - 1)..0        [sign | c]   log
    ``deepshift_ps``  those of ``pot``                       [sign | c]   log, 0 only from 0
    ``inq``           0, +-2**e, e in -(2**(b-2) - 1)..0     index, b     nearest
    ``qkeras_po2``    +-2**e, e in -2**(b-2)..2**(b-2) - 1   [sign | c]   log
    ================  =====================================  ===========  ====================

    * Code word ``[sign | c]``: with a zero, c = 0 stands for 0 (also as "-0") and c >= 1 for
      ``N = 2**(c-1)``; without, ``N = 2**c``. An *index* is a two's complement code i of that
      many bits: ``N = sign(i) * 2**(abs(i)-1)``; the patterns beyond are no codes.
    * nearest: in the linear domain; a tie (1.5 * 2**e, or half the smallest level) goes to the
      smaller magnitude (HALF_TOWARD_ZERO, the default) or to the larger one (HALF_AWAY).
    * log: the exponent is log2 of the magnitude, rounded; the threshold is sqrt(2) * 2**e,
      decided exactly, and no rounding is taken. Magnitudes below the smallest give the smallest.
      Members without zero encode 0 (and -0) as the smallest positive value.

    Sources and what differs from them:

    * ``pot``: yhhhli/APoT_Quantization with additive=False. ``pot_paper``: the formula of the
      APoT paper (Li, Dong, Wang, ICLR 2020), whose 2**b + 1 levels do not fit b bits; it is
      offered with one code bit more.
    * ``deepshift_q``, ``deepshift_ps``: mostafaelhoushi/DeepShift. The program rounds
      ``log(x) / log(2)`` HALF_EVEN in float32, which errs within a few ulp of sqrt(2) * 2**e,
      and its Q variant keeps a weight of exactly 0, which no code of its own stands for. Its
      scale is 1. Its kernel shifts int32 words right and loses their low bits:
      ``Datapath(Shift(drop=fmt.frac_bits), (Accumulate(32),), (AddBias(32),))``. Its activations of
      i + f bits are ``Affine(i + f)`` at scale ``2**-f``, rounded by FLOOR and clamped to
      ``-2**(i-1) * 2**f..(2**(i-1) - 1) * 2**f``, which leaves out the values above.
    * ``inq``: Incremental Network Quantization (Zhou et al., ICLR 2017), at scale ``2**n1`` with
      ``n1 = floor(log2(4 * max / 3))``, which `pyqsim.calibration` fits. The official C++ has
      HALF_TOWARD_ZERO, Mxbonn/INQ-pytorch HALF_AWAY. The paper's text spends a bit on zero; the
      index does not.
    * ``qkeras_po2``: google/qkeras ``quantized_po2(bits, max_value)``; float32 logarithms there
      too, and magnitudes below 1e-7 become the smallest. With `max_value` the largest exponent is
      its rounded logarithm; at most 1, the exponent has no sign bit: exponents are from
      ``-2**(b-1)``. Then b bits hold all of them for a `max_value` of at most sqrt(1/2), where the
      largest exponent is -1 or less; between that and 1 there is one too many, which is refused.

    Parameters
    ----------
    bits : int
        2..6 (``inq`` 2..7), the sign included. (Beyond, N would reach 2**62.)
    member : {"pot", "pot_paper", "deepshift_q", "deepshift_ps", "inq", "qkeras_po2"}
        Which of the published level sets.
    max_value : float, optional
        Of "qkeras_po2" only: finite, > 1 or in (0, sqrt(1/2)]. Codes of exponents that it leaves
        out stand for the largest one, and encoding does not give them.

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
    >>> PowerOfTwo(3, "inq").encode([0.75, -0.76, 0.1])
    array([ 1, -2,  0], dtype=int8)
    >>> PowerOfTwo(3, "qkeras_po2", max_value=0.5).levels()[4:]
    array([0.0625, 0.125 , 0.25  , 0.5   ])
    >>> PowerOfTwo(3, "deepshift_q").encode([0.75, -0.7, 0.0])
    array([3, 6, 0], dtype=uint8)
    """

    bits: int
    member: str = "pot"
    max_value: float | None = None

    def __post_init__(self) -> None:
        check_choice("PowerOfTwo", "member", self.member, tuple(MEMBERS))
        largest = self._member.largest_bits
        object.__setattr__(self, "bits", check_int("PowerOfTwo", "bits", self.bits, 2, largest))
        if self.max_value is not None:
            object.__setattr__(self, "max_value", self._checked_max_value())

    def _checked_max_value(self) -> float:
        value = self.max_value
        if self.member != "qkeras_po2":
            raise DatapathError(f"PowerOfTwo: max_value={value!r}, allowed: None for {self.member}")
        number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not (number and 0 < float(value) < np.inf):  # type: ignore[arg-type]  # a number
            raise DatapathError(f"PowerOfTwo: max_value={value!r}, allowed: finite and > 0")
        if self._count > 1 << (self.bits - 1):
            raise DatapathError(
                f"PowerOfTwo: max_value={value!r}, allowed: > 1, or at most sqrt(1/2), as "
                f"{self._count} exponents and a sign do not fit {self.bits} bits"
            )
        return float(value)  # type: ignore[arg-type]  # a number

    @property
    def _member(self) -> Member:
        return MEMBERS[self.member]

    @property
    def _largest_exponent(self) -> int:
        """The exponent of the largest value at scale 1."""
        if self.max_value is None:
            return self._member.largest_exponent(self.bits)
        one = np.ones(1)
        top = int(nearest_logarithm(self.max_value * one, one)[0])
        return min(max(top, -self._exponent_span), self._exponent_span - 1)

    @property
    def _exponent_span(self) -> int:
        """Of "qkeras_po2" with `max_value`: exponents are in -span..span - 1."""
        return 1 << (self.bits - 1 - (self.max_value is not None and self.max_value > 1))

    @property
    def _count(self) -> int:
        """How many exponents there are."""
        if self.max_value is None:
            return self._member.count(self.bits)
        return self._largest_exponent + self._exponent_span + 1

    @property
    def code_bits(self) -> int:
        """`bits`, one more in "pot_paper"."""
        return self.bits + self._member.extra_bits

    @property
    def frac_bits(self) -> int:
        """Minus the smallest exponent at scale 1."""
        return self._count - 1 - self._largest_exponent

    @property
    def shifts(self) -> bool:
        """True."""
        return True

    @property
    def code_max(self) -> int:
        """Largest code allowed."""
        if self._member.index_word:
            return self._member.count(self.bits)
        return (1 << self.bits) - 1

    @property
    def code_min(self) -> int:
        """Smallest code allowed."""
        return -self.code_max if self._member.index_word else 0

    @property
    def zero_code(self) -> int | None:
        """0; None in the members without zero."""
        return 0 if self._member.has_zero else None

    def integers(self) -> npt.NDArray[np.int64]:
        """N of every bit pattern, 0 where no code has it; see `Format.integers`."""
        magnitudes = self._member.magnitudes(self.bits)
        if not self._member.index_word:
            magnitudes = np.minimum(magnitudes, 1 << (self._count - 1))
            return np.concatenate([magnitudes, -magnitudes])
        table = np.zeros(1 << self.code_bits, dtype=np.int64)
        table[: len(magnitudes)] = magnitudes
        table[-np.arange(1, len(magnitudes))] = -magnitudes[1:]
        return table

    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        size = np.abs(x)
        if self._member.logarithmic:
            index = self._by_logarithm(size, scale, rounding)
        else:
            index = self._by_distance(size, scale, rounding)
        if self._member.index_word:
            return np.where(x < 0, -index, index)
        negative = (x < 0) & ~((index == 0) & self._member.has_zero)
        return np.where(negative, index + (1 << (self.bits - 1)), index)

    def _by_distance(
        self,
        size: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        """Index of the nearest magnitude."""
        rule = HALF_TOWARD_ZERO if rounding is None else Rounding.of(rounding)
        if rule not in (HALF_TOWARD_ZERO, HALF_AWAY):
            raise refuse_rounding(self, rule, "'half_toward_zero', 'half_away'")
        magnitudes = self._member.magnitudes(self.bits)
        return nearest_level(size, scale, self.frac_bits, magnitudes, rule)

    def _by_logarithm(
        self,
        size: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        """Index of the magnitude whose logarithm is nearest; that of 0 is 0."""
        if rounding is not None:
            raise refuse_rounding(self, Rounding.of(rounding), "none: its thresholds have no ties")
        count, has_zero = self._count, self._member.has_zero
        steps = np.clip(nearest_logarithm(size, scale) + self.frac_bits, 0, count - 1)
        return np.where(size > 0, steps + has_zero, 0)
