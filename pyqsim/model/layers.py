"""The layers of a quantized network: frozen values that know which op to call, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import ops
from pyqsim.datapath import Accumulate, Datapath
from pyqsim.events import Events
from pyqsim.ops import Encoding
from pyqsim.parameters import Parameters
from pyqsim.tensor import QTensor

__all__ = ["Conv2d", "DotProduct", "Flatten", "Layer", "Linear", "MaxPool2d", "Value"]

#: What flows between layers: a tensor, or the integers of a last layer without encoding.
Value = QTensor | npt.NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class DotProduct:
    """What a convolution and a dense layer share: weights, and the machine that applies them.

    Parameters
    ----------
    name : str
        What reports call the layer.
    weight : QTensor
        Output channels on the last axis.
    bias : ndarray of int64, (N,)
        In units of the accumulator.
    datapath : Datapath
        Of its own: layers need not run on one machine.
    unit : ndarray of float64, (N,)
        The real number that an accumulator of 1 stands for, one a channel.
    requantize : Multiplier, FloatFactor or PowerOfTwoFactor, optional
        For a datapath with `Requantize`.
    merge : ndarray of int64, (1, planes, 1, 1, N), optional
        For a datapath with `Merge`: the multipliers of the weight's planes.
    encoding : Encoding, optional
        How the results are to be read; None: as integers in units of `unit`.
    """

    name: str
    weight: QTensor
    bias: npt.NDArray[np.int64]
    datapath: Datapath
    unit: npt.NDArray[np.float64]
    requantize: Parameters | None = None
    merge: npt.NDArray[np.int64] | None = None
    encoding: Encoding | None = None

    def __post_init__(self) -> None:
        for name, dtype in (("bias", np.int64), ("unit", np.float64)):
            array = np.array(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def k(self) -> int:
        """Terms of one dot product."""
        return self.weight.codes.size // self.weight.shape[-1]

    def additions(self) -> int:
        """How often the accumulators add something to make one output."""
        total, count = 0, self.k
        for step in self.datapath.reduce:
            if isinstance(step, Accumulate):
                total, count = total + count, step.output_count(count)
        return total

    def _data(self, threads: int | None, events: bool) -> dict[str, Any]:
        return {
            "bias": self.bias,
            "requantize": self.requantize,
            "merge": self.merge,
            "encoding": self.encoding,
            "events": events,
            "threads": threads,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2d(DotProduct):
    """A convolution, NHWC; the weight is (KH, KW, C, N).

    Parameters
    ----------
    stride : int
        Pixels between windows, the same in both directions.
    padding : int
        Rows and columns of zeros on every side.
    """

    stride: int = 1
    padding: int = 0

    def run(
        self, x: QTensor, threads: int | None = None, events: bool = True
    ) -> tuple[Value, Events | None]:
        """(B, H, W, C) to (B, OH, OW, N), and the events where they are asked for."""
        found = ops.conv2d(
            x,
            self.weight,
            self.datapath,
            stride=self.stride,
            padding=self.padding,
            **self._data(threads, events),
        )
        return found if events else (found, None)


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear(DotProduct):
    """A dense layer; the weight is (K, N)."""

    def run(
        self, x: QTensor, threads: int | None = None, events: bool = True
    ) -> tuple[Value, Events | None]:
        """(B, K) to (B, N), and the events where they are asked for."""
        found = ops.linear(x, self.weight, self.datapath, **self._data(threads, events))
        return found if events else (found, None)


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    """The largest value of each window of ``size x size`` pixels; windows do not overlap."""

    name: str
    size: int

    def run(self, x: QTensor) -> Value:
        """(B, H, W, C) to (B, H // size, W // size, C); nothing to overflow."""
        return ops.max_pool2d(x, self.size)


@dataclass(frozen=True, slots=True)
class Flatten:
    """Images to rows: row, column, channel, the channel fastest."""

    name: str

    def run(self, x: QTensor) -> Value:
        """(B, H, W, C) to (B, H * W * C)."""
        codes = x.codes.reshape(len(x.codes), -1)
        return QTensor(codes, x.format, x.scale, x.zero_point)


Layer = Conv2d | Linear | MaxPool2d | Flatten
