"""Operands and data of a call as Python integers, checked at the door."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.errors import OperandError, ShapeError

__all__ = ["Integers", "Operand", "broadcast", "integers"]

#: An array whose elements are Python integers.
Integers = npt.NDArray[np.object_]


def integers(name: str, value: Any) -> Integers:
    """Return nested lists or an array of any integer dtype as an array of Python integers."""
    array = np.array(value, dtype=object)
    for index in np.ndindex(array.shape):
        element = array[index]
        if isinstance(element, (bool, np.bool_)) or not isinstance(element, (int, np.integer)):
            raise OperandError(f"{name}: element {element!r}, allowed: integers")
        array[index] = int(element)
    return array


def broadcast(name: str, value: Any, shape: tuple[int, ...]) -> Integers:
    """Return integers broadcast to a shape."""
    array = integers(name, value)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            f"{name}: shape={array.shape}, allowed: what broadcasts to {shape}"
        ) from None


def _is_power_of_two(number: int) -> bool:
    return number == 1 << (number.bit_length() - 1)


class Operand:
    """One matrix: its exact integers a plane, its bit patterns, its zero points.

    Attributes
    ----------
    planes : list of Integers
        N(code) of every element, one matrix a plane.
    codes : Integers
        Bit patterns; for a plain integer array the elements themselves.
    shifts : bool
        Whether the format's integers are signed sums of powers of two.
    one_power : bool
        Whether it shifts, and every integer of its format is 0 or +-2**e.
    group : int or None
        Consecutive ks that share a scale.
    """

    def __init__(self, name: str, value: Any, channel_axis: int) -> None:
        self.name = name
        self.channel_axis = channel_axis
        self.group: int | None = None
        self.shifts = False
        self.one_power = False
        self.zero_points = integers(f"{name}.zero_point", 0)
        if hasattr(value, "codes") and hasattr(value, "format"):
            self._read_qtensor(value)
        else:
            self.codes = self._matrix(value)
            self.planes = [self.codes]

    def _matrix(self, value: Any) -> Integers:
        matrix = integers(self.name, value)
        if matrix.ndim != 2:
            raise ShapeError(f"{self.name}: shape={matrix.shape}, allowed: two axes")
        return matrix

    def _read_qtensor(self, tensor: Any) -> None:
        mask = 2 ** int(tensor.format.code_bits) - 1
        self.codes = self._matrix(tensor.codes)
        for index in np.ndindex(self.codes.shape):
            self.codes[index] &= mask
        tables = np.atleast_2d(tensor.format.integers())
        self.planes = [self._decoded(table) for table in tables]
        self.shifts = bool(tensor.format.shifts)
        self.one_power = self.shifts and all(
            int(number) == 0 or _is_power_of_two(abs(int(number))) for number in tables.flat
        )
        self.zero_points = integers(f"{self.name}.zero_point", tensor.zero_point)
        if getattr(tensor, "group", None) is not None:
            self.group = int(tensor.group)
        self._check_zero_points(tensor)

    def _decoded(self, table: npt.NDArray[np.int64]) -> Integers:
        numbers = np.empty(self.codes.shape, dtype=object)
        for index in np.ndindex(self.codes.shape):
            numbers[index] = int(table[self.codes[index]])
        return numbers

    def _check_zero_points(self, tensor: Any) -> None:
        """(), (channels,), and with groups also (groups,), (groups, channels)."""
        k_axis = 1 - self.channel_axis
        channels, K = self.codes.shape[self.channel_axis], self.codes.shape[k_axis]
        allowed: list[tuple[int, ...]]
        if self.group is None:
            allowed = [(), (channels,)]
            per_channel = self.zero_points.ndim == 1
        else:
            groups = -(-K // self.group)
            allowed = [(), (groups,), (groups, channels)]
            per_channel = self.zero_points.ndim == 2
            if tensor.group_axis % 2 != k_axis:
                raise ShapeError(
                    f"{self.name}: group_axis={tensor.group_axis}, allowed: {k_axis} (along K)"
                )
        if self.zero_points.shape not in allowed:
            raise ShapeError(
                f"{self.name}: zero_point.shape={self.zero_points.shape}, allowed: {allowed}"
            )
        if per_channel and (tensor.axis is None or tensor.axis % 2 != self.channel_axis):
            raise ShapeError(
                f"{self.name}: axis={tensor.axis} with a zero point a channel, "
                f"allowed: {self.channel_axis}"
            )

    @property
    def has_zero_points(self) -> bool:
        """Whether any zero point is not 0."""
        return any(zero_point != 0 for zero_point in self.zero_points.flat)

    def zero_point(self, group: int, channel: int) -> int:
        """Zero point of a row of a, or of a column of b, in a scale group."""
        index: tuple[int, ...] = ()
        if self.zero_points.ndim == 2:
            index = (group, channel)
        elif self.zero_points.ndim == 1:
            index = (channel,) if self.group is None else (group,)
        return int(self.zero_points[index]) if self.zero_points.size else 0  # no ks, no groups
