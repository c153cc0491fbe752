"""One call of matmul as a value: what a check, a counterexample and a recorded vector share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Datapath
from pyqsim.ops.matmul import matmul
from pyqsim.tensor import QTensor

__all__ = ["Call"]


@dataclass(frozen=True, eq=False)
class Call:
    """Operands, machine and the numbers that come with a call.

    Parameters
    ----------
    a, b : QTensor or array of int
        M x K and K x N.
    datapath : Datapath
    data : mapping
        What `pyqsim.matmul` takes beside them: `bias`, `requantize`, `out_zero_point`, `merge`.

    Examples
    --------
    >>> import pyqsim as qs
    >>> Call(np.array([[1, 2]]), np.array([[3], [4]]), qs.Datapath()).run().tolist()
    [[11]]
    """

    a: QTensor | npt.NDArray[Any]
    b: QTensor | npt.NDArray[Any]
    datapath: Datapath
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """M, N, K."""
        m, k = codes_of(self.a).shape
        return m, codes_of(self.b).shape[1], k

    def run(self) -> npt.NDArray[Any]:
        """What the reference computes."""
        result: npt.NDArray[Any] = matmul(
            self.a, self.b, self.datapath, kernel="reference", **self.data
        )
        return result


def codes_of(operand: QTensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The stored integers of an operand."""
    return operand.codes if isinstance(operand, QTensor) else operand


def take(
    operand: QTensor | npt.NDArray[Any], rows: Any, columns: Any
) -> QTensor | npt.NDArray[Any]:
    """Some rows and columns (slices or lists) of an operand without scale groups."""
    if not isinstance(operand, QTensor):
        taken: npt.NDArray[Any] = operand[rows][:, columns]
        return taken
    if operand.group is not None:
        raise NotImplementedError
    zero_point = operand.zero_point
    if operand.axis is not None:
        zero_point = zero_point[columns if operand.axis == 1 else rows]
    codes = operand.codes[rows][:, columns]
    planes = operand.format.planes
    scale = np.ones((planes, *zero_point.shape) if planes > 1 else zero_point.shape)
    return QTensor(codes, operand.format, scale, zero_point, operand.axis)
