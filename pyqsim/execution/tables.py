"""Products as tables that a byte of a and a place of b choose from: any function of both."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pyqsim import bounds
from pyqsim._native import GemmForm, ReduceProgram
from pyqsim.bounds import Interval
from pyqsim.datapath import Accumulate, AddLogs, Datapath, Lookup, Multiply, Product, Shift
from pyqsim.execution.certificates import Columns, linear_sum

__all__ = ["PLACES", "TermTable", "is_function_of_two", "table_forms"]

Ints = npt.NDArray[np.int64]

#: Most distinct integers of b.
PLACES = 256

_BYTES = 256
_FEW = 16  # places of tables of which those of four k stand in one register
_WIDTHS = (64, 128, 256)  # places of tables in one, two and four registers


class TermTable:
    """The terms of every byte of a that stands for an integer, with every integer of b.

    They are the reference's own.

    Parameters
    ----------
    product : Product
    columns : Columns
        The places among their distinct integers are the forms' b.
    a : dtype or ndarray of int64
        Of 8 bits; or the integer of each bit pattern.
    a_zero_point : int
    shifts : (bool, bool)
        Which operands have shifts.
    """

    def __init__(
        self,
        product: Product,
        columns: Columns,
        a: np.dtype | Ints,
        a_zero_point: int,
        shifts: tuple[bool, bool],
    ) -> None:
        self._columns = columns
        self._by_pattern = not isinstance(a, np.dtype)
        if isinstance(a, np.dtype):
            limits = np.iinfo(a)
            integers, self._dtype = np.arange(limits.min, limits.max + 1), a
            a_bytes = integers & (_BYTES - 1)
        else:
            integers, a_bytes, self._dtype = a, np.arange(len(a)), np.dtype(np.uint8)
        inside = np.ones(len(integers), dtype=np.bool_)
        if isinstance(product, Lookup):
            inside = (integers >= 0) & (integers < product.table.values.shape[0])
        self._integers, self._a_bytes = integers[inside], a_bytes[inside]
        self._terms = _terms(product, self._integers - a_zero_point, columns.distinct[0], shifts)
        self._sums: dict[Interval, Interval] = {}
        self._forms: dict[tuple[int, bool] | Interval, list[GemmForm]] = {}

    def sums(self, a: Interval) -> Interval:
        """Extremes of every partial sum of terms, for a's integers inside."""
        if a not in self._sums:
            met = self._terms[(self._integers >= a.low) & (self._integers <= a.high)]
            most, least = met.max(axis=0, initial=0), met.min(axis=0, initial=0)
            places = self._columns.distinct[1]
            low, high = least[places].sum(axis=1).min(), most[places].sum(axis=1).max()
            self._sums[a] = Interval(int(low), int(high))
        return self._sums[a]

    def summing(self, bits: int, signed: bool) -> list[GemmForm]:
        """Forms of sums mod 2**bits, the fastest first."""
        if (bits, signed) not in self._forms:
            words = self._rows(self._terms).astype(np.int32)
            low, planes = _excess(words)
            register = GemmForm("gather", self._dtype, bits, signed)
            permute = replace(register, kind="permute", minimum=low)
            few = self._few
            forms = [] if few is None else [self._form(replace(register, kind="table"), few)]
            forms += [self._form(permute, planes), self._form(register, words[None])]
            self._forms[bits, signed] = forms
        return self._forms[bits, signed]

    def saturating(self, rails: Interval) -> list[GemmForm]:
        """Forms of one sum that saturates at every addition; int32 holds rail + rail - rail."""
        if rails not in self._forms:
            spread = rails.high - rails.low
            # what is clipped here leads to a rail from wherever the sum is
            rows = self._rows(self._terms.clip(-spread, spread))
            form = GemmForm("gather_clamp", self._dtype, minimum=rails.low, maximum=rails.high)
            gather = self._form(form, rows.astype(np.int32)[None])
            halves = Interval(int(rows.min()), int(rows.max())).hull(rails).fits(16)
            planes = _byte_planes(rows, 2 if halves else 4)
            permute = self._form(replace(form, kind="permute_clamp"), planes)
            self._forms[rails] = [permute, gather]
        return self._forms[rails]

    @cached_property
    def _few(self) -> npt.NDArray[np.generic] | None:
        """Of "table", (planes, 256, 16); None: places or planes do not suffice."""
        if self._terms.shape[1] > _FEW:
            return None
        by_byte = np.zeros((_BYTES, _FEW), dtype=np.int64)
        by_byte[self._a_bytes, : self._terms.shape[1]] = self._terms
        return _planes(by_byte)

    def _rows(self, terms: Ints) -> Ints:
        """A row of zeros, then one for each byte of a; bytes that stand for nothing have zeros."""
        rows = np.zeros((1 + _BYTES, terms.shape[1]), dtype=np.int64)
        rows[1 + self._a_bytes] = terms
        return rows

    def _form(self, form: GemmForm, tables: npt.NDArray[np.generic]) -> GemmForm:
        return replace(
            form,
            tables=tables.tobytes(),
            planes=len(tables),
            entries=self._terms.shape[1],
            by_pattern=self._by_pattern,
        )


def table_forms(
    datapath: Datapath,
    table: TermTable,
    a: Interval,
    bias: Interval,
    ordered: Accumulate | None,
) -> tuple[list[GemmForm], str] | str:
    """The forms of a chain that sums table entries, and why they may; or why there are none.

    Parameters
    ----------
    datapath : Datapath
    table : TermTable
    a : Interval
        Of a's integers before the zero point is subtracted.
    bias : Interval
    ordered : Accumulate, optional
        The one accumulator, which saturates and adds in ascending k.
    """
    linear = linear_sum(datapath.reduce, lambda: table.sums(a), bias)
    if linear is not None:
        if linear.register.bits is None and not bounds.add(table.sums(a), bias).fits(32):
            return "int32 does not hold the sum of the terms"
        return table.summing(linear.register.bits or 32, linear.register.signed), linear.reason
    if ordered is None:
        return "terms from a table, and neither one exact sum nor one saturating accumulator"
    low, high = ordered.register.minimum, ordered.register.maximum
    if low is None or high is None or not Interval(2 * low - high, 2 * high - low).fits(32):
        return "terms from a table, and a register too wide for int32"
    return table.saturating(Interval(low, high)), "one accumulator saturates at every addition"


def is_function_of_two(product: Product) -> bool:
    """Whether a term depends on two integers alone."""
    if isinstance(product, Lookup):
        return product.table.values.ndim == 2
    if isinstance(product, Shift):
        return not product.rounding.stochastic
    return isinstance(product, (Multiply, AddLogs))


def _terms(product: Product, a: Ints, b: Ints, shifts: tuple[bool, bool]) -> Ints:
    """The reference's own product of each pair, (len(a), len(b))."""
    out = np.empty((len(a), len(b)), dtype=np.int64)
    program = ReduceProgram(product, (Accumulate(),), a_shifts=shifts[0], b_shifts=shifts[1])
    program.run(np.ascontiguousarray(a[:, None]), np.ascontiguousarray(b[:, None]), out)
    return out


def _planes(terms: Ints) -> npt.NDArray[np.int8] | None:
    """``terms = planes[0] + 128 * planes[1]``; one where int8 holds them, None: two do not."""
    if terms.min() >= -128 and terms.max() <= 127:
        return terms.astype(np.int8)[None]
    low = ((terms + 64) & 127) - 64
    high = (terms - low) >> 7
    if high.min() < -128 or high.max() > 127:
        return None
    return np.stack([low, high]).astype(np.int8)


def _excess(words: npt.NDArray[np.int32]) -> tuple[int, npt.NDArray[np.uint8]]:
    """``words = low + sum(planes[i] * 2**(8 * i))``, as few as hold them; low and planes."""
    wide = words.astype(np.int64)
    low = int(wide.min())
    return low, _byte_planes(wide - low, max(1, -(-(int(wide.max()) - low).bit_length() // 8)))


def _byte_planes(rows: Ints, count: int) -> npt.NDArray[np.uint8]:
    """Bytes of the entries, the lowest first, (count, rows, width); beyond the entries 0."""
    width = next(width for width in _WIDTHS if rows.shape[1] <= width)
    planes = np.zeros((count, len(rows), width), dtype=np.uint8)
    for plane in range(count):
        planes[plane, :, : rows.shape[1]] = rows >> 8 * plane & 0xFF
    return planes
