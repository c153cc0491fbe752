"""A dense layer: every row of K activations times a K x N weight matrix."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.datapath import Datapath
from pyqsim.errors import ShapeError
from pyqsim.events import Events
from pyqsim.ops.encoding import Encoding, check_encoding
from pyqsim.ops.matmul import plan
from pyqsim.ops.operands import Matrix
from pyqsim.tensor import QTensor

__all__ = ["linear"]


def linear(
    x: Matrix,
    weight: Matrix,
    datapath: Datapath,
    *,
    encoding: Encoding | None = None,
    events: bool = False,
    **data: Any,
) -> Any:
    """Dense layer.

    Parameters
    ----------
    x : QTensor or array_like of int, (..., K)
        Per-tensor scale. M is the product of the leading axes.
    weight : QTensor or array_like of int, (K, N)
    datapath : Datapath
    encoding : Encoding, optional
        Makes the result a QTensor; its codes must lie in the format's range (end the datapath
        with `Clamp`).
    events : bool
        Also return the `Events`.
    **data
        bias, requantize, out_zero_point, merge, threads, kernel, isa: see `matmul`.

    Returns
    -------
    QTensor with `encoding`, else ndarray, (..., N); with `events` a pair

    Examples
    --------
    >>> import pyqsim as qs
    >>> linear([[1, 2]], [[3], [4]], qs.Datapath()).tolist()
    [[11]]
    """
    codes = x.codes if isinstance(x, QTensor) else integer_array("x", x)
    if codes.ndim < 1:
        raise ShapeError(f"x: shape={codes.shape}, allowed: one axis or more, K the last")
    matrix = as_matrix(x, codes)
    kernel = {name: data.pop(name) for name in ("kernel", "isa") if name in data}
    result, found = plan(weight, datapath, **kernel).run(matrix, events=events, **data)
    shaped = result.reshape(*result.shape[:-2], *codes.shape[:-1], result.shape[-1])
    return finish(shaped, found, encoding)


def as_matrix(x: Matrix, codes: npt.NDArray[Any]) -> Matrix:
    """Codes as (M, K) with what x says of them; x has one scale for the whole tensor."""
    flat = codes.reshape(prod(codes.shape[:-1]), codes.shape[-1])
    if not isinstance(x, QTensor):
        return flat
    if codes.ndim == 2:
        return x
    if x.axis is not None or x.group is not None:
        raise ShapeError(
            f"x: axis={x.axis}, group={x.group}, allowed: None (one scale a tensor) where x has "
            f"{codes.ndim} axes"
        )
    return QTensor(flat, x.format, x.scale, x.zero_point)


def finish(result: npt.NDArray[Any], found: Events | None, encoding: Encoding | None) -> Any:
    """Put the encoding on a result and add the events that were asked for."""
    if encoding is not None:
        check_encoding(encoding)
    value = result if encoding is None else encoding.tensor(result)
    return value if found is None else (value, found)
