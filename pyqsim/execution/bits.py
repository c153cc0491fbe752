"""Operands of two integers each: products of bits, and what tells that they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import BitCodes, GemmForm
from pyqsim.bounds import Interval
from pyqsim.execution.operand import AnyRows, Operand
from pyqsim.execution.two_gemms import Starts, TwoGemms

__all__ = ["BitsOrGemm", "bits_form", "bits_of", "bits_of_dtype"]

Ints = npt.NDArray[np.int64]

_BYTE = 255
_LARGE = 1 << 20  # products from which packing a's bits pays within microseconds
_SAMPLE = 256


@dataclass(frozen=True, eq=False)
class BitsOrGemm(TwoGemms):
    """A product of bits, and the one for rows of a with other integers than the two."""

    is_ordered = False

    @property
    def form(self) -> GemmForm:
        """The other product's form."""
        return self.other.form

    @property
    def name(self) -> str:
        """Both forms and their instruction sets."""
        codes = self.better.form.a_bits
        assert codes is not None
        low, high = codes.values
        return (
            f"{self.better.name} if a, less its zero point, is {low} or {high} (a plain array: "
            f"and products are {_LARGE} or more), else {self.other.name}"
        )

    def run(
        self, a: npt.NDArray[Any], out: npt.NDArray[np.int32], start: Starts = (None, None)
    ) -> None:
        """As `Gemm.run`."""
        of_bits, of_other = start
        if not self.better.run_bits(a, out, of_bits):
            self.other.run(a, out, of_other)

    def run_contiguous(self, a: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> bool:
        """As `Gemm.run_contiguous`; of few products the one that needs no packing."""
        large = out.size * a.shape[1] >= _LARGE
        return (large and self.better.run_contiguous(a, out)) or self.other.run_contiguous(a, out)


def bits_form(codes: BitCodes, b: tuple[int, int], form: GemmForm) -> GemmForm:
    """The form of a sum mod ``2**bits`` on bits; b: its integers.

    Parameters
    ----------
    codes : BitCodes
        Zero point not yet subtracted.
    b : (int, int)
    form : GemmForm
        Of the same sum.
    """
    low, high = codes.values
    centered = replace(codes, values=(low - form.a_zero_point, high - form.a_zero_point))
    return replace(
        form,
        kind="bits",
        tables=b"",
        a_dtype=np.dtype(np.uint8),
        a_zero_point=0,
        a_bits=centered,
        b_values=b[::-1] if b[1] == 0 else b,
    )


def bits_of(a: Operand, plane: int, ks: slice, interval: Interval) -> BitCodes | None:
    """The two integers of a plane, by its format or by the looks of some of them.

    Parameters
    ----------
    a : Operand
    plane : int
    ks : slice
    interval : Interval
        Of its integers at those k.
    """
    low, high, dtype = interval.low, interval.high, a.codes.dtype
    by_table = None if a.tables is None or dtype.itemsize > 1 else _bit_of(a.tables[plane])
    if by_table is not None:
        return by_table
    if isinstance(a.codes, AnyRows):
        limits = np.iinfo(dtype)
        if (low, high) == (limits.min, limits.max):
            return bits_of_dtype(dtype)
    else:
        row = a.integers(plane, slice(0, 1), ks)[:, :_SAMPLE]
        if not ((row == low) | (row == high)).all():
            return None
    return BitCodes(_BYTE, (low & _BYTE, high & _BYTE), (low, high))


def _bit_of(table: Ints) -> BitCodes | None:
    """The bit of a code that alone decides; None: others do, too."""
    patterns = np.arange(len(table))
    for bit in range(len(table).bit_length() - 1):
        zero, one = int(table[0]), int(table[1 << bit])
        if (table == np.where(patterns >> bit & 1, one, zero)).all():
            return BitCodes(1 << bit, (0, 1 << bit), (zero, one), proven=True)
    return None


def bits_of_dtype(dtype: np.dtype[Any]) -> BitCodes:
    """What an array that is of bits most likely holds: -1 and 1, or 0 and 1."""
    low = -1 if dtype.kind == "i" else 0
    return BitCodes(_BYTE, (low & _BYTE, 1), (low, 1))
