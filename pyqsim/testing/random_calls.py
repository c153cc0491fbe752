"""Calls for a datapath: operands whose sums hit its ties and edges, and numbers to go with them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, Datapath, Lookup, Multiply
from pyqsim.diagnostics import Call
from pyqsim.testing.choices import Choices
from pyqsim.testing.random_data import ANY_DATA, DataRanges, draw_data
from pyqsim.testing.random_operands import OperandKind, Side
from pyqsim.testing.steering import Elements, Target, largest_limit, steer, targets

__all__ = ["draw_call"]

Ints = npt.NDArray[np.int64]

_LONGEST = 1 << 12


def draw_call(
    choices: Choices,
    datapath: Datapath,
    *,
    a: OperandKind,
    b: OperandKind,
    zero_points: bool | tuple[bool, bool] = True,
    per_row: bool = True,
    per_column: bool = True,
    max_side: int = 5,
    k: int | None = None,
    sides: tuple[int, int] | None = None,
    ranges: DataRanges = ANY_DATA,
) -> Call:
    """Draw a call.

    Parameters
    ----------
    choices : Choices
    datapath : Datapath
        One plane and one scale group.
    a, b : Format or dtype
    zero_points : bool or (bool, bool)
        Whether operands of formats that have one are given zero points; (of a, of b).
    per_row, per_column : bool
        Whether a may have a zero point a row; b, bias, multipliers and output zero points one a
        column.
    max_side : int
        Largest M and N.
    k : int, optional
        Default: drawn.
    sides : (int, int), optional
        M and N; default: drawn.
    ranges : DataRanges
        What the bias and the shifts may be.

    Returns
    -------
    Call
    """
    wants = zero_points if isinstance(zero_points, tuple) else (zero_points, zero_points)
    subtracts = _subtracts(datapath)
    side_a, side_b = Side(a, wants[0] and subtracts), Side(b, wants[1] and subtracts)
    m, n, drawn_k = _draw_sizes(choices, datapath, side_a, side_b, max_side)
    k = drawn_k if k is None else k
    m, n = sides or (m, n)
    za = side_a.draw_zero_points(choices, m, one=not per_row)
    zb = side_b.draw_zero_points(choices, n, one=not per_column)
    reach = side_a.reach * side_b.reach * max(k, 1)
    data, numbers = draw_data(choices, datapath, reach, n, per_column=per_column, ranges=ranges)
    b_codes = side_b.draw_codes(choices, (k, n), at_ends=choices.pick((False, True)))
    _plant_units(choices, b_codes, side_b, zb)
    weights = side_b.integers(b_codes) - zb.T
    a_codes = side_a.draw_codes(choices, (m, k))
    if k and n and not isinstance(datapath.product, Lookup):
        wanted = [list(targets(datapath, number)) for number in numbers]
        folds = datapath.product == Multiply("fold")
        for row in range(m):
            column = choices.integer(0, n - 1)
            raw = folds and choices.pick((True, False))
            zero_point = 0 if raw else int(za[row, 0])
            kept = [target for target in wanted[column] if target.raw == raw]
            of_column = weights[:, column] + (int(zb[column, 0]) if raw else 0)
            place = _Place(datapath, kept, of_column, side_a, zero_point)
            a_codes[row] = place.row(choices, a_codes[row])
    return Call(
        side_a.operand(choices, a_codes, za, 0), side_b.operand(choices, b_codes, zb, 1),
        datapath, data,
    )  # fmt: skip


def _subtracts(datapath: Datapath) -> bool:
    if isinstance(datapath.product, Multiply):
        fold = datapath.product == Multiply("fold")
        return not fold or any(type(s).__name__ == "CorrectZeroPoints" for s in datapath.output)
    return False


def _draw_sizes(
    choices: Choices, datapath: Datapath, a: Side, b: Side, max_side: int
) -> tuple[int, int, int]:
    sides = [s for s in (1, 2, 3, max_side) * 4 if s <= max_side] + [0]
    m, n = choices.pick(sides), choices.pick(sides)
    order = datapath.order
    if order is not None:
        return m, n, sum(isinstance(k, int) and k >= 0 for k in order)
    small = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33}
    for size in _group_sizes(datapath):
        small |= {size - 1, size, size + 1, 2 * size, 2 * size + 1}
    needed = ceil(largest_limit(datapath) / max(a.reach * b.reach, 1)) + 2
    deep = [k for k in (2 * needed + 3, needed + 1, 4 * needed) if k <= _LONGEST]
    lengths = sorted(k for k in small if 0 <= k <= _LONGEST and _leaves_one(datapath, k))
    deep = [k for k in deep if _leaves_one(datapath, k)]
    if not lengths and not deep:
        return m, n, 1
    return m, n, choices.pick(choices.pick([kind for kind in (lengths, deep) if kind]))


def _group_sizes(datapath: Datapath) -> list[int]:
    sizes, size = [], 1
    for step in datapath.reduce:
        if isinstance(step, Accumulate) and step.group is not None:
            size = min(size * step.group * step.interleave, _LONGEST)
            sizes.append(size)
    return sizes


def _leaves_one(datapath: Datapath, k: int) -> bool:
    count = k
    for step in datapath.reduce:
        count = getattr(step, "output_count", lambda c: c)(count)
    return count == 1


def _plant_units(choices: Choices, codes: Ints, side: Side, zero_points: Ints) -> None:
    """In most columns, one weight of 1 or near, so that any sum can be made."""
    k, n = codes.shape
    for column in range(n if k else 0):
        if k < 8 and choices.pick((False, True)):  # a short sum needs all its weights to be large
            continue
        elements = side.elements(int(zero_points[column, 0]))
        unit = np.array([elements.nearest(1) or elements.nearest(-1)])
        at = choices.pick((k - 1, 0, choices.integer(0, k - 1)))
        codes[at, column] = elements.codes_of(unit)[0]


@dataclass(frozen=True)
class _Place:
    """One row to be steered for one column."""

    datapath: Datapath
    wanted: list[Target]
    weights: Ints
    side: Side
    zero_point: int

    def row(self, choices: Choices, codes: Ints) -> Ints:
        """The row's codes, as drawn or steered."""
        ways = ["as drawn", "extremes", *(["tie"] * 2), *(["edge"] * 2), "return"]
        ways += ["return"] * 3 * self._can_leave_twice()
        way = choices.pick(ways)
        kept = [target for target in self.wanted if target.kind == way]
        if way == "as drawn" or (way in ("tie", "edge") and not kept):
            return codes
        elements = self.side.elements(self.zero_point)
        row = self._integers(codes)
        if way == "extremes":
            row = self._extremes(elements, choices.pick((1, -1)))
        elif way == "return":
            row = self._return(choices, elements)
        else:
            row = self._towards(choices, row, elements, choices.pick(kept))
        return elements.codes_of(row)

    def _integers(self, codes: Ints) -> Ints:
        integers: Ints = self.side.integers(codes) - self.zero_point
        return integers

    def _order(self) -> list[int]:
        order = self.datapath.order
        if order is None:
            return list(range(len(self.weights)))
        return [int(k) for k in order if isinstance(k, int) and k >= 0]

    def _can_leave_twice(self) -> bool:
        """Whether half of the terms can leave the registers."""
        low, high = self.side.limits
        reach = int(np.abs(self.weights).sum()) * (high - low) // 2
        return reach > 2 * largest_limit(self.datapath) > 0

    def _extremes(self, elements: Elements, sign: int) -> Ints:
        """Every product at its largest: the sum leaves every register."""
        high = np.where(self.weights * sign >= 0, elements.highest, elements.lowest)
        ints: Ints = high.astype(np.int64)
        return ints

    def _return(self, choices: Choices, elements: Elements) -> Ints:
        """A prefix that leaves the range, and a rest that brings the exact sum back.

        Or several runs of alternating sign, each perhaps long enough to leave the range.
        """
        sign = choices.pick((1, -1))
        row = self._extremes(elements, sign)
        order = self._order()
        if choices.pick((True, False)):
            half = len(order) // 2
            row[order[half:]] = self._extremes(elements, -sign)[order[half:]]
            return self._solve(row, elements, order, choices.integer(-2, 2), len(order) - half)
        for _ in range(choices.integer(1, 4)):
            sign = -sign
            tail = order[choices.integer(0, len(order)) :]
            row[tail] = self._extremes(elements, sign)[tail]
        return row

    def _towards(self, choices: Choices, row: Ints, elements: Elements, target: Target) -> Ints:
        span = target.span
        order = self._order()[: span or None]
        q = choices.integer(-4, 4) if target.kind == "tie" else choices.pick((1, 0, 1, 0, 2, -1))
        total = target.sum_for(q, choices.pick((True, False)))
        reach = max(abs(elements.lowest), abs(elements.highest))
        heavy = reach * max(int(np.abs(self.weights).max()), 1)
        free = min(len(order), ceil(abs(total) / max(heavy, 1)) * 2 + 8)
        if abs(total) > heavy:  # the drawn numbers would only be in the way
            row = np.full_like(row, elements.nearest(0))
        return self._solve(row, elements, order, total, free)

    def _solve(
        self, row: Ints, elements: Elements, order: list[int], total: int, free: int
    ) -> Ints:
        row = row.copy()
        row[order] = steer(row[order], self.weights[order], elements, total, free)
        return row
