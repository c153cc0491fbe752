"""Max and average pooling, NHWC."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.datapath import Datapath, Narrow
from pyqsim.errors import OperandError, ShapeError
from pyqsim.formats import Format
from pyqsim.modes import HALF_AWAY, Rounding
from pyqsim.ops.matmul import matmul
from pyqsim.ops.operands import Matrix
from pyqsim.ops.windows import Padding, Pair, Window, windows
from pyqsim.tensor import QTensor

__all__ = ["average_pool2d", "max_pool2d"]


def max_pool2d(
    x: Matrix, size: Pair, *, stride: Pair | None = None, padding: Padding = 0
) -> QTensor | npt.NDArray[Any]:
    """Largest value of each window, layout NHWC; padding never wins.

    Parameters
    ----------
    x : QTensor or array_like of int, (B, H, W, C)
        One scale for the tensor, one plane. Values are compared, not codes.
    size : int or (int, int)
    stride : int or (int, int), optional
        Default: `size`.
    padding : see `conv2d`

    Returns
    -------
    QTensor or ndarray, as x

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d(np.arange(4).reshape(1, 2, 2, 1), 2).tolist()
    [[[[3]]]]
    """
    codes, window = _windows_of(x, size, stride, padding)
    if not isinstance(x, QTensor):
        lowest = int(np.iinfo(codes.dtype).min)
        largest: npt.NDArray[Any] = windows(codes, window, lowest).max(axis=(3, 4))
        return largest
    ranks, codes_by_rank = _ranks(x.format)
    best = windows(ranks[x.format.patterns(codes)], window, -1).max(axis=(3, 4))
    return QTensor(codes_by_rank[best], x.format, x.scale, x.zero_point)


def _ranks(fmt: Format) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Rank of every bit pattern's value among the allowed codes, and the code of every rank."""
    allowed = np.arange(fmt.code_min, fmt.code_max + 1)
    integers, first = np.unique(fmt.decode(allowed), return_index=True)
    table = np.clip(np.searchsorted(integers, fmt.integers()), 0, len(integers) - 1)
    return table.astype(np.int32), allowed[first]


def average_pool2d(
    x: Matrix,
    size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    rounding: Rounding | str = HALF_AWAY,
) -> QTensor | npt.NDArray[Any]:
    """Mean of the valid taps of each window, layout NHWC.

    ``round(sum of codes / number of taps inside the image)``: the zero point is kept in the sum,
    as TFLite does (HALF_AWAY there).

    Parameters
    ----------
    x : QTensor of a format with zero point, or array_like of int, (B, H, W, C)
    size, stride, padding : see `max_pool2d`
    rounding : Rounding or str

    Returns
    -------
    QTensor or ndarray of int64, as x

    Examples
    --------
    >>> import numpy as np
    >>> average_pool2d(np.array([1, 2, 3, 4]).reshape(1, 2, 2, 1), 2).tolist()  # 2.5
    [[[[3]]]]
    """
    if isinstance(x, QTensor) and not x.format.has_zero_point:
        raise OperandError(f"x: format={x.format!r}, allowed: Affine, or plain integers")
    codes, window = _windows_of(x, size, stride, padding)
    taps = windows(codes, window, 0)
    inside = windows(np.ones((1, *codes.shape[1:3], 1), np.int64), window, 0).sum(axis=(3, 4, 5))[0]
    patches = np.moveaxis(taps, -1, 3)
    y = np.empty(patches.shape[:4], dtype=np.int64)
    for count in np.unique(inside).tolist():
        here = inside == count
        rows = patches[:, here].reshape(-1, patches.shape[4] * patches.shape[5])
        y[:, here] = _mean(rows, count, Rounding.of(rounding)).reshape(y[:, here].shape)
    return QTensor(y, x.format, x.scale, x.zero_point) if isinstance(x, QTensor) else y


def _mean(rows: npt.NDArray[Any], count: int, rounding: Rounding) -> npt.NDArray[Any]:
    """Sum of every row divided by `count`."""
    datapath = Datapath(output=(Narrow(divisor=count, rounding=rounding),))
    return matmul(rows, np.ones((rows.shape[1], 1), dtype=np.int8), datapath)


def _windows_of(
    x: Matrix, size: Pair, stride: Pair | None, padding: Padding
) -> tuple[npt.NDArray[Any], Window]:
    codes = x.codes if isinstance(x, QTensor) else integer_array("x", x)
    if codes.ndim != 4:
        raise ShapeError(f"x: shape={codes.shape}, allowed: (B, H, W, C)")
    if isinstance(x, QTensor) and (x.axis is not None or x.group is not None):
        raise ShapeError(f"x: axis={x.axis}, group={x.group}, allowed: None (one scale a tensor)")
    if isinstance(x, QTensor) and x.format.planes > 1:
        raise OperandError(f"x: planes={x.format.planes}, allowed: 1")
    window = Window.of(codes.shape[1:3], size, size if stride is None else stride, padding)
    for name, length, pads in zip("HW", window.size, window.padding, strict=True):
        if max(pads) >= length:
            raise ShapeError(
                f"padding: {max(pads)} along {name}, allowed: at most {length - 1}, so that every "
                "window holds a number"
            )
    return codes, window
