"""The reduce steps: from the terms of one chain to its one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pyqsim.datapath import Accumulate, AccumulateLogs, Narrow, ReduceStep, Register
from pyqsim.errors import DatapathError
from pyqsim.modes import OverflowRule
from pyqsim.testing.oracle.narrowing import narrowed
from pyqsim.testing.oracle.philox import random_word
from pyqsim.testing.oracle.recording import Chain, Record
from pyqsim.testing.oracle.registers import apply_register

__all__ = ["Value", "check_leaves_one_value", "reduce_chain"]


class Value(NamedTuple):
    """An integer and the slot of the last real term inside it, -1 if it holds none."""

    number: int
    position: int


def check_leaves_one_value(steps: Sequence[ReduceStep], slots: int) -> None:
    """Refuse steps that leave any other number of values than one."""
    count = slots
    for step in steps:
        if isinstance(step, Narrow):
            continue
        if isinstance(step, AccumulateLogs):
            count = 1 if step.group is None else -(-count // step.group)
        elif step.spill:
            count = 1
        elif step.group is None:
            count = step.interleave
        else:
            blocks = -(-count // (step.group * step.interleave))
            count = blocks * step.interleave
    if count != 1:
        raise DatapathError(f"reduce: leaves {count} values of {slots} terms, allowed: 1")


def reduce_chain(
    terms: list[Value], steps: Sequence[ReduceStep], bias: int, chain: Chain, record: Record
) -> int:
    """Run the terms through the steps and return the one value that is left."""
    values = terms
    for number, step in enumerate(steps):
        if isinstance(step, Narrow):
            values = [_narrow(value, step, number, 0, chain, record) for value in values]
        elif isinstance(step, AccumulateLogs):
            values = _accumulate_logs(values, step, number, chain, record)
        elif step.spill:
            values = [_accumulate_with_spill(values, step, number, bias, chain, record)]
        else:
            values = _accumulate(values, step, number, bias, chain, record)
    (last,) = values
    return last.number


def _narrow(
    value: Value, step: Narrow, number: int, term: int, chain: Chain, record: Record
) -> Value:
    random = 0
    if step.rounding.seed is not None:
        random = random_word(
            step.rounding.seed,
            position=value.position,
            n=chain.n,
            m=chain.m,
            step=number,
            term=term,
        )
    result = narrowed(value.number, step, random)
    record.see(
        chain, number, value.position, result.seen, step.overflow if result.overflowed else None
    )
    return Value(result.value, value.position)


class _Accumulator:
    """One register that values are added to."""

    def __init__(
        self, start: int, step: Accumulate, number: int, chain: Chain, record: Record
    ) -> None:
        self.value = Value(start, -1)
        self.held = False
        self.register = Register(step.bits, step.overflow, step.signed)
        self.number, self.chain, self.record = number, chain, record

    def add(self, value: Value) -> None:
        """Add, then the range rule; a held accumulator adds nothing until it is cleared.

        The position is where the sum stands in the sequence: held values move it too.
        """
        position = max(self.value.position, value.position)
        if self.held:
            self.value = Value(self.value.number, position)
            return
        total = self.value.number + value.number
        kept, overflowed = apply_register(total, self.register)
        overflow = self.register.overflow
        self.record.see(self.chain, self.number, position, total, overflow if overflowed else None)
        self.held = overflowed and overflow.rule is OverflowRule.SATURATE_HOLD
        self.value = Value(kept, position)


def _accumulate(
    values: list[Value], step: Accumulate, number: int, bias: int, chain: Chain, record: Record
) -> list[Value]:
    """Blocks of group * interleave values; value i goes to accumulator i mod interleave."""
    if step.group is None:
        blocks = [values]
    else:
        size = step.group * step.interleave
        blocks = [values[first : first + size] for first in range(0, len(values), size)]
    passed_on = []
    for block_number, block in enumerate(blocks):
        starts = [0] * step.interleave
        if step.start == "bias" and block_number == 0:
            starts[0] = bias
        accumulators = [_Accumulator(start, step, number, chain, record) for start in starts]
        for i, value in enumerate(block):
            accumulators[i % step.interleave].add(value)
        passed_on += [accumulator.value for accumulator in accumulators]
    return passed_on


def _accumulate_with_spill(
    values: list[Value], step: Accumulate, number: int, bias: int, chain: Chain, record: Record
) -> Value:
    """One accumulator, not cleared; the spill steps act after every group and after the last."""
    assert step.group is not None
    start = bias if step.start == "bias" else 0
    accumulator = _Accumulator(start, step, number, chain, record)
    for added, value in enumerate(values, start=1):
        accumulator.add(value)
        if added % step.group == 0 or added == len(values):
            for term, spill in enumerate(step.spill):
                accumulator.value = _narrow(accumulator.value, spill, number, term, chain, record)
    return accumulator.value


def _accumulate_logs(
    values: list[Value], step: AccumulateLogs, number: int, chain: Chain, record: Record
) -> list[Value]:
    """Blocks of `group` values, one accumulator each, which starts as -1, the log of nothing."""
    if step.group is None:
        blocks = [values]
    else:
        blocks = [values[first : first + step.group] for first in range(0, len(values), step.group)]
    passed_on = []
    for block in blocks:
        accumulator = Value(-1, -1)
        for value in block:
            accumulator = _add_in_logs(accumulator, value, step, number, chain, record)
        passed_on.append(accumulator)
    return passed_on


def _add_in_logs(
    accumulator: Value,
    value: Value,
    step: AccumulateLogs,
    number: int,
    chain: Chain,
    record: Record,
) -> Value:
    """One addition of logarithms; the range rule acts and sees unless nothing is added.

    The position is the largest of all that was sent to the accumulator, nothing included.
    """
    s, p, G = accumulator.number, value.number, step.guard_bits
    position = max(accumulator.position, value.position)
    if p < 0:
        return Value(s, position)
    total = p if s < 0 else max(s, p) + _correction(s, p, G)
    kept, overflowed = apply_register(total, Register(step.bits, step.overflow, step.signed))
    record.see(chain, number, position, total, step.overflow if overflowed else None)
    return Value(kept, position)


def _correction(s: int, p: int, G: int) -> int:
    """``2**G * 2**-d``, floored, d the distance of the integer parts."""
    one = 1 << G
    d = abs(s // one - p // one)
    return 0 if d > G else one // (1 << d)
