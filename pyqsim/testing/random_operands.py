"""Operands for random calls: codes with corners, zero points at both ends, other strides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddLogs, Datapath, Lookup, Shift
from pyqsim.errors import OperandError
from pyqsim.formats import Affine, Format, LogQuant
from pyqsim.targets import IntegerRange
from pyqsim.tensor import QTensor
from pyqsim.testing.choices import Choices
from pyqsim.testing.steering import Elements

__all__ = [
    "OperandKind",
    "Side",
    "check_one_plane",
    "default_kinds",
    "draw_zero_point",
    "limits_of",
    "operand_of",
]

Ints = npt.NDArray[np.int64]
#: A format; or a range of integers, or all of an integer dtype, which are their own integers.
OperandKind = Format | IntegerRange | np.dtype[Any]


def default_kinds(datapath: Datapath) -> tuple[OperandKind, OperandKind]:
    """What operands are where nobody says: signed 8-bit codes, or what the product reads."""
    product = datapath.product
    if isinstance(product, Lookup):
        rows, columns = product.table.values.shape[-2:]
        return _codes_below(rows), _codes_below(columns)
    if isinstance(product, AddLogs):
        return LogQuant(3), LogQuant(3, signed=True)
    return Affine(8), LogQuant(3, signed=True) if isinstance(product, Shift) else Affine(8)


def _codes_below(count: int) -> OperandKind:
    """As many codes as an axis of a table has entries; signed ones if that is a power of two."""
    bits = count.bit_length() - 1
    return Affine(bits) if count == 1 << bits and 2 <= bits <= 16 else IntegerRange(0, count - 1)


def check_one_plane(name: str, kind: OperandKind) -> None:
    """Raise for a format of several planes, where a kernel is to make one number an output."""
    if isinstance(kind, Format) and kind.planes > 1:
        raise OperandError(f"{name}={kind}: planes={kind.planes}, allowed: 1")


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
    kind: OperandKind,
    codes: Ints,
    zero_point: Ints | None = None,
    axis: int | None = None,
    group: int | None = None,
    group_axis: int = 0,
) -> QTensor | npt.NDArray[Any]:
    """A QTensor of a format; else an array, of a range's narrowest dtype."""
    if isinstance(kind, IntegerRange):
        return codes.astype(_narrowest(kind))
    if not isinstance(kind, Format):
        return codes.astype(kind)
    if zero_point is None:
        return QTensor(codes, kind)
    planes = (kind.planes,) if kind.planes > 1 and zero_point.ndim else ()
    scale = np.ones((*planes, *zero_point.shape))
    return QTensor(codes, kind, scale, zero_point, axis, group, group_axis)


_LAYOUTS = ("c", "f", "reversed", "every other", "offset")


@dataclass(frozen=True)
class Side:
    """What the elements of one operand may be; of several planes, one is looked at."""

    kind: OperandKind
    zero_points: bool
    plane: int = 0

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest code."""
        return limits_of(self.kind)

    @property
    def planes(self) -> int:
        """How many integers a code stands for."""
        return self.kind.planes if isinstance(self.kind, Format) else 1

    def one_plane(self, choices: Choices) -> Side:
        """The same operand, any of its planes looked at."""
        if self.planes == 1:
            return self
        return replace(self, plane=choices.integer(0, self.planes - 1))

    @property
    def has_zero_point(self) -> bool:
        """Whether zero points are drawn."""
        return self.zero_points and isinstance(self.kind, Format) and self.kind.has_zero_point

    def integers(self, codes: Ints) -> Ints:
        """What codes stand for, zero points not subtracted."""
        if not isinstance(self.kind, Format):
            return codes
        decoded = self.kind.decode(codes)
        return decoded[self.plane] if self.kind.planes > 1 else decoded

    @property
    def reach(self) -> int:
        """Largest magnitude of an element without zero point."""
        low, high = self.limits
        if isinstance(self.kind, Format):
            return int(np.abs(self.kind.decode(np.arange(low, high + 1))).max())
        return max(abs(low), abs(high))

    def draw_codes(
        self, choices: Choices, shape: tuple[int, int], *, ends: tuple[int, int] | None = None
    ) -> Ints:
        """Any codes, or two only."""
        low, high = self.limits
        corners = sorted({c for c in (0, low, high, -1, 1, low + 1) if low <= c <= high})
        count = shape[0] * shape[1]
        if ends is not None:
            which = choices.integers(0, 1, count, (0, 1))
            return np.where(which == 0, *ends).reshape(shape)
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
        values, first = np.unique(self.integers(codes) - zero_point, return_index=True)
        return Elements(int(values[0]), int(values[-1]), zero_point, values, codes[first])

    def operand(
        self,
        choices: Choices,
        codes: Ints,
        zero_points: Ints,
        axis: int,
        group: int | None = None,
    ) -> QTensor | npt.NDArray[Any]:
        """A tensor of codes, or an array at some strides.

        `zero_points` is (groups, rows): they stay one where they are all alike.
        """
        flat = zero_points.reshape(-1)
        if flat.size == 0 or (flat == flat[0]).all():
            one = np.asarray(flat[0] if flat.size else 0)
            operand = operand_of(self.kind, codes, one, None, group, 1 - axis)
        else:
            operand = operand_of(
                self.kind, codes, flat if group is None else zero_points, axis, group, 1 - axis
            )
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
