"""The calls of a conformance run: exhaustive where finite, then steered ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Datapath
from pyqsim.diagnostics import Call
from pyqsim.errors import PyqsimError
from pyqsim.testing.choices import Choices, SeededChoices
from pyqsim.testing.conformance.kernels import Kernel
from pyqsim.testing.random_calls import draw_call
from pyqsim.testing.random_data import ANY_DATA, DataRanges, draw_data
from pyqsim.testing.random_operands import (
    OperandKind,
    check_one_plane,
    limits_of,
    operand_of,
)

__all__ = ["Batch", "Case", "Plan", "batches"]

#: Level 1: seconds. Level 2: millions of outputs.
_OUTPUTS = {1: 4_000, 2: 3_000_000}
_SIDES = {1: 5, 2: 48}
_BATCH = {1: 50, 2: 20}


@dataclass(frozen=True, eq=False)
class Plan:
    """What is run: machine, operands, level and seed.

    Attributes
    ----------
    datapath : Datapath
    a, b : Format or dtype
    level : {1, 2}
    seed : int
    k : int, optional
        The only K that the kernel takes.
    ranges : DataRanges
        What it takes as bias and shifts.
    """

    datapath: Datapath
    a: OperandKind
    b: OperandKind
    level: int = 1
    seed: int = 0
    k: int | None = None
    ranges: DataRanges = ANY_DATA

    def __post_init__(self) -> None:
        check_one_plane("a", self.a)
        check_one_plane("b", self.b)


#: A call, and what the reference computes for it.
Case = tuple[Call, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some cases of a kind.

    Attributes
    ----------
    name : str
    cases : list of (Call, ndarray)
    refused : int
        Calls left out, as the reference refuses them: a trap, a bound beyond int64.
    """

    name: str
    cases: list[Case]
    refused: int


def batches(plan: Plan, kernel: Kernel) -> Iterator[Batch]:
    """One batch after another."""
    if plan.k in (None, 1):
        yield from _every_product(plan, kernel)
    if plan.level > 1 and plan.k is None:
        yield from _every_accumulator(plan)
    outputs, number = 0, 0
    while outputs < _OUTPUTS[plan.level]:
        calls = []
        for _ in range(_BATCH[plan.level]):
            call = _steered(plan, kernel, number)
            number += 1
            outputs += max(call.sizes[0] * call.sizes[1], 1)
            calls.append(call)
        yield _batch("steered calls", calls)


def _steered(plan: Plan, kernel: Kernel, number: int) -> Call:
    return draw_call(
        SeededChoices((plan.seed, number)),
        plan.datapath,
        a=plan.a,
        b=plan.b,
        zero_points=kernel.zero_points,
        per_row=False,
        per_column=kernel.per_column,
        max_side=_SIDES[plan.level],
        k=plan.k,
        ranges=plan.ranges,
    )


def _batch(name: str, calls: list[Call]) -> Batch:
    found: list[Case] = []
    for call in calls:
        try:
            found.append((call, call.run()))
        except PyqsimError:
            continue
    return Batch(name, found, len(calls) - len(found))


def _data(plan: Plan, choices: Choices, reach: int, n: int, per_column: bool) -> dict[str, Any]:
    return draw_data(choices, plan.datapath, reach, n, per_column=per_column, ranges=plan.ranges)[0]


def _codes(kind: OperandKind) -> npt.NDArray[np.int64] | None:
    """All codes of an operand, if there are at most 256."""
    low, high = limits_of(kind)
    return np.arange(low, high + 1) if high - low < 256 else None


def _every_product(plan: Plan, kernel: Kernel) -> Iterator[Batch]:
    """Every code of a with every code of b, K = 1, with several data."""
    a, b = _codes(plan.a), _codes(plan.b)
    if a is None or b is None:
        return
    calls = []
    for number in range(2 if plan.level == 1 else 8):
        choices = SeededChoices((plan.seed, number, 1))
        data = _data(plan, choices, 1 << 14, len(b), kernel.per_column)
        left, right = operand_of(plan.a, a[:, None]), operand_of(plan.b, b[None, :])
        calls.append(Call(left, right, plan.datapath, data))
        if not data:
            break
    yield _batch("every pair of codes", calls)


def _every_accumulator(plan: Plan) -> Iterator[Batch]:
    """Every sum of two terms from end to end: a0 * w + a1, with several data."""
    a, b = _codes(plan.a), _codes(plan.b)
    if a is None or b is None or 1 not in b:
        return
    rows = np.array([(x, y) for x in a for y in a])
    for number in range(16):
        choices = SeededChoices((plan.seed, number, 2))
        data = _data(plan, choices, 1 << 15, 1, per_column=False)
        column = np.array([[b.max()], [1]])
        call = Call(operand_of(plan.a, rows), operand_of(plan.b, column), plan.datapath, data)
        yield _batch("every accumulator", [call])
        if not data:
            break
