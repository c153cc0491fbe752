"""A call as plain named numbers: what kernels, lines of text and files of vectors are given."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics import Call
from pyqsim.diagnostics.call import codes_of
from pyqsim.errors import OperandError
from pyqsim.tensor import QTensor

__all__ = ["NAMES", "plain_numbers"]

#: Every name that a kernel may be given, in this order. The first three are sizes.
NAMES = (
    "m", "n", "k", "a", "b", "a_zero_point", "b_zero_point", "bias", "multiplier", "shift",
    "scale", "out_zero_point",
)  # fmt: skip


def plain_numbers(call: Call) -> dict[str, npt.NDArray[Any]]:
    """Everything that comes with a call, one number a row or column.

    Parameters
    ----------
    call : Call
        Operands of one plane and without scale groups.

    Returns
    -------
    dict of str to ndarray
        ``a`` (M, K) and ``b`` (K, N) codes; ``a_zero_point`` (M,) and ``b_zero_point`` (N,) where
        an operand has any; ``bias``, ``out_zero_point`` and the scheme's ``multiplier``,
        ``shift``, ``scale`` (N,) where the datapath reads them.
    """
    m, n, _ = call.sizes
    numbers: dict[str, npt.NDArray[Any]] = {"a": codes_of(call.a), "b": codes_of(call.b)}
    for name, operand, rows in (("a", call.a, m), ("b", call.b, n)):
        if isinstance(operand, QTensor):
            if operand.group is not None:
                raise OperandError(f"{name}: group={operand.group}, allowed: no scale groups")
            if operand.format.has_zero_point and operand.zero_point.any():
                numbers[f"{name}_zero_point"] = np.broadcast_to(operand.zero_point, (rows,))
    for name in ("bias", "out_zero_point"):
        if name in call.data:
            numbers[name] = _columns(name, call.data[name], n)
    given = call.data.get("requantize")
    for field in () if given is None else dataclasses.fields(given):
        numbers[field.name] = _columns(field.name, getattr(given, field.name), n)
    return numbers


def _columns(name: str, value: Any, n: int) -> npt.NDArray[Any]:
    array = np.asarray(value)
    if array.ndim > 1:
        raise OperandError(f"{name}: shape={array.shape}, allowed: one, or one a column")
    return np.broadcast_to(array, (n,))
