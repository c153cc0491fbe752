"""One side of a matmul: codes, and the exact integers they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Windows
from pyqsim.bounds import ZERO, Interval

__all__ = ["AnyRows", "Operand", "Patches"]

Ints = npt.NDArray[np.int64]


class Patches:
    """The windows of images as rows of codes, gathered where they are asked for.

    What `Operand` needs of an array: shape, dtype, and some rows at a time.
    """

    def __init__(self, images: npt.NDArray[Any], windows: Windows) -> None:
        self._images, self._windows = images, windows
        self.shape, self.dtype = windows.shape, images.dtype
        self.size = self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: tuple[slice, slice]) -> npt.NDArray[Any]:
        rows, ks = part
        start, stop, _ = rows.indices(len(self))
        return self._windows.rows(start, stop)[:, ks]

    def extremes(self) -> Interval:
        """Of the images: those of all windows lie inside."""
        if self.size == 0:
            return ZERO
        return Interval(int(self._images.min()), int(self._images.max()))


@dataclass(frozen=True)
class AnyRows:
    """Some rows of codes of which only the bounds are known: what is proven of them holds for all.

    Attributes
    ----------
    k : int
    dtype : dtype
    bounds : Interval
    """

    k: int
    dtype: np.dtype[Any]
    bounds: Interval

    @property
    def shape(self) -> tuple[int, int]:
        """Two rows: enough to tell what differs from row to row."""
        return 2, self.k

    @property
    def size(self) -> int:
        """Number of codes."""
        return 2 * self.k

    def __len__(self) -> int:
        return 2

    def __getitem__(self, part: tuple[slice, slice]) -> npt.NDArray[Any]:
        raise TypeError("AnyRows has no codes")

    def extremes(self) -> Interval:
        """Of all codes."""
        return self.bounds


@dataclass(frozen=True, eq=False)
class Operand:
    """One side of a matmul: rows of K codes (b transposed), and what the codes stand for.

    Attributes
    ----------
    codes : ndarray of int, (rows, K), Patches or AnyRows
    tables : ndarray of int64, (planes, patterns), or None
        N of every bit pattern; None: a code is its own integer.
    zero_points : ndarray of int64, (groups, rows)
        Subtracted from N; (1, 1)-broadcastable.
    group : int or None
        Consecutive k that share a scale.
    shifts : bool
        Whether N is a sum of few powers of two, made by a format with shifts.
    """

    codes: npt.NDArray[Any] | Patches | AnyRows
    tables: Ints | None = None
    zero_points: Ints | None = None
    group: int | None = None
    shifts: bool = False

    @property
    def planes(self) -> int:
        """Number of planes."""
        return 1 if self.tables is None else len(self.tables)

    def patterns(self) -> Operand:
        """The operand whose integers are its codes' bit patterns."""
        if self.tables is None:
            return replace(self, zero_points=None)
        identity = np.arange(self.tables.shape[1], dtype=np.int64)[None]
        return replace(self, tables=identity, zero_points=None, shifts=False)

    def integers(self, plane: int, rows: slice, ks: slice) -> Ints:
        """The exact integers of some rows and ks, C-contiguous."""
        codes = self.codes[rows, ks]
        if self.tables is None:
            return np.ascontiguousarray(codes, dtype=np.int64)
        index = codes.astype(np.intp, copy=False) & (self.tables.shape[1] - 1)
        integers: Ints = self.tables[plane][index]
        return integers

    def integers_by_byte(self, plane: int) -> Ints | None:
        """The integer of each bit pattern; None: a byte does not hold the patterns."""
        if self.tables is None or self.tables.shape[1] > 1 << 8:
            return None
        integers: Ints = self.tables[plane]
        return integers

    def pattern_bytes(self, rows: slice, ks: slice) -> npt.NDArray[np.uint8]:
        """The bit patterns of some rows and ks, where a byte holds them, ready for C."""
        last = 0xFF if self.tables is None else self.tables.shape[1] - 1
        return self.codes[rows, ks].astype(np.uint8, order="C") & np.uint8(last)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every code is its own integer."""
        if self.tables is None:
            return True
        if len(self.tables) > 1 or self.codes.dtype.itemsize > 2:
            return False
        return _are_own(self.tables.tobytes(), self.codes.dtype)

    def elements(
        self, plane: int, rows: slice, ks: slice, dtype: np.dtype[Any]
    ) -> npt.NDArray[Any]:
        """The exact integers of some rows and ks as a dtype that holds them, ready for C."""
        if self.is_plain and self.codes.dtype == dtype:
            return self.ready_codes(rows, ks)
        return self.integers(plane, rows, ks).astype(dtype)

    def ready_codes(self, rows: slice, ks: slice) -> npt.NDArray[Any]:
        """The codes of some rows and ks, ready for C."""
        codes = self.codes[rows, ks]
        ready = codes.strides[0] >= 0 and codes.strides[1] == codes.itemsize
        return codes if ready and codes.flags.aligned else codes.copy()

    def zero_point(self, group: int, rows: slice) -> Ints | None:
        """(rows,) zero points of a group, or None where all are 0."""
        if self.zero_points is None:
            return None
        zero_points: Ints = self.zero_points[group if len(self.zero_points) > 1 else 0]
        return zero_points[rows] if len(zero_points) > 1 else zero_points

    def interval(self, plane: int, ks: slice) -> Interval:
        """Extremes of N, from the codes that are there."""
        found = self.code_interval(ks)
        if self.tables is None or not self.codes.size:
            return found
        table = self.tables[plane]
        present = table[np.arange(found.low, found.high + 1) & (len(table) - 1)]
        return Interval(int(present.min()), int(present.max()))

    def code_interval(self, ks: slice) -> Interval:
        """Extremes of the codes themselves."""
        if isinstance(self.codes, (Patches, AnyRows)):
            return self.codes.extremes()
        codes = self.codes[:, ks]
        return Interval(int(codes.min()), int(codes.max())) if codes.size else ZERO

    def zero_point_interval(self, group: int) -> Interval:
        """Extremes of a group's zero points."""
        zero_points = self.zero_point(group, slice(None))
        if zero_points is None or zero_points.size == 0:
            return ZERO
        return Interval(int(zero_points.min()), int(zero_points.max()))

    @property
    def has_one_power(self) -> bool:
        """Whether every integer of the format is 0 or +-2**e."""
        magnitudes = np.abs(np.zeros(1, np.int64) if self.tables is None else self.tables)
        return self.tables is not None and not (magnitudes & (magnitudes - 1)).any()

    @property
    def has_zero_points(self) -> bool:
        """Whether any zero point is not 0."""
        return self.zero_points is not None and bool(self.zero_points.any())


@lru_cache(maxsize=16)
def _are_own(table: bytes, dtype: np.dtype[Any]) -> bool:
    """Whether the integer of every code of a dtype that has a pattern is the code."""
    integers = np.frombuffer(table, dtype=np.int64)
    patterns, limits = len(integers), np.iinfo(dtype)
    low, high = max(limits.min, -(patterns // 2)), min(limits.max, patterns - 1)
    codes = np.arange(low, high + 1)
    return bool((integers[codes & (patterns - 1)] == codes).all())
