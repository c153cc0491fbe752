"""Sums worth hitting: ties, ends of registers; and operands whose sum is such a number.

After some steps a value is, but for rounding, ``factor * s + offset`` of the exact sum s of the
first `span` terms. A tie is ``q + 1/2``, an end of a register is its limit or one unit
beyond: solved for s, that is a sum to steer to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    Datapath,
    Multiply,
    Narrow,
    Register,
    Requantize,
    Shift,
)

__all__ = ["Elements", "Numbers", "Target", "largest_limit", "steer", "targets"]

_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the call's data are for one column: the bias, the real scale, the output zero point."""

    bias: int = 0
    scale: Fraction = Fraction(1)
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """A value at some step that is worth making.

    Attributes
    ----------
    kind : {"tie", "edge"}
    span : int or None
        How many terms make the value; None: all.
    factor, offset : Fraction
        The value is ``factor * sum + offset``.
    low, high : int or None
        For "edge": the limits of the register or clamp.
    raw : bool
        Whether the sum is that of raw codes, zero points not subtracted.
    """

    kind: str
    span: int | None
    factor: Fraction
    offset: Fraction
    low: int | None = None
    high: int | None = None
    raw: bool = False

    def sum_for(self, q: int, above: bool) -> int:
        """The sum for the tie at q + 1/2; or for the value q units outside an end."""
        if self.kind == "tie":
            value = q + _HALF
        elif above:
            value = Fraction((self.high or 0) + q)
        else:
            value = Fraction((self.low or 0) - q)
        return round((value - self.offset) / self.factor)


def targets(datapath: Datapath, numbers: Numbers) -> Iterator[Target]:
    """Every tie and edge of a machine with one accumulator an output.

    Parameters
    ----------
    datapath : Datapath
    numbers : Numbers

    Yields
    ------
    Target
    """
    factor, offset = Fraction(1), Fraction(0)
    product = datapath.product
    if isinstance(product, Shift):
        factor /= 2**product.drop
        if product.drop:
            yield Target("tie", 1, factor, offset)
    folds = product == Multiply("fold")
    span: int | None = 1
    for step in datapath.reduce:
        if isinstance(step, Narrow):
            factor, offset = factor * scale_of(step), offset * scale_of(step)
            if factor == 0:
                return
            found = _narrow_targets(step, span, factor, offset)
        elif isinstance(step, Accumulate):
            offset += numbers.bias if step.start == "bias" else 0
            grouped = step.group is not None and not step.spill
            span = span * step.group if grouped and span and step.group else None
            found = _accumulate_targets(step, span, factor, offset)
        else:
            return
        yield from (replace(target, raw=folds) for target in found)
    yield from _output_targets(datapath, numbers, factor, offset)


def scale_of(step: Narrow) -> Fraction:
    """The exact factor of a Narrow step."""
    return Fraction(step.multiplier, step.divisor) / Fraction(2) ** step.exact_shift


def _accumulate_targets(
    step: Accumulate, span: int | None, factor: Fraction, offset: Fraction
) -> Iterator[Target]:
    yield from _register_targets(step.register, span, factor, offset)
    for spill in step.spill:
        if spill.multiplier:
            yield from _narrow_targets(spill, step.group, factor * scale_of(spill), offset)


def _output_targets(
    datapath: Datapath, numbers: Numbers, factor: Fraction, offset: Fraction
) -> Iterator[Target]:
    for step in datapath.output:
        if isinstance(step, CorrectZeroPoints):
            pass
        elif isinstance(step, AddBias):
            offset += numbers.bias
        elif isinstance(step, AddZeroPoint):
            offset += numbers.zero_point
        elif isinstance(step, Narrow):
            factor, offset = factor * scale_of(step), offset * scale_of(step)
            if factor == 0:
                return
            yield from _narrow_targets(step, None, factor, offset)
        elif isinstance(step, Requantize):
            factor, offset = factor * numbers.scale, offset * numbers.scale
            yield Target("tie", None, factor, offset)
        elif isinstance(step, Clamp):
            yield Target("edge", None, factor, offset, step.min, step.max)
        else:
            return
        register = getattr(step, "register", None)
        if register is not None and not isinstance(step, Narrow):
            yield from _register_targets(register, None, factor, offset)


def _narrow_targets(
    step: Narrow, span: int | None, factor: Fraction, offset: Fraction
) -> Iterator[Target]:
    if step.shift > 0 or step.divisor > 1:
        yield Target("tie", span, factor, offset)
    yield from _register_targets(step.register, span, factor, offset)


def _register_targets(
    register: Register, span: int | None, factor: Fraction, offset: Fraction
) -> Iterator[Target]:
    if register.minimum is not None:
        yield Target("edge", span, factor, offset, register.minimum, register.maximum)


def largest_limit(datapath: Datapath) -> int:
    """Largest magnitude that a register of the reduce steps holds, 0 without any."""
    limits = [
        step.register.maximum << max(-getattr(step, "shift", 0), 0)
        for step in datapath.reduce
        if step.register.maximum is not None
    ]
    return max(limits, default=0)


@dataclass(frozen=True, eq=False)
class Elements:
    """What an element of a row may be, after its zero point.

    Attributes
    ----------
    lowest, highest : int
    values, codes : ndarray of int64 or None
        Ascending values and the code of each; None: all from `lowest` to `highest`.
    zero_point : int
        Without `values`: the code is the value plus this.
    """

    lowest: int
    highest: int
    zero_point: int = 0
    values: npt.NDArray[np.int64] | None = None
    codes: npt.NDArray[np.int64] | None = None

    def nearest(self, wanted: int) -> int:
        """The value nearest to a number."""
        inside = min(max(wanted, self.lowest), self.highest)
        if self.values is None:
            return inside
        at = int(np.searchsorted(self.values, inside))
        around: list[int] = self.values[max(at - 1, 0) : at + 1].tolist()
        return min(around, key=lambda value: abs(value - wanted))

    def codes_of(self, row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The codes of values."""
        if self.values is None or self.codes is None:
            return row + self.zero_point
        found: npt.NDArray[np.int64] = self.codes[np.searchsorted(self.values, row)]
        return found


def steer(
    row: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    elements: Elements,
    total: int,
    free: int,
) -> npt.NDArray[np.int64]:
    """Change the last `free` elements of a row so that ``row @ weights`` is near `total`.

    Exact wherever the values are consecutive and a weight of 1 or -1 is among the free ones.

    Parameters
    ----------
    row, weights : ndarray of int64, (K,)
    elements : Elements
        What elements may be.
    total : int
    free : int
        0..K.

    Returns
    -------
    ndarray of int64, (K,)
    """
    row = row.copy()
    fixed = len(row) - free
    rest = total - int(row[:fixed] @ weights[:fixed])
    order = fixed + np.argsort(-np.abs(weights[fixed:]), kind="stable")
    for k in order.tolist():
        weight = int(weights[k])
        wanted = 0 if weight == 0 else round(Fraction(rest, weight))
        row[k] = elements.nearest(wanted)
        rest -= int(row[k]) * weight
    return row
