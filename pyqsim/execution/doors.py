"""The doors of a call: operands, datapath and data are checked against each other, once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import (
    Accumulate,
    AddLogs,
    CorrectZeroPoints,
    Datapath,
    Lookup,
    Multiply,
    Narrow,
    Shift,
    is_nest,
)
from pyqsim.errors import CodeError, DatapathError, ShapeError
from pyqsim.execution.call_data import CallData, broadcast, interval_of
from pyqsim.execution.operand import Operand

__all__ = ["check_call", "explicit_order", "start_bias"]

Ints = npt.NDArray[np.int64]

_LARGEST_SIZE = 2**31 - 1


def check_call(
    datapath: Datapath, a: Operand, b: Operand, data: CallData, order: Ints | None
) -> list[slice]:
    """Check that operands, datapath and data meet; return the scale groups' slices of k."""
    n, k = b.codes.shape
    if a.codes.shape[1] != k:
        raise ShapeError(
            f"a: shape={a.codes.shape}, b: shape=({k}, {n}), allowed: a's K equal to b's"
        )
    data.check_read(datapath)
    _check_product(datapath, a, b)
    groups = _group_slices(a.group, b.group, k)
    for ks in groups:
        _check_reduce(datapath, order, ks.stop - ks.start)
    return groups


def _check_product(datapath: Datapath, a: Operand, b: Operand) -> None:
    """The operands are such as the product takes."""
    product = datapath.product
    if isinstance(product, Shift) and not (a.shifts or b.shifts):
        raise DatapathError(
            "product Shift: neither operand's format has shifts, allowed: LogQuant, "
            "PowerOfTwo or APoT on at least one side"
        )
    if isinstance(product, Lookup):
        _check_lookup(product, a, b)
    if isinstance(product, AddLogs):
        _check_logs(datapath, a, b)
    corrected = any(isinstance(step, CorrectZeroPoints) for step in datapath.output)
    folds = datapath.product == Multiply("fold")
    if folds and not corrected and (a.has_zero_points or b.has_zero_points):
        raise DatapathError(
            "Multiply('fold') with zero points: CorrectZeroPoints missing in output"
        )


def _check_logs(datapath: Datapath, a: Operand, b: Operand) -> None:
    """Both operands are 0 or +-2**e, and the order has no holes: 0 is the logarithm of 1."""
    for name, operand in (("a", a), ("b", b)):
        if not operand.shifts or not operand.has_one_power:
            raise DatapathError(
                f"product AddLogs: operand {name}, allowed: formats whose integers are 0 or "
                "+-2**e (LogQuant, PowerOfTwo)"
            )
    if datapath.order is not None and -1 in datapath.order:
        raise DatapathError("order: has holes, allowed: none with the product AddLogs")


def _check_reduce(datapath: Datapath, order: Ints | None, k: int) -> None:
    """The order and a table over k fit, and the reduce steps leave one value."""
    product = datapath.product
    if isinstance(product, Lookup) and product.table.values.ndim == 3:
        ks = product.table.values.shape[0]
        if ks < k:
            raise ShapeError(f"Lookup: table for {ks} ks, allowed: {k} or more")
    count = k
    if order is not None:
        real = int((order >= 0).sum())
        if real != k:
            raise DatapathError(f"order: names {real} ks, allowed: each of 0..{k - 1} once")
        count = len(order)
    for step in datapath.reduce:
        count = count if isinstance(step, Narrow) else step.output_count(count)
        if count > _LARGEST_SIZE:
            raise DatapathError(f"reduce: {count} values, allowed: at most {_LARGEST_SIZE}")
    if count != 1:
        raise DatapathError(
            f"reduce: leaves {count} values for K={k}, allowed: 1; end with Accumulate()"
        )


def start_bias(datapath: Datapath, data: CallData, shape: tuple[int, int]) -> Ints | None:
    """The bias that an accumulator starts from, inside its register."""
    for number, step in enumerate(datapath.reduce):
        if isinstance(step, Accumulate) and step.start == "bias" and data.bias is not None:
            bias = broadcast("bias", data.bias, shape)
            low, high = step.register.minimum, step.register.maximum
            found = interval_of(bias)
            if low is not None and high is not None and (found.low < low or found.high > high):
                wrong = found.low if found.low < low else found.high
                raise CodeError(
                    f"bias: value {wrong}, allowed: {low}..{high}, the range of reduce step "
                    f"{number}, which starts from it"
                )
            return bias
    return None


def explicit_order(datapath: Datapath) -> Ints | None:
    """The datapath's sequence of ks and holes as an array; None for ascending k."""
    order = datapath.order
    if order is None:
        return None
    if is_nest(order):
        raise DatapathError(f"order={order!r}: a loop nest, allowed: in conv2d only")
    return np.array(order, dtype=np.int64)


def _group_slices(a_group: int | None, b_group: int | None, k: int) -> list[slice]:
    group = a_group if a_group is not None else b_group
    if a_group is not None and b_group is not None and a_group != b_group:
        raise ShapeError(f"group: a has {a_group}, b has {b_group}, allowed: the same, or one")
    if group is None or k == 0:
        return [slice(0, k)]
    return [slice(start, min(start + group, k)) for start in range(0, k, group)]


def _check_lookup(product: Lookup, a: Operand, b: Operand) -> None:
    shape = product.table.values.shape
    for name, operand, size in (("a", a, shape[-2]), ("b", b, shape[-1])):
        found = operand.interval(0, slice(None))
        if operand.codes.size and (found.low < 0 or found.high >= size):
            wrong = found.low if found.low < 0 else found.high
            raise CodeError(f"Lookup: {name} has code {wrong}, allowed: 0..{size - 1}")
