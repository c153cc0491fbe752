"""The Narrow step on one integer: scale, round once, then the range rule."""

from __future__ import annotations

from typing import NamedTuple

from pyqsim.datapath import Narrow, Register
from pyqsim.errors import OverflowTrap
from pyqsim.modes import OverflowRule
from pyqsim.testing.oracle.philox import random_word
from pyqsim.testing.oracle.registers import apply_register
from pyqsim.testing.oracle.rounding import round_quotient

__all__ = ["Narrowed", "narrow", "narrowed"]


class Narrowed(NamedTuple):
    """What came out, what the range rule saw, and whether that was outside."""

    value: int
    seen: int
    overflowed: bool


def narrowed(x: int, step: Narrow, random: int = 0) -> Narrowed:
    """``x -> round(x * multiplier / (divisor * 2^shift))``, then the range rule."""
    numerator = x * step.multiplier
    denominator = step.divisor
    if step.shift > 0:
        denominator *= 2**step.shift
    else:
        numerator *= 2**-step.shift
    rounded = round_quotient(numerator, denominator, step.rounding, random)
    register = Register(step.bits, step.overflow, step.signed)
    value, overflowed = apply_register(rounded, register, floor=numerator // denominator)
    return Narrowed(value, rounded, overflowed)


def narrow(x: int, step: Narrow) -> int:
    """Apply a Narrow step to one integer that has no place in a matrix.

    STOCHASTIC draws at position -1, m = n = 0, step 0, term 0.

    Parameters
    ----------
    x : int
    step : Narrow

    Returns
    -------
    int

    Raises
    ------
    OverflowTrap
        An overflow under TRAP.

    Examples
    --------
    >>> narrow(-100, Narrow(shift=3, rounding="half_even", bits=4, overflow="saturate"))
    -8
    """
    random = 0
    if step.rounding.seed is not None:
        random = random_word(step.rounding.seed, position=-1, n=0, m=0, step=0, term=0)
    value, _, overflowed = narrowed(x, step, random)
    if overflowed and step.overflow.rule is OverflowRule.TRAP:
        raise OverflowTrap((0, 0, 0, -1), "Narrow")
    return value
