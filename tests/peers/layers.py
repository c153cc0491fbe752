"""One quantized operator with its data: what every runtime is given and pyqsim recomputes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Elementwise", "Layer", "Pool", "Quantized"]

Codes = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Quantized:
    """Codes with real = scale * (code - zero_point).

    Parameters
    ----------
    codes : ndarray of int8, uint8, int16 or int32; of float32: reals
    scale : float or ndarray of float32, (N,)
        Per tensor, or per output channel.
    zero_point : int or ndarray, (N,)
    """

    codes: Codes
    scale: Any = 1.0
    zero_point: Any = 0

    @property
    def scales(self) -> npt.NDArray[np.float32]:
        """The scale as runtimes store it: float32, at least one axis."""
        return np.atleast_1d(np.asarray(self.scale, np.float32))

    @property
    def zero_points(self) -> npt.NDArray[np.int64]:
        """Zero points with one axis."""
        return np.atleast_1d(np.asarray(self.zero_point, np.int64))


@dataclass(frozen=True, eq=False)
class Layer:
    """A dense layer or convolution.

    Parameters
    ----------
    kind : {"dense", "conv", "depthwise"}
    x : Quantized
        (M, K), or (B, H, W, C).
    weight : Quantized
        (K, N), or (KH, KW, C // groups, N); depthwise: (KH, KW, 1, N).
    bias : ndarray of int32 or int64, (N,), or None
    y : Quantized
        Scale and zero point of the result; its codes say the dtype only.
    activation : {"none", "relu", "relu6", "relu_n1_to_1"}
    stride, dilation : (rows, columns)
    padding : {"valid", "same"}
    """

    kind: Literal["dense", "conv", "depthwise"]
    x: Quantized
    weight: Quantized
    bias: Codes | None
    y: Quantized
    activation: Literal["none", "relu", "relu6", "relu_n1_to_1"] = "none"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Literal["valid", "same"] = "valid"
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Elementwise:
    """ADD, SUB, MUL of two tensors; QUANTIZE or DEQUANTIZE of one.

    float32 tensors have no scale. Of y the type, scale and zero point count.
    """

    kind: Literal["add", "sub", "mul", "quantize", "dequantize"]
    a: Quantized
    b: Quantized | None
    y: Quantized


@dataclass(frozen=True, eq=False)
class Pool:
    """AVERAGE_POOL or MAX_POOL: the result has the input's scale."""

    kind: Literal["average", "max"]
    x: Quantized
    size: tuple[int, int]
    stride: tuple[int, int]
    padding: Literal["valid", "same"] = "valid"
