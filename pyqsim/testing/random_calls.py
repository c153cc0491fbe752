"""Calls for a datapath: operands whose sums hit its ties and edges, and numbers to go with them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, frexp
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, AddZeroPoint, Clamp, Datapath, Lookup, Multiply, Requantize
from pyqsim.diagnostics import Call
from pyqsim.errors import OperandError, QuantizationError
from pyqsim.formats import Affine, Format
from pyqsim.parameters import Multiplier
from pyqsim.requantize import DoubleRounding, SingleRounding
from pyqsim.targets import IntegerRange
from pyqsim.tensor import QTensor
from pyqsim.testing.choices import Choices
from pyqsim.testing.steering import Elements, Numbers, Target, largest_limit, steer, targets

__all__ = [
    "OperandKind",
    "draw_call",
    "draw_data",
    "draw_parameters",
    "draw_zero_point",
    "limits_of",
    "operand_of",
]

Ints = npt.NDArray[np.int64]
#: A format; or a range of integers, or all of an integer dtype, which are their own integers.
OperandKind = Format | IntegerRange | np.dtype[Any]


def limits_of(kind: OperandKind) -> tuple[int, int]:
    """Smallest and largest code."""
    if isinstance(kind, Format):
        return kind.code_min, kind.code_max
    if isinstance(kind, IntegerRange):
        return kind.low, kind.high
    info = np.iinfo(kind)
    return int(info.min), min(int(info.max), 2**63 - 1)


def _narrowest(limits: IntegerRange) -> np.dtype[Any]:
    """The narrowest dtype that holds a range; unsigned for 0..255 and the like."""
    for bits in (8, 16, 32):
        for letter in "iu":
            dtype = np.dtype(f"{letter}{bits // 8}")
            if np.iinfo(dtype).min <= limits.low and limits.high <= np.iinfo(dtype).max:
                return dtype
    return np.dtype(np.int64)


def operand_of(
    kind: OperandKind, codes: Ints, zero_point: Ints | None = None, axis: int | None = None
) -> QTensor | npt.NDArray[Any]:
    """A QTensor of a format; else an array, of a range's narrowest dtype."""
    if isinstance(kind, IntegerRange):
        return codes.astype(_narrowest(kind))
    if not isinstance(kind, Format):
        return codes.astype(kind)
    if zero_point is None:
        return QTensor(codes, kind)
    return QTensor(codes, kind, np.ones(zero_point.shape), zero_point, axis)


_LONGEST = 1 << 12
_LAYOUTS = ("c", "f", "reversed", "every other", "offset")


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

    Returns
    -------
    Call
    """
    wants = zero_points if isinstance(zero_points, tuple) else (zero_points, zero_points)
    subtracts = _subtracts(datapath)
    side_a, side_b = _Side(a, wants[0] and subtracts), _Side(b, wants[1] and subtracts)
    m, n, drawn_k = _draw_sizes(choices, datapath, side_a, side_b, max_side)
    k = drawn_k if k is None else k
    m, n = sides or (m, n)
    za = side_a.draw_zero_points(choices, m, one=not per_row)
    zb = side_b.draw_zero_points(choices, n, one=not per_column)
    reach = side_a.reach * side_b.reach * max(k, 1)
    data, numbers = draw_data(choices, datapath, reach, n, per_column=per_column)
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


@dataclass(frozen=True)
class _Side:
    """What the elements of one operand may be."""

    kind: OperandKind
    zero_points: bool

    def __post_init__(self) -> None:
        if isinstance(self.kind, Format) and self.kind.planes > 1:
            raise OperandError(f"format={self.kind}: planes={self.kind.planes}, allowed: 1")

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest code."""
        return limits_of(self.kind)

    @property
    def has_zero_point(self) -> bool:
        return self.zero_points and isinstance(self.kind, Format) and self.kind.has_zero_point

    def integers(self, codes: Ints) -> Ints:
        return self.kind.decode(codes) if isinstance(self.kind, Format) else codes

    @property
    def reach(self) -> int:
        """Largest magnitude of an element without zero point."""
        low, high = self.limits
        if isinstance(self.kind, Format):
            return int(np.abs(self.kind.decode(np.arange(low, high + 1))).max())
        return max(abs(low), abs(high))

    def draw_codes(
        self, choices: Choices, shape: tuple[int, int], *, at_ends: bool = False
    ) -> Ints:
        """Any codes, or the smallest and the largest only."""
        low, high = self.limits
        corners = sorted({c for c in (0, low, high, -1, 1, low + 1) if low <= c <= high})
        count = shape[0] * shape[1]
        if at_ends:
            ends = choices.integers(0, 1, count, (0, 1))
            return np.where(ends == 0, low, high).reshape(shape)
        return choices.integers(low, high, count, corners).reshape(shape).copy()

    def draw_zero_points(self, choices: Choices, rows: int, *, one: bool = False) -> Ints:
        """(rows, 1): often one and the same for all, 0 where the operand has none."""
        if not self.has_zero_point or not isinstance(self.kind, Format):
            return np.zeros((rows, 1), np.int64)
        if one or choices.pick((True, False)):
            return np.full((rows, 1), draw_zero_point(choices, self.kind), dtype=np.int64)
        values = [draw_zero_point(choices, self.kind) for _ in range(rows)]
        return np.array(values, dtype=np.int64).reshape(rows, 1)

    def elements(self, zero_point: int) -> Elements:
        """What an element may be after its zero point."""
        low, high = self.limits
        if not isinstance(self.kind, Format) or isinstance(self.kind, Affine):
            return Elements(low - zero_point, high - zero_point, zero_point)
        codes = np.arange(low, high + 1)
        values, first = np.unique(self.kind.decode(codes) - zero_point, return_index=True)
        return Elements(int(values[0]), int(values[-1]), zero_point, values, codes[first])

    def operand(
        self, choices: Choices, codes: Ints, zero_points: Ints, axis: int
    ) -> QTensor | npt.NDArray[Any]:
        flat = zero_points.reshape(-1)
        if flat.size == 0 or (flat == flat[0]).all():
            one = np.asarray(flat[0] if flat.size else 0)
            operand = operand_of(self.kind, codes, one)
        else:
            operand = operand_of(self.kind, codes, flat, axis)
        return operand if isinstance(operand, QTensor) else _laid_out(choices, operand)


def draw_zero_point(choices: Choices, fmt: Format) -> int:
    """0, the two ends, or any."""
    if not fmt.has_zero_point:
        return 0
    low, high = fmt.code_min, fmt.code_max
    inside = min(max(0, low), high)
    return choices.pick((inside, low, high, choices.integer(low, high)))


def _laid_out(choices: Choices, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers, at other strides."""
    layout = choices.pick(_LAYOUTS)
    if layout == "f":
        return np.asfortranarray(array)
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
    if layout == "every other":
        wide = np.zeros((array.shape[0] * 2, array.shape[1] * 2), dtype=array.dtype)
        wide[::2, ::2] = array
        return wide[::2, ::2]
    if layout == "offset":
        wide = np.zeros((array.shape[0] + 1, array.shape[1] + 1), dtype=array.dtype)
        wide[1:, 1:] = array
        return wide[1:, 1:]
    return array


def _draw_sizes(
    choices: Choices, datapath: Datapath, a: _Side, b: _Side, max_side: int
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


def _plant_units(choices: Choices, codes: Ints, side: _Side, zero_points: Ints) -> None:
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
    side: _Side
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


def draw_data(
    choices: Choices, datapath: Datapath, reach: int, n: int, *, per_column: bool = True
) -> tuple[dict[str, Any], list[Numbers]]:
    """The data of the call, and what they are in every column."""
    data: dict[str, Any] = {}
    per_column = per_column and choices.pick((False, True)) and n > 0
    shape: tuple[int, ...] = (n,) if per_column else ()
    count = n if per_column else 1
    bias, zero_point = np.zeros(count, np.int64), np.zeros(count, np.int64)
    scales = [Fraction(1)] * count
    if datapath.reads_bias:
        low, high = _bias_limits(datapath, reach)
        corners = sorted({min(max(c, low), high) for c in (0, 1, -1, low, high)}, key=abs)
        bias = choices.integers(low, high, count, corners)
        data["bias"] = bias.reshape(shape)
    for step in datapath.output:
        if isinstance(step, Requantize):
            parameters, scales = draw_parameters(choices, step.scheme, reach, shape)
            data["requantize"] = parameters
        elif isinstance(step, AddZeroPoint):
            low, high = _code_limits(datapath)
            zero_point = choices.integers(low, high, count, (0, low, high, low + 1))
            data["out_zero_point"] = zero_point.reshape(shape)
    numbers = [
        Numbers(int(bias[i % count]), scales[i % count], int(zero_point[i % count]))
        for i in range(n if count else 0)
    ]
    return data, numbers


def _bias_limits(datapath: Datapath, reach: int) -> tuple[int, int]:
    low, high = -min(reach, 2**31 - 1), min(reach, 2**31 - 1)
    for step in datapath.reduce:
        if isinstance(step, Accumulate) and step.start == "bias":
            register = step.register
            if register.minimum is not None and register.maximum is not None:
                return max(register.minimum, -(2**31)), min(register.maximum, 2**31 - 1)
    return low, high


def _code_limits(datapath: Datapath) -> tuple[int, int]:
    """The codes that the output zero point may be: those of the Clamp, else int8."""
    clamps = [step for step in datapath.output if isinstance(step, Clamp)]
    if clamps:
        return max(clamps[-1].min, -(2**15)), min(clamps[-1].max, 2**15 - 1)
    return -128, 127


def draw_parameters(
    choices: Choices, scheme: Any, reach: int, shape: tuple[int, ...]
) -> tuple[Any, list[Fraction]]:
    """Parameters of a scheme, and the real factor of each.

    Parameters
    ----------
    choices : Choices
    scheme : Scheme
        One with ``encode``.
    reach : int
        Largest magnitude of an accumulator: factors are such that most results have 3 to 10 bits.
    shape : tuple of int
        ``()`` or ``(columns,)``.

    Returns
    -------
    parameters : object
    factors : list of Fraction
    """
    bits = max(reach, 1).bit_length()
    count = shape[0] if shape else 1
    factors = []
    for _ in range(count):
        exponent = choices.integer(3, 10) - bits
        mantissa = choices.pick((1, 1, 3, 5, choices.integer(2**23, 2**24 - 1)))
        factor = Fraction(mantissa, 1 << (mantissa.bit_length() - 1)) * Fraction(2) ** exponent
        factors.append(factor)
    if isinstance(scheme, _ANY_MULTIPLIER) and choices.pick((0, 0, 0, 1)):
        ms = choices.integers(2**30, 2**31 - 1, count, (2**30, 2**31 - 1, 3 << 29))
        ss = choices.integers(max(-31, 2 - bits), 2, count, (0, 1, -1))
        factors = [
            Fraction(int(m)) * Fraction(2) ** (int(s) - 31) for m, s in zip(ms, ss, strict=True)
        ]
        return Multiplier(ms.reshape(shape), ss.reshape(shape)), factors
    try:
        return scheme.encode(_reals(factors, shape)), factors
    except QuantizationError:  # a scheme that takes powers of two only
        factors = [Fraction(2) ** (frexp(float(factor))[1] - 1) for factor in factors]
        return scheme.encode(_reals(factors, shape)), factors


def _reals(factors: list[Fraction], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    return np.array([float(factor) for factor in factors]).reshape(shape)


_ANY_MULTIPLIER = (DoubleRounding, SingleRounding)
