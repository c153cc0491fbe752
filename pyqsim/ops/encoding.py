"""How a result's codes are to be read: the format and scale that an op puts on its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from pyqsim.errors import OperandError
from pyqsim.formats import Format
from pyqsim.tensor import QTensor

__all__ = ["Encoding", "check_encoding", "check_tensor"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """A format, scale and zero point without codes.

    Parameters
    ----------
    format : Format
    scale : float
    zero_point : int

    Examples
    --------
    >>> import pyqsim as qs
    >>> Encoding(qs.Affine(8, signed=False), 0.5, 3).tensor([[3, 5]]).real().tolist()
    [[0.0, 1.0]]
    """

    format: Format
    scale: float = 1.0
    zero_point: int = 0

    def tensor(self, codes: npt.NDArray[Any]) -> QTensor:
        """Codes, checked to lie in the format's range, read this way."""
        return QTensor(codes, self.format, self.scale, self.zero_point)


def check_encoding(value: object) -> None:
    """Raise `OperandError` unless `value` is an Encoding."""
    if not isinstance(value, Encoding):
        raise OperandError(f"encoding={value!r}, allowed: an Encoding")


def check_tensor(name: str, value: object) -> None:
    """Raise `OperandError` unless `value` is a QTensor."""
    if not isinstance(value, QTensor):
        raise OperandError(f"{name}: {type(value).__name__}, allowed: a QTensor")
