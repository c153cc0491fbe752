"""Interval arithmetic on a datapath: proof that int64 holds every value that a step makes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import (
    Accumulate,
    AccumulateLogs,
    AddLogs,
    FromLogs,
    Lookup,
    Multiply,
    Narrow,
    Product,
    ReduceStep,
    Register,
    Shift,
)
from pyqsim.errors import AccumulatorRangeError
from pyqsim.modes import OverflowRule, Rounding

__all__ = [
    "ZERO",
    "Interval",
    "add",
    "by_floats",
    "from_logs",
    "narrow",
    "numerator",
    "product",
    "quotient",
    "reduce",
    "require",
    "scale",
    "subtract",
    "times",
    "write",
]

_INT64_BITS = 64
_FLOAT64_BITS = 54  # of signed integers that float64 holds, all of them


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from `low` to `high`, both included; Python integers of any size."""

    low: int
    high: int

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def fits(self, bits: int) -> bool:
        """Whether a signed word of `bits` holds every number."""
        return -(1 << (bits - 1)) <= self.low and self.high < 1 << (bits - 1)


ZERO = Interval(0, 0)


def require(interval: Interval, where: str, bits: int = _INT64_BITS) -> Interval:
    """Return the interval, or raise AccumulatorRangeError if a word of `bits` may not hold it."""
    if not interval.fits(bits):
        raise AccumulatorRangeError(
            f"{where}: values may reach {interval.low}..{interval.high}, allowed: "
            f"{-(1 << (bits - 1))}..{(1 << (bits - 1)) - 1} (int{bits}); give an earlier step "
            "bits=, or use smaller operands or K"
        )
    return interval


def add(x: Interval, y: Interval) -> Interval:
    """Interval of a sum."""
    return Interval(x.low + y.low, x.high + y.high)


def scale(x: Interval, y: Interval) -> Interval:
    """Interval of a product."""
    corners = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return Interval(min(corners), max(corners))


def times(x: Interval, count: int) -> Interval:
    """Interval of a sum of `count` such numbers, count >= 0."""
    return Interval(x.low * count, x.high * count)


def subtract(x: Interval, y: Interval) -> Interval:
    """Interval of a difference."""
    return Interval(x.low - y.high, x.high - y.low)


def _round(numerator: Interval, denominator: int, rounding: Rounding) -> Interval:
    """Interval of ``round(numerator / denominator)`` for any table: floor or floor + 1."""
    if denominator == 1:
        return numerator
    moves_exact = rounding.table & 0x1111
    moves_rest = rounding.stochastic or rounding.table & 0xEEEE
    up = moves_exact or (moves_rest and numerator.high % denominator)
    return Interval(numerator.low // denominator, numerator.high // denominator + bool(up))


def _write(value: Interval, register: Register) -> Interval:
    """Interval of what the register holds."""
    low, high = register.minimum, register.maximum
    if low is None or high is None or (low <= value.low and value.high <= high):
        return value
    if register.overflow.rule in (
        OverflowRule.SATURATE,
        OverflowRule.SATURATE_SYMMETRIC,
        OverflowRule.SATURATE_HOLD,
    ):
        return Interval(min(max(value.low, low), high), max(min(value.high, high), low))
    return Interval(low, high)


def write(value: Interval, register: Register, where: str) -> Interval:
    """Interval of what a register holds after a sum; exact registers must be proven."""
    held = _write(value, register)
    return require(held, where) if register.bits is None else held


def numerator(step: Narrow, value: Interval) -> Interval:
    """Interval of what a Narrow step divides: ``value * multiplier * 2**left``."""
    product = scale(value, Interval(step.multiplier, step.multiplier))
    return times(product, 1 << max(-step.exact_shift, 0))


def quotient(step: Narrow, value: Interval) -> Interval:
    """Interval of a Narrow step's rounded quotients, before its register."""
    denominator = step.divisor << max(step.exact_shift, 0)
    return _round(numerator(step, value), denominator, step.rounding)


def narrow(step: Narrow, value: Interval, where: str) -> Interval:
    """Interval of a Narrow step's results; its rounded value must fit int64."""
    return _write(require(quotient(step, value), where), step.register)


def by_floats(
    value: Interval, operations: Iterable[tuple[np.ufunc, npt.NDArray[np.floating[Any]]]]
) -> tuple[float, float] | None:
    """Least and largest of ``value op x op x ...``, each x any number of its array, each rounded.

    Every operation is monotone in either operand while the other stays, and so is rounding: the
    extremes are at corners. None: they are not known, or may be infinite or no numbers.
    """
    if not value.fits(_FLOAT64_BITS):
        return None
    low, high = float(value.low), float(value.high)
    for operation, array in operations:
        if not array.size:
            return None
        ends = np.array([low, high]).astype(array.dtype)
        with np.errstate(all="ignore"):
            corners = operation.outer(ends, [array.min(), array.max()])
        if not np.isfinite(corners).all():
            return None
        low, high = float(corners.min()), float(corners.max())
    return low, high


def product(kind: Product, a: Interval, b: Interval) -> Interval:
    """Interval of one term; `a` and `b` are the operands after their zero points."""
    require(a, "product: operand a - zero point")
    require(b, "product: operand b - zero point")
    if isinstance(kind, AddLogs):
        return Interval(-1, (_exponent(a) + _exponent(b)) << kind.guard_bits)
    if isinstance(kind, Lookup):
        values = kind.table.values
        return Interval(int(values.min()), int(values.max()))
    exact = scale(a, b)
    if isinstance(kind, Multiply):
        return require(exact, "product Multiply")
    return require(_shift_terms(kind, exact), "product Shift")


def _exponent(x: Interval) -> int:
    """Largest e with 2**e within the interval's magnitudes; 0 where there is none."""
    return max(abs(x.low), abs(x.high), 1).bit_length() - 1


def _shift_terms(kind: Shift, exact: Interval) -> Interval:
    """Each R is within 1 of its quotient; there are at most 63 * 63 of them."""
    if kind.drop == 0:
        return exact
    terms = 1 if kind.per == "sum" else 63 * 63
    dropped = Interval(exact.low >> kind.drop, (exact.high >> kind.drop) + 1)
    return Interval(dropped.low - terms, dropped.high + terms).hull(ZERO)


def reduce(steps: tuple[ReduceStep, ...], term: Interval, slots: int, bias: Interval) -> Interval:
    """Interval of the value a chain leaves; raises where int64 is not proven to hold a step."""
    value, count = term, slots
    for number, step in enumerate(steps):
        where = f"reduce step {number} ({type(step).__name__})"
        if isinstance(step, Narrow):
            value = narrow(step, value, where)
        elif isinstance(step, AccumulateLogs):
            value = _accumulate_logs(step, value, count, where)
            count = step.output_count(count)
        else:
            value = _accumulate(step, value, count, bias, where)
            count = step.output_count(count)
    return value


def _accumulate(
    step: Accumulate, value: Interval, count: int, bias: Interval, where: str
) -> Interval:
    start = bias.hull(ZERO) if step.start == "bias" else ZERO
    if step.spill:
        return _accumulate_with_spill(step, value, count, start, where)
    longest = count if step.group is None else min(step.group, count)
    if step.interleave > 1 and step.group is None:
        longest = -(-count // step.interleave)
    return write(start.hull(add(start, times(value, longest))), step.register, where)


def _accumulate_logs(step: AccumulateLogs, value: Interval, count: int, where: str) -> Interval:
    """Every value at its largest, and the carry of one power of two below the sum's own.

    One below, because a sum just short of a power of two may overtake a larger one.
    """
    largest = count if step.group is None else min(step.group, count)
    floor = value.high >> step.guard_bits
    high = value.high
    for _ in range(1, largest):
        distance = max((high >> step.guard_bits) - floor - 1, 0)
        carry = (1 << step.guard_bits) >> distance
        if carry == 0 or value.high < 0:
            break
        high += carry
    held = write(Interval(0, max(high, 0)), step.register, where)
    return held.hull(Interval(-1, -1))  # nothing, whatever the register can hold


def from_logs(step: FromLogs, value: Interval, where: str) -> Interval:
    """Interval of the integers that logarithms stand for; they must fit int64."""
    if value.high < 0:
        return ZERO
    exponent, one = value.high >> step.guard_bits, 1 << step.guard_bits
    high = (one + value.high % one) << min(exponent, 64)
    return require(Interval(0, high), where)


def _accumulate_with_spill(
    step: Accumulate, value: Interval, count: int, start: Interval, where: str
) -> Interval:
    """Follow the accumulator from spill to spill until its interval grows no more."""
    group = step.group or 1
    held = start
    for _ in range(-(-count // group)):
        summed = write(held.hull(add(held, times(value, group))), step.register, where)
        if step.overflow.rule is OverflowRule.SATURATE_HOLD:
            summed = summed.hull(held)  # no addition is made, so none brings it into the range
        spilled = summed
        for number, spill in enumerate(step.spill):
            spilled = narrow(spill, spilled, f"{where}, spill step {number}")
        grown = held.hull(spilled)
        if grown == held:
            break
        held = grown
    return held
