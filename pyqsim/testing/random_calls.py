"""Calls for a datapath: operands whose sums hit its ties and edges, and numbers to go with them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, AddLogs, Datapath, Lookup, Multiply
from pyqsim.diagnostics import Call
from pyqsim.formats import Format
from pyqsim.testing.choices import Choices
from pyqsim.testing.random_data import ANY_DATA, DataRanges, draw_data
from pyqsim.testing.random_operands import OperandKind, Side
from pyqsim.testing.random_terms import TermPlace, end_codes, largest_term, terms_of
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
    group: int | None = None,
) -> Call:
    """Draw a call.

    Parameters
    ----------
    choices : Choices
    datapath : Datapath
    a, b : Format or dtype
        Of formats with several planes, rows are steered for one pair of them.
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
    group : int, optional
        Consecutive k that share a scale: those of a, of b, or of both, where it has a format.

    Returns
    -------
    Call
    """
    wants = zero_points if isinstance(zero_points, tuple) else (zero_points, zero_points)
    subtracts = _subtracts(datapath)
    side_a, side_b = Side(a, wants[0] and subtracts), Side(b, wants[1] and subtracts)
    side_a, side_b = side_a.one_plane(choices), side_b.one_plane(choices)
    m, n, drawn_k = _draw_sizes(choices, datapath, side_a, side_b, max_side, group)
    k = drawn_k if k is None else k
    m, n = sides or (m, n)
    groups = [slice(i, min(i + group, k)) for i in range(0, k, group)] if group else [slice(0, k)]
    of_a, of_b = _grouped(choices, group, a, b)
    za = _zero_points(choices, side_a, m, len(groups) if of_a else 1, one=not per_row)
    zb = _zero_points(choices, side_b, n, len(groups) if of_b else 1, one=not per_column)
    reach = largest_term(datapath, side_a, side_b) * max(k, 1)
    chains = side_a.planes, side_b.planes, max(len(groups), 1)
    data, numbers = draw_data(
        choices, datapath, reach, n, per_column=per_column, ranges=ranges, chains=chains
    )
    at_ends = choices.pick((False, True))
    ends = end_codes(datapath, side_b) if at_ends else None
    b_codes = side_b.draw_codes(choices, (k, n), ends=ends)
    for g, ks in enumerate(groups):
        _plant_units(choices, b_codes[ks], side_b, zb[g % len(zb)])
    a_codes = side_a.draw_codes(choices, (m, k))
    if k and n:
        wanted = [list(targets(datapath, number)) for number in numbers]
        for row in range(m):
            column = choices.integer(0, n - 1)
            g = choices.integer(0, len(groups) - 1) if len(groups) > 1 else 0
            ks = groups[g]
            zero_points_there = int(za[g % len(za), row]), int(zb[g % len(zb), column])
            place = _place(
                choices,
                datapath,
                wanted[column],
                side_a,
                side_b,
                b_codes[ks, column],
                zero_points_there,
            )
            a_codes[row, ks] = place.row(choices, a_codes[row, ks])
    return Call(
        side_a.operand(choices, a_codes, za, 0, of_a),
        side_b.operand(choices, b_codes, zb, 1, of_b),
        datapath,
        data,
    )


def _grouped(
    choices: Choices, group: int | None, a: OperandKind, b: OperandKind
) -> tuple[int | None, int | None]:
    """The group of a, and of b: at least one of those that can have any."""
    can = isinstance(a, Format), isinstance(b, Format)
    if group is None or not any(can):
        return None, None
    if all(can):
        can = choices.pick(((False, True), (True, True), (True, False)))
    return group if can[0] else None, group if can[1] else None


def _zero_points(choices: Choices, side: Side, rows: int, groups: int, *, one: bool) -> Ints:
    """(groups, rows)."""
    drawn = [side.draw_zero_points(choices, rows, one=one).reshape(-1) for _ in range(groups)]
    return np.array(drawn, dtype=np.int64).reshape(groups, rows)


def _place(
    choices: Choices,
    datapath: Datapath,
    wanted: list[Target],
    a: Side,
    b: Side,
    column: Ints,
    zero_points: tuple[int, int],
) -> _Place | TermPlace:
    """A row to be steered for a column of b."""
    if isinstance(datapath.product, (Lookup, AddLogs)):
        return TermPlace(terms_of(datapath, a, b, column), a.limits[0], wanted)
    raw = datapath.product == Multiply("fold") and choices.pick((True, False))
    za, zb = (0, 0) if raw else zero_points
    kept = [target for target in wanted if target.raw == raw]
    return _Place(datapath, kept, b.integers(column) - zb, a, za)


def _subtracts(datapath: Datapath) -> bool:
    if isinstance(datapath.product, Multiply):
        fold = datapath.product == Multiply("fold")
        return not fold or any(type(s).__name__ == "CorrectZeroPoints" for s in datapath.output)
    return False


def _draw_sizes(
    choices: Choices, datapath: Datapath, a: Side, b: Side, max_side: int, group: int | None
) -> tuple[int, int, int]:
    sides = [s for s in (1, 2, 3, max_side) * 4 if s <= max_side] + [0]
    m, n = choices.pick(sides), choices.pick(sides)
    order = datapath.order
    if order is not None:
        return m, n, sum(isinstance(k, int) and k >= 0 for k in order)
    small = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33}
    for size in _group_sizes(datapath):
        small |= {size - 1, size, size + 1, 2 * size, 2 * size + 1}
    if group is not None:
        small |= {group - 1, group, group + 1, 2 * group, 2 * group + 1}
    needed = ceil(largest_limit(datapath) / max(largest_term(datapath, a, b), 1)) + 2
    longest = _longest(datapath, group)
    deep = [k for k in (2 * needed + 3, needed + 1, 4 * needed) if k <= longest]
    lengths = sorted(k for k in small if 0 <= k <= longest and _leaves_one(datapath, k, group))
    deep = [k for k in deep if _leaves_one(datapath, k, group)]
    if not lengths and not deep:
        return m, n, 1
    return m, n, choices.length(lengths, deep)


def _longest(datapath: Datapath, group: int | None) -> int:
    """The longest sum that is drawn: where the table knows k, its first axis, in every group."""
    if isinstance(datapath.product, Lookup):
        table = datapath.product.table.values
        if table.ndim == 3 and (group is None or group > table.shape[0]):
            return min(int(table.shape[0]), _LONGEST)
    return _LONGEST


def _group_sizes(datapath: Datapath) -> list[int]:
    sizes, size = [], 1
    for step in datapath.reduce:
        if isinstance(step, Accumulate) and step.group is not None:
            size = min(size * step.group * step.interleave, _LONGEST)
            sizes.append(size)
    return sizes


def _leaves_one(datapath: Datapath, k: int, group: int | None) -> bool:
    """Whether every sum, the one of the last scale group too, ends as one value."""
    for count in {k} if group is None or k == 0 else {min(group, k), (k - 1) % group + 1}:
        for step in datapath.reduce:
            count = getattr(step, "output_count", lambda c: c)(count)
        if count != 1:
            return False
    return True


def _plant_units(choices: Choices, codes: Ints, side: Side, zero_points: Ints) -> None:
    """In most columns, one weight of 1 or near, so that any sum can be made."""
    k, n = codes.shape
    for column in range(n if k else 0):
        if choices.maybe(k < 8):  # a short sum needs all its weights to be large
            continue
        elements = side.elements(int(zero_points[column]))
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
