"""From tensors and integer arrays to the operands of a dot product."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.errors import ShapeError
from pyqsim.execution import Operand
from pyqsim.tensor import QTensor

__all__ = ["Matrix", "first_operand", "operand_like", "second_operand"]

_LARGEST_SIZE = 2**31 - 1

Matrix = npt.ArrayLike | QTensor


def first_operand(a: Matrix | Operand) -> Operand:
    """Activations, M x K; zero points one or one a row (axis 0), groups along K (axis 1)."""
    return a if isinstance(a, Operand) else _operand("a", a, channel_axis=0, k_axis=1)


def second_operand(b: Matrix) -> Operand:
    """Weights, K x N, transposed; zero points one or one a column (axis 1), groups along K."""
    return _operand("b", b, channel_axis=1, k_axis=0)


def _operand(name: str, value: Matrix, *, channel_axis: int, k_axis: int) -> Operand:
    codes = value.codes if isinstance(value, QTensor) else integer_array(name, value)
    if codes.ndim != 2:
        raise ShapeError(f"{name}: shape={codes.shape}, allowed: two axes")
    for size in codes.shape:
        if size > _LARGEST_SIZE:
            raise ShapeError(f"{name}: shape={codes.shape}, allowed: sizes up to {_LARGEST_SIZE}")
    rows = codes if channel_axis == 0 else np.array(codes.T, order="C")  # a plan owns its weights
    if not isinstance(value, QTensor):
        return Operand(rows)
    if value.axis is not None and value.axis % 2 != channel_axis:
        raise ShapeError(
            f"{name}: axis={value.axis}, allowed: {channel_axis} (one scale a "
            f"{'row of a' if channel_axis == 0 else 'column of b'}) or None"
        )
    if value.group is not None and value.group_axis % 2 != k_axis:
        raise ShapeError(f"{name}: group_axis={value.group_axis}, allowed: {k_axis}, the axis of K")
    return operand_like(value, rows)


def operand_like(tensor: QTensor, codes: npt.NDArray[Any]) -> Operand:
    """Rows of codes that stand for what a tensor's own do, and are known to be such codes."""
    tables = tensor.format.integers()
    return Operand(
        codes,
        tables if tables.ndim == 2 else tables[None],
        _zero_points(tensor) if tensor.zero_point.any() else None,
        tensor.group,
        tensor.format.shifts,
    )


def _zero_points(tensor: QTensor) -> npt.NDArray[np.int64]:
    """Zero points as (groups or 1, channels or 1)."""
    zero_point = np.asarray(tensor.zero_point, dtype=np.int64)
    if zero_point.ndim == 2:
        return zero_point
    if zero_point.ndim == 1 and tensor.group is not None and tensor.axis is None:
        return zero_point[:, None]
    return zero_point.reshape(1, -1)
