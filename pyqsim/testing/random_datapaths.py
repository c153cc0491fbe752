"""Datapaths from the whole numeric model: products, reduce steps, output steps, orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    Datapath,
    Multiply,
    Narrow,
    Product,
    Requantize,
    Shift,
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
    choices: Choices, *, products: Sequence[str] = ("multiply", "fold"), order_k: int | None = None
) -> Datapath:
    """Draw a datapath that takes one plane and one scale group, and never traps.

    Parameters
    ----------
    choices : Choices
    products : sequence of {"multiply", "fold", "shift"}
    order_k : int, optional
        Give it an explicit order of this many k.

    Returns
    -------
    Datapath
    """
    while True:
        try:
            return _datapath(choices, products, order_k)
        except DatapathError:  # steps that do not go together, such as two that read the bias
            continue


def _datapath(choices: Choices, products: Sequence[str], order_k: int | None) -> Datapath:
    kind = choices.pick(products)
    product: Product = Multiply("fold" if kind == "fold" else "subtract")
    if kind == "shift":
        product = Shift(
            choices.pick((0, 1, 2, 3, 6)),
            draw_rounding(choices),
            choices.pick(("after", "before")),
            choices.pick(("term", "sum")),
        )
    order = None
    if order_k is not None:
        ks = list(range(order_k))
        for at in range(order_k - 1, 0, -1):
            other = choices.integer(0, at)
            ks[at], ks[other] = ks[other], ks[at]
        order = (*ks, *([-1] * choices.pick((0, 0, 1, 2))))
    biased = choices.integer(0, 3) == 3
    reduce = _reduce(choices, biased)
    output = _output(choices, kind == "fold", may_add_bias=not biased)
    return Datapath(product, reduce, output, order)


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


def _output(choices: Choices, folds: bool, *, may_add_bias: bool) -> tuple[Any, ...]:
    steps: list[Any] = []
    if folds:
        steps.append(CorrectZeroPoints(*_register(choices, _ADDING)))
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
