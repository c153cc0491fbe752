"""Activations on codes: a clamp, or a table with one entry a code."""

from __future__ import annotations

import numpy.typing as npt

from pyqsim.checks import array_of
from pyqsim.datapath import Clamp, Lookup, Table
from pyqsim.errors import CodeError, OperandError, ShapeError
from pyqsim.execution import output_of_array
from pyqsim.ops.encoding import Encoding, check_encoding, check_tensor
from pyqsim.tensor import QTensor

__all__ = ["clamp", "lookup", "relu"]


def clamp(x: QTensor, minimum: int, maximum: int) -> QTensor:
    """Clamp codes of an Affine tensor to ``minimum..maximum``.

    Examples
    --------
    >>> import pyqsim as qs
    >>> clamp(qs.QTensor([-5, 3, 90], qs.Affine(8)), 0, 6).codes.tolist()
    [0, 3, 6]
    """
    check_tensor("x", x)
    if not x.format.has_zero_point:
        raise OperandError(f"x: format={x.format!r}, allowed: Affine, whose codes are ordered")
    step = Clamp(minimum, maximum)
    low, high = x.format.code_min, x.format.code_max
    for name, value in (("minimum", minimum), ("maximum", maximum)):
        if not low <= value <= high:
            raise CodeError(f"{name}={value}, allowed: {low}..{high}, the codes of x")
    codes = output_of_array(x.codes, (step,))
    return QTensor(codes, x.format, x.scale, x.zero_point, x.axis, x.group, x.group_axis)


def relu(x: QTensor) -> QTensor:
    """Clamp codes from below at the zero point of an Affine tensor with one zero point.

    Examples
    --------
    >>> import pyqsim as qs
    >>> relu(qs.QTensor([0, 3, 9], qs.Affine(8), zero_point=3)).codes.tolist()
    [3, 3, 9]
    """
    check_tensor("x", x)
    if x.zero_point.ndim:
        raise ShapeError(f"x: zero_point.shape={x.zero_point.shape}, allowed: one zero point")
    return clamp(x, int(x.zero_point), x.format.code_max)


def lookup(x: QTensor, table: npt.ArrayLike, encoding: Encoding) -> QTensor:
    """Replace every code by a table entry: any function of one variable.

    Parameters
    ----------
    x : QTensor
    table : array_like of int, (2**code_bits,)
        Indexed by the code's bit pattern (two's complement for signed codes); entries are codes
        of `encoding`.
    encoding : Encoding
        How the results are to be read.

    Examples
    --------
    >>> import pyqsim as qs
    >>> negate = [0, 1, -2, -1]                      # patterns 0, 1, -2, -1
    >>> lookup(qs.QTensor([-1, 1], qs.Affine(2)), negate, Encoding(qs.Affine(2))).codes.tolist()
    [-1, 1]
    """
    check_tensor("x", x)
    check_encoding(encoding)
    step = Lookup(Table(array_of("lookup", "table", table)))
    if step.table.values.shape != (1 << x.format.code_bits,):
        raise ShapeError(
            f"table: shape={step.table.values.shape}, allowed: ({1 << x.format.code_bits},), one "
            "entry a bit pattern"
        )
    return encoding.tensor(output_of_array(x.codes, (step,)))
