"""How a result's codes are to be read: the format and scale that an op puts on its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Clamp
from pyqsim.errors import OperandError, ShapeError
from pyqsim.formats import Format
from pyqsim.tensor import QTensor

__all__ = [
    "Encoding",
    "broadcast_shape",
    "check_affine",
    "check_affine_encoding",
    "check_encoding",
    "check_tensor",
    "clamp_of",
]


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


def check_affine_encoding(value: object) -> None:
    """Raise unless `value` is an Encoding of an Affine format, with one scale and zero point."""
    check_encoding(value)
    assert isinstance(value, Encoding)
    if not value.format.has_zero_point:
        raise OperandError(f"encoding: format={value.format!r}, allowed: Affine")
    value.tensor(np.zeros(0, np.int64))  # refuses scales and zero points that no tensor may have


def check_affine(name: str, value: object) -> None:
    """Raise `OperandError` unless `value` is a tensor of an Affine format with one scale."""
    check_tensor(name, value)
    assert isinstance(value, QTensor)
    if not value.format.has_zero_point or value.scale.ndim:
        raise OperandError(
            f"{name}: format={value.format!r}, scale.shape={value.scale.shape}, "
            "allowed: Affine, one scale a tensor"
        )


def broadcast_shape(x: QTensor, y: QTensor) -> tuple[int, ...]:
    """The shape to which both broadcast, or raise ShapeError."""
    try:
        return np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ShapeError(f"x: {x.shape}, y: {y.shape}, allowed: shapes that broadcast") from None


def clamp_of(encoding: Encoding) -> Clamp:
    """To the codes of the format."""
    return Clamp(encoding.format.code_min, encoding.format.code_max)
