"""Operands for random calls: codes with corners, zero points at both ends, other strides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.errors import OperandError
from pyqsim.formats import Affine, Format
from pyqsim.targets import IntegerRange
from pyqsim.tensor import QTensor
from pyqsim.testing.choices import Choices
from pyqsim.testing.steering import Elements

__all__ = ["OperandKind", "Side", "draw_zero_point", "limits_of", "operand_of"]

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


_LAYOUTS = ("c", "f", "reversed", "every other", "offset")


@dataclass(frozen=True)
class Side:
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
        """Whether zero points are drawn."""
        return self.zero_points and isinstance(self.kind, Format) and self.kind.has_zero_point

    def integers(self, codes: Ints) -> Ints:
        """What codes stand for, zero points not subtracted."""
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
        """A tensor of codes with a zero point a row or column, or an array at some strides."""
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
