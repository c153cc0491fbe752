"""Products of few weights as tables that bytes of a choose: any function of both operands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim import bounds
from pyqsim._native import GemmForm, ReduceProgram
from pyqsim.bounds import Interval
from pyqsim.datapath import Accumulate, Datapath, Lookup, Product, Shift
from pyqsim.execution.certificates import Columns, linear_sum

__all__ = ["table_form"]

Ints = npt.NDArray[np.int64]

_PLACES = 16
_BYTES = 256


def table_form(
    datapath: Datapath,
    columns: Columns,
    dtype: np.dtype,
    a: Interval,
    a_zero_point: int,
    bias: Interval,
    shifts: tuple[bool, bool],
) -> tuple[GemmForm, str] | str:
    """The form of a chain that sums table entries, and why it may; or why there is none.

    Parameters
    ----------
    datapath : Datapath
    columns : Columns
        Their places among the distinct integers are the form's b.
    dtype : dtype
        Of a's integers; 8 bits.
    a : Interval
        Of a's integers before the zero point is subtracted.
    a_zero_point : int
    bias : Interval
    shifts : (bool, bool)
        Which operands have shifts.
    """
    product = datapath.product
    if not _is_a_function(product):
        return f"a term of {type(product).__name__} here depends on more than two integers"
    if dtype.itemsize > 1:
        return "a has more than 8 bits, and the product is no exact one"
    distinct, places = columns.distinct
    if len(distinct) > _PLACES:
        return f"b has {len(distinct)} distinct integers, and tables {_PLACES} places"
    limits = np.iinfo(dtype)
    elements = np.arange(limits.min, limits.max + 1)
    inside = elements
    if isinstance(product, Lookup):
        inside = elements[(elements >= 0) & (elements < product.table.values.shape[0])]
    terms = _terms(product, inside - a_zero_point, distinct, shifts)
    met = terms[(inside >= a.low) & (inside <= a.high)]

    def sums() -> Interval:
        most, least = met.max(axis=0, initial=0), met.min(axis=0, initial=0)
        return Interval(int(least[places].sum(axis=1).min()), int(most[places].sum(axis=1).max()))

    linear = linear_sum(datapath.reduce, sums, bias)
    if linear is None:
        return "terms from a table, and not proven to be one exact sum"
    if linear.register.bits is None and not bounds.add(sums(), bias).fits(32):
        return "int32 does not hold the sum of the terms"
    by_byte = np.zeros((_BYTES, _PLACES), dtype=np.int64)
    by_byte[inside & (_BYTES - 1), : len(distinct)] = terms
    planes = _planes(by_byte)
    if planes is None:
        return f"terms reach {terms.min()}..{terms.max()}, which two tables do not hold"
    register = linear.register
    bits = register.bits or 32
    form = GemmForm("table", dtype, bits, register.signed, tables=planes.tobytes())
    return form, linear.reason


def _is_a_function(product: Product) -> bool:
    """Whether a term depends on two integers alone."""
    if isinstance(product, Lookup):
        return product.table.values.ndim == 2
    return isinstance(product, Shift) and not product.rounding.stochastic


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
