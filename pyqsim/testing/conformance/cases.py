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
from pyqsim.testing.choices import SeededChoices
from pyqsim.testing.conformance.kernels import Kernel
from pyqsim.testing.random_calls import OperandKind, draw_call, draw_data, limits_of, operand_of

__all__ = ["Case", "Plan", "batches"]

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
    """

    datapath: Datapath
    a: OperandKind
    b: OperandKind
    level: int = 1
    seed: int = 0
    k: int | None = None


#: A call, and what the reference computes for it.
Case = tuple[Call, npt.NDArray[Any]]


def batches(plan: Plan, kernel: Kernel) -> Iterator[tuple[str, list[Case]]]:
    """Name and cases of one batch after another; calls that the reference refuses are left out."""
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
        yield "steered calls", _cases(calls)


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
    )


def _cases(calls: list[Call]) -> list[Case]:
    """Those calls that the reference takes: no trap, no bound beyond int64."""
    found: list[Case] = []
    for call in calls:
        try:
            found.append((call, call.run()))
        except PyqsimError:
            continue
    return found


def _codes(kind: OperandKind) -> npt.NDArray[np.int64] | None:
    """All codes of an operand, if there are at most 256."""
    low, high = limits_of(kind)
    return np.arange(low, high + 1) if high - low < 256 else None


def _every_product(plan: Plan, kernel: Kernel) -> Iterator[tuple[str, list[Case]]]:
    """Every code of a with every code of b, K = 1, with several data."""
    a, b = _codes(plan.a), _codes(plan.b)
    if a is None or b is None:
        return
    calls = []
    for number in range(2 if plan.level == 1 else 8):
        choices = SeededChoices((plan.seed, number, 1))
        data, _ = draw_data(choices, plan.datapath, 1 << 14, len(b), per_column=kernel.per_column)
        left, right = operand_of(plan.a, a[:, None]), operand_of(plan.b, b[None, :])
        calls.append(Call(left, right, plan.datapath, data))
        if not data:
            break
    yield "every pair of codes", _cases(calls)


def _every_accumulator(plan: Plan) -> Iterator[tuple[str, list[Case]]]:
    """Every sum of two terms from end to end: a0 * w + a1, with several data."""
    a, b = _codes(plan.a), _codes(plan.b)
    if a is None or b is None or 1 not in b:
        return
    rows = np.array([(x, y) for x in a for y in a])
    for number in range(16):
        choices = SeededChoices((plan.seed, number, 2))
        data, _ = draw_data(choices, plan.datapath, 1 << 15, 1, per_column=False)
        column = np.array([[b.max()], [1]])
        call = Call(operand_of(plan.a, rows), operand_of(plan.b, column), plan.datapath, data)
        yield "every accumulator", _cases([call])
        if not data:
            break
