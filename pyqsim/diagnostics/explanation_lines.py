"""Lines of an explanation: what the reference's trace says of every value, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pyqsim.datapath import (
    Accumulate,
    AccumulateLogs,
    Clamp,
    Datapath,
    Narrow,
    OutputStep,
    Product,
    ReduceStep,
    Register,
    Requantize,
)
from pyqsim.execution.tracing import ChainTrace, OutputRecord
from pyqsim.modes import OverflowRule

__all__ = ["ChainPlace", "Line", "chain_lines", "output_line"]

#: (plane of a, plane of b, scale group).
ChainPlace = tuple[int, int, int]

_OVERFLOW_WORDS = {
    OverflowRule.WRAP: "wrapped",
    OverflowRule.SATURATE_HOLD: "saturated and held",
    OverflowRule.TRAP: "trapped",
    OverflowRule.SATURATE_ZERO: "zeroed",
}
_TRACE_COLUMNS = (
    *("step", "spill", "acted", "position", "before", "value"),
    *("seen_high", "seen_low", "after"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One value that met one register, or one term.

    Attributes
    ----------
    step : int
        -1: the product; then the reduce steps, then the output steps, counted on.
    name : str
        Class of the step, of the spill step, or of the product.
    chain : tuple of int
        (plane of a, plane of b, scale group); (0, 0, 0) after `Merge`.
    lane : int
        Number of the accumulator among those that the step passes on; of the value for the others.
    position : int
        Slot of the last real term inside, in the datapath's order; -1: none.
    k : int
        Original index (in the whole K) of the last real term inside, -1: none.
    a, b : int or None
        The factors of a term, zero points subtracted where the product does so.
    before : int or None
        The accumulator before; None where there is none.
    value : int
        What came in.
    exact : Fraction or None
        The quotient that is rounded; None where nothing is.
    seen : int or None
        What the range rule saw; None: nothing was added.
    after : int
        What the register holds then.
    happened : tuple of str
        In words: what was rounded, wrapped or saturated; empty for exact arithmetic.
    overflowed : bool
        Whether `seen` was outside the register.
    """

    step: int
    name: str
    chain: ChainPlace
    lane: int
    position: int
    k: int
    a: int | None
    b: int | None
    before: int | None
    value: int
    exact: Fraction | None
    seen: int | None
    after: int
    happened: tuple[str, ...]
    overflowed: bool


def chain_lines(datapath: Datapath, one: ChainTrace) -> Iterator[Line]:
    """The product's terms and the reduce steps of one chain, in the order of work."""
    slots = _slots_to_k(datapath)
    chain, records = one.chain, one.raw.records
    place = (chain.a_plane, chain.b_plane, chain.group)
    numbers: dict[tuple[int, int], int] = {}  # lines so far of each step and spill step
    columns = [records[name].tolist() for name in _TRACE_COLUMNS]
    for step, spill, acted, position, before, value, high, low, after in zip(*columns, strict=True):
        number = numbers[step, spill] = numbers.get((step, spill), -1) + 1
        k = position if slots is None or position < 0 else slots[position]
        common = {"step": step, "chain": place, "k": chain.whole_k(k), "position": position}
        if step < 0:
            yield _term(datapath.product, one, k, value, common)
            continue
        owner: ReduceStep | Narrow = datapath.reduce[step]
        lane = _lane(owner, number)
        if spill:
            assert isinstance(owner, Accumulate)
            owner = owner.spill[spill - 1]
        exact = _quotient(owner, value)
        seen = (high << 64) + low
        happened = _happened(owner.register, exact, seen, after) if acted else ("nothing added",)
        yield Line(
            **common,
            name=("spill " if spill else "") + type(owner).__name__,
            lane=lane,
            a=None,
            b=None,
            before=None if isinstance(owner, Narrow) else before,
            value=value,
            exact=exact,
            seen=seen if acted else None,
            after=after,
            happened=happened,
            overflowed=bool(acted) and seen != after,
        )


def _slots_to_k(datapath: Datapath) -> tuple[int, ...] | None:
    """k of each slot; None: the slot itself."""
    if datapath.order is None:
        return None
    return tuple(int(k) for k in datapath.order if isinstance(k, int))


def _term(product: Product, one: ChainTrace, k: int, value: int, common: dict[str, Any]) -> Line:
    """A term with its factors; a hole has none."""
    a, b = (None, None) if k < 0 else (int(one.a[k]), int(one.b[k]))
    return Line(
        **common,
        name=type(product).__name__,
        lane=common["position"],
        a=a,
        b=b,
        before=None,
        value=value,
        exact=None,
        seen=None,
        after=value,
        happened=(),
        overflowed=False,
    )


def _lane(step: ReduceStep, number: int) -> int:
    """Which of the values that a step passes on its line number `number` belongs to."""
    if isinstance(step, Narrow):
        return number
    if isinstance(step, AccumulateLogs):
        return 0 if step.group is None else number // step.group
    if step.spill:
        return 0
    block = 0 if step.group is None else number // (step.group * step.interleave)
    return block * step.interleave + number % step.interleave


def _quotient(step: ReduceStep, value: int) -> Fraction | None:
    if not isinstance(step, Narrow):
        return None
    return Fraction(value * step.multiplier, step.divisor) / Fraction(2) ** step.exact_shift


def _happened(
    register: Register | None, exact: Fraction | None, seen: int, after: int
) -> tuple[str, ...]:
    """What a value lost on its way into a register, in words."""
    words = []
    if exact is not None and exact != seen:
        tie = "tie " if exact.denominator == 2 else ""
        words.append(f"{tie}rounded {'up' if seen > exact else 'down'}")
    if seen != after:
        rule = OverflowRule.WRAP if register is None else register.overflow.rule
        default = "saturated" if "SATURATE" in rule.name else "wrapped"
        words.append(_OVERFLOW_WORDS.get(rule, default))
    return tuple(words)


def output_line(datapath: Datapath, record: OutputRecord, chains: list[ChainTrace]) -> Line:
    """What an output step made of one value."""
    step = datapath.output[record.index]
    one = chains[record.chain].chain if len(chains) > 1 else chains[0].chain
    happened = _happened(_register(step), record.exact, record.seen, record.after)
    if isinstance(step, Clamp) and record.value != record.after:
        happened = ("clamped",)
    return Line(
        step=len(datapath.reduce) + record.index,
        name=type(step).__name__,
        chain=(one.a_plane, one.b_plane, one.group),
        lane=record.chain,
        k=-1,
        position=-1,
        a=None,
        b=None,
        before=record.before,
        value=record.value,
        exact=record.exact,
        seen=record.seen,
        after=record.after,
        happened=happened,
        overflowed=record.seen != record.after,
    )


def _register(step: OutputStep) -> Register | None:
    """The register of an output step, or of its scheme's last stage."""
    if isinstance(step, Requantize):
        stages = step.scheme.stages
        return stages[-1].narrow.register if stages else None
    register: Register | None = getattr(step, "register", None)
    return register
