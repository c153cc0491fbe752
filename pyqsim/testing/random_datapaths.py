"""Datapaths from the whole numeric model: products, reduce steps, output steps, orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from pyqsim.datapath import (
    Accumulate,
    AccumulateLogs,
    AddBias,
    AddLogs,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    Datapath,
    FromLogs,
    Lookup,
    Merge,
    Multiply,
    Narrow,
    Product,
    Requantize,
    Shift,
    Table,
)
from pyqsim.errors import DatapathError
from pyqsim.modes import (
    OVERFLOWS,
    ROUNDINGS,
    SATURATE,
    SATURATE_HOLD,
    SATURATE_ZERO,
    TRAP,
    Rounding,
)
from pyqsim.requantize import DoubleRounding, FloatScale, ShiftOnly, SingleRounding
from pyqsim.testing.choices import Choices

__all__ = ["draw_datapath", "draw_rounding", "draw_scheme"]

_SUMMING = tuple(rule for rule in OVERFLOWS if rule not in (SATURATE_ZERO, TRAP))
_NARROWING = tuple(rule for rule in OVERFLOWS if rule not in (SATURATE_HOLD, TRAP))
_ADDING = tuple(rule for rule in _SUMMING if rule != SATURATE_HOLD)

#: Schemes take accumulators of 32 bits.
_IN_32_BITS = Narrow(bits=32, overflow=SATURATE)


def draw_rounding(choices: Choices) -> Rounding:
    """A named rule, rarely a user-made table."""
    if choices.integer(0, 9) == 9:
        return Rounding(choices.integer(0, 0xFFFF))
    return choices.pick(ROUNDINGS)


def draw_scheme(choices: Choices) -> Any:
    """A requantize scheme."""
    kind = choices.integer(0, 5)
    if kind == 5:
        return ShiftOnly(draw_rounding(choices), choices.pick((8, 16, 32)))
    return (
        DoubleRounding(),
        SingleRounding(),
        DoubleRounding("half_up"),
        FloatScale(),
        FloatScale("before"),
    )[kind]


def draw_datapath(
    choices: Choices,
    *,
    products: Sequence[str] = ("multiply", "fold"),
    order_k: int | None = None,
    merge: bool = False,
) -> Datapath:
    """Draw a datapath that never traps.

    Parameters
    ----------
    choices : Choices
    products : sequence of {"multiply", "fold", "shift", "lookup", "logs"}
    order_k : int, optional
        Give it an explicit order of this many k.
    merge : bool
        Whether it sums planes and scale groups.

    Returns
    -------
    Datapath
    """
    while True:
        try:
            return _datapath(choices, products, order_k, merge)
        except DatapathError:  # steps that do not go together, such as two that read the bias
            continue


def _datapath(
    choices: Choices, products: Sequence[str], order_k: int | None, merge: bool
) -> Datapath:
    kind = choices.pick(products)
    product: Product = Multiply("fold" if kind == "fold" else "subtract")
    if kind == "shift":
        product = Shift(
            choices.pick((0, 1, 2, 3, 6)),
            draw_rounding(choices),
            choices.pick(("after", "before")),
            choices.pick(("term", "sum")),
        )
    elif kind == "lookup":
        product = _lookup(choices, order_k)
    elif kind == "logs":
        product = AddLogs(choices.pick((8, 0, 2, 32)), choices.pick(("positive", "negative")))
    order = None
    if order_k is not None:
        ks = list(range(order_k))
        for at in range(order_k - 1, 0, -1):
            other = choices.integer(0, at)
            ks[at], ks[other] = ks[other], ks[at]
        order = (*ks, *([-1] * (0 if kind == "logs" else choices.pick((0, 0, 1, 2)))))
    if isinstance(product, AddLogs):
        return Datapath(product, *_of_logs(choices, product.guard_bits, merge), order)
    biased = choices.integer(0, 3) == 3
    reduce = _reduce(choices, biased)
    output = _output(choices, kind == "fold", may_add_bias=not biased, merge=merge)
    return Datapath(product, reduce, output, order)


def _lookup(choices: Choices, order_k: int | None) -> Lookup:
    """A small table: an approximate multiplier, sometimes another one for every k."""
    rows, columns = choices.pick(((8, 8), (4, 16), (16, 4), (5, 7)))
    own = choices.integer(0, 3) == 3
    leading = ((17 if order_k is None else max(order_k, 1)),) if own else ()
    count = prod((*leading, rows, columns))
    values = choices.integers(-128, 127, count, (0, 1, -1, 127, -128))
    return Lookup(Table(values.reshape(*leading, rows, columns)))


def _of_logs(choices: Choices, guard_bits: int, merge: bool) -> tuple[Any, Any]:
    """Reduce and output steps of logarithms: summed as such, then integers or codes."""
    bits, overflow, signed = _register(choices, _ADDING)
    steps = [AccumulateLogs(guard_bits, bits, overflow, None, signed)]
    if choices.integer(0, 2) == 2:
        steps.insert(0, replace(steps[0], group=choices.pick((2, 4, 1, 3))))
    output: list[Any] = [FromLogs(guard_bits)] if choices.integer(0, 1) else []
    return steps, (*output, *_output(choices, folds=False, may_add_bias=True, merge=merge))


def _reduce(choices: Choices, biased: bool) -> tuple[Any, ...]:
    steps: list[Any] = []
    for _ in range(choices.pick((0, 0, 0, 1, 1, 2))):
        step = draw_narrow(choices) if choices.integer(0, 2) == 2 else _grouped(choices)
        steps.append(step)
    bits, overflow, signed = _register(choices, _SUMMING)
    last = Accumulate(bits, overflow, start="bias" if biased else "zero", signed=signed)
    if choices.integer(0, 7) == 7:
        last = replace(last, spill=(draw_narrow(choices),), group=choices.pick((1, 2, 4)))
    return (*steps, last)


def _grouped(choices: Choices) -> Accumulate:
    bits, overflow, signed = _register(choices, _SUMMING)
    group = choices.pick((2, 4, 1, 3, 8, 16))
    interleave = choices.pick((1, 1, 1, 2, 4))
    return Accumulate(bits, overflow, group, interleave, signed=signed)


def draw_narrow(choices: Choices) -> Narrow:
    """A shift, a cast or a scaling."""
    bits, overflow, signed = _register(choices, _NARROWING)
    return Narrow(
        choices.pick((0, 1, 2, 3, 5, 8, -1)),
        choices.pick((1, 1, 1, 3, -5)),
        choices.pick((1, 1, 1, 1, 3)),
        draw_rounding(choices),
        bits,
        overflow,
        signed,
    )


def _register(choices: Choices, rules: Sequence[Any]) -> tuple[int | None, Any, bool]:
    if choices.integer(0, 3) == 3:
        return None, "wrap", True
    signed = choices.integer(0, 7) != 7
    bits = choices.pick((16, 8, 12, 14, 18, 20, 24, 32))
    rule = choices.pick(rules)
    if not signed and rule.name == "SATURATE_SYMMETRIC":
        signed = True
    return bits, rule, signed


def _output(choices: Choices, folds: bool, *, may_add_bias: bool, merge: bool) -> tuple[Any, ...]:
    steps: list[Any] = []
    if folds:
        steps.append(CorrectZeroPoints(*_register(choices, _ADDING)))
    if merge:
        steps.append(Merge(*_register(choices, _SUMMING)))
    if may_add_bias and choices.integer(0, 2) == 2:
        steps.append(AddBias(*_register(choices, _ADDING)))
    makers: tuple[Callable[[], list[Any]], ...] = (
        list,
        lambda: [draw_narrow(choices)],
        lambda: [_IN_32_BITS, Requantize(draw_scheme(choices)), AddZeroPoint(bits=32)],
    )
    steps += choices.pick(makers)()
    scheme = steps[-2].scheme if len(steps) > 1 and isinstance(steps[-2], Requantize) else None
    if isinstance(scheme, FloatScale) or choices.integer(0, 2) == 2:
        low, high = choices.pick(((-128, 127), (0, 255), (0, 6), (-8, 7)))
        steps.append(Clamp(low, high))
    return tuple(steps)
