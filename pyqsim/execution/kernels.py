"""Which kernel may run a chain, and why not: the choice and its proof."""

from __future__ import annotations

from pyqsim import bounds
from pyqsim._native import ISAS
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import Accumulate, Narrow, ReduceStep

__all__ = ["ISAS", "KERNELS", "LANES_ROWS", "why_not_int32"]

#: Kernels that may be asked for.
KERNELS = ("auto", "reference", "lanes", "gemm")

#: The lanes kernel works on 16 rows at a time; with fewer than this it gains nothing.
LANES_ROWS = 4

_WORD = 32


def why_not_int32(
    steps: tuple[ReduceStep, ...],
    a: Interval,
    b: Interval,
    term: Interval,
    slots: int,
    bias: Interval,
) -> str | None:
    """Why int32 is not proven to hold every number of a chain; None: it is.

    Proven are the operands, the terms, the bias, every sum before its range rule and every
    rounded value. The steps themselves are those that `bounds.reduce` has accepted.
    """
    for name, interval in (("a", a), ("b", b), ("a term", term), ("the bias", bias)):
        if not interval.fits(_WORD):
            return f"{name} may reach {interval.low}..{interval.high}"
    value, count = term, slots
    for number, step in enumerate(steps):
        held = bounds.reduce((step,), value, count, bias)
        if not isinstance(step, Narrow):
            biased = isinstance(step, Accumulate) and step.start == "bias"
            start = bias.hull(ZERO) if biased else ZERO
            sums = bounds.add(held.hull(start), value)
            if not sums.hull(held).fits(_WORD):
                return f"a sum of reduce step {number} may reach {sums.low}..{sums.high}"
            count = step.output_count(count)
        elif not value.fits(_WORD) or not _rounds_within(value):
            return f"reduce step {number} may meet {value.low}..{value.high}"
        value = held
    return None


def _rounds_within(value: Interval) -> bool:
    """Whether a rounded value fits too: at most one more."""
    return bounds.add(value, Interval(0, 1)).fits(_WORD)
