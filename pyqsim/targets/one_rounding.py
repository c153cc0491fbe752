"""A proof that two schemes are one: both round the same quotient once, by the same rule."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pyqsim.bounds import Interval, scale
from pyqsim.datapath import Narrow, Register
from pyqsim.modes import FLOOR, SATURATE, WRAP, Rounding
from pyqsim.targets.scheme_numbers import AnyScheme

__all__ = ["OneRounding", "one_rounding"]

_INT32 = 32


@dataclass(frozen=True)
class OneRounding:
    """``register(rounding(x * factor))``, the quotient exact.

    A scheme of this form is decided by the factor's value: how multiplier and shift make it up has
    no part in the result. Where nothing is shifted out `rounding` is FLOOR, and `register` is None
    where it changes no result that a clamp to int32 lets pass.
    """

    factor: Fraction
    rounding: Rounding
    register: Register | None


def one_rounding(scheme: AnyScheme, parameters: Any, bits: int) -> OneRounding | None:
    """The form of a scheme with parameters, for accumulators of `bits`; None where it has none.

    Examples
    --------
    >>> from pyqsim.requantize import EthosU, SingleRounding
    >>> schemes = SingleRounding(), EthosU("natural")
    >>> forms = [one_rounding(one, one.encode(0.3), 32) for one in schemes]
    >>> forms[0] == forms[1], forms[0].rounding
    (True, HALF_UP)
    """
    stages = getattr(scheme, "stages", None)
    if stages is None or len(stages) != 1 or stages[0].shift not in ("all", "none"):
        return None
    (stage,) = stages
    if stage.offset and parameters.offset.any():
        return None
    multiplier = int(parameters.multiplier) if stage.multiplier else stage.narrow.multiplier
    left = int(parameters.shift) + stage.shift_offset if stage.shift == "all" else 0
    narrow: Narrow = stage.narrow
    factor = Fraction(multiplier, narrow.divisor) * Fraction(2) ** (left - narrow.shift)
    whole = factor.denominator == 1
    return OneRounding(
        factor, FLOOR if whole else narrow.rounding, _register(narrow.register, factor, bits)
    )


def _register(register: Register, factor: Fraction, bits: int) -> Register | None:
    """None for one that holds every result, or saturates where the clamp does or later."""
    ends = Interval(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    products = scale(ends, Interval(factor.numerator, factor.numerator))
    reach = Interval(products.low // factor.denominator, -(-products.high // factor.denominator))
    if register.bits is None or (register.overflow == WRAP and reach.fits(register.bits)):
        return None
    saturates = register.overflow == SATURATE and register.signed
    return None if saturates and register.bits >= _INT32 else register
