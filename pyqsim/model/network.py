"""A quantized network, and one run of it: every layer's output and events, and the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.errors import DatapathError, ModeError, OperandError
from pyqsim.events import Events
from pyqsim.model.layers import DotProduct, Layer, Value
from pyqsim.ops import Encoding
from pyqsim.tensor import QTensor

__all__ = ["LayerRun", "Network", "Result", "run"]


@dataclass(frozen=True, eq=False, slots=True)
class Network:
    """Layers in the order in which they run.

    Parameters
    ----------
    name : str
    input : Encoding
        How the codes of the input are to be read.
    layers : tuple of Conv2d, Linear, MaxPool2d and Flatten
        All but the last one give tensors; the last one is a `Linear` or `Conv2d` without encoding:
        it gives the logits as integers.

    Raises
    ------
    DatapathError
        For layers that do not follow one another so.
    """

    name: str
    input: Encoding
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        *hidden, last = self.layers or (None,)
        if not isinstance(last, DotProduct) or last.encoding is not None:
            raise DatapathError(
                f"network {self.name!r}: last layer {last!r}, allowed: Linear or Conv2d "
                "without encoding"
            )
        for layer in hidden:
            if isinstance(layer, DotProduct) and layer.encoding is None:
                raise DatapathError(
                    f"network {self.name!r}: layer {layer.name!r} without encoding, "
                    "allowed: in the last layer only"
                )


@dataclass(frozen=True, eq=False, slots=True)
class LayerRun:
    """What one layer made of its input.

    Attributes
    ----------
    layer : Layer
    input : QTensor
    output : QTensor, or ndarray of int of the last layer
    events : Events or None
        None for a layer without accumulators, and where they were not asked for.
    additions : int
        How often an accumulator of the layer added something.
    """

    layer: Layer
    input: QTensor
    output: Value
    events: Events | None
    additions: int


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """What a network made of its input.

    Attributes
    ----------
    logits : ndarray of int, (B, ..., N)
        The last layer's accumulators, bias included.
    unit : ndarray of float64, (N,)
        The real number that a logit of 1 stands for, one a channel.
    layers : tuple of LayerRun
    has_events : bool
    """

    logits: npt.NDArray[Any]
    unit: npt.NDArray[np.float64]
    layers: tuple[LayerRun, ...]
    has_events: bool = True

    def real(self) -> npt.NDArray[np.float64]:
        """Logits as real numbers: one float64 product each, the same on every machine."""
        return np.asarray(self.logits * self.unit, dtype=np.float64)

    def predictions(self) -> npt.NDArray[np.intp]:
        """The channel of the largest real logit, the first one where several are equal."""
        return np.asarray(self.real().argmax(axis=-1))

    @property
    def overflows(self) -> int:
        """Overflows of all layers.

        Raises
        ------
        ModeError
            If the network ran without events: nobody counted.
        """
        if not self.has_events:
            raise ModeError("overflows: run with events=False, allowed: run with events=True")
        return sum(run.events.overflows for run in self.layers if run.events)

    @property
    def additions(self) -> int:
        """Additions of all layers' accumulators."""
        return sum(run.additions for run in self.layers)


def run(network: Network, x: QTensor, *, events: bool = True, threads: int | None = None) -> Result:
    """Run a network.

    Parameters
    ----------
    network : Network
    x : QTensor, (B, ...)
        Encoded as ``network.input`` says; its shape is what the first layer takes.
    events : bool
        Whether every layer's overflows and extremes are found; without, matrix products are much
        faster, as in `pyqsim.matmul`.
    threads : int, optional
        As in `pyqsim.matmul`; changes nothing but the time.

    Returns
    -------
    Result

    Raises
    ------
    OperandError
        For an `x` in another encoding.
    ShapeError, AccumulatorRangeError, OverflowTrap
        As the ops raise them.

    Examples
    --------
    >>> import pyqsim as qs
    >>> from pyqsim.model import Linear, Network
    >>> half = qs.Encoding(qs.Affine(8, signed=False), 0.5)
    >>> layer = Linear(
    ...     name="dense",
    ...     weight=qs.QTensor([[1, 2], [3, 4]], qs.Affine(8), scale=0.25),
    ...     bias=[10, 0],
    ...     datapath=qs.Datapath(output=(qs.AddBias(32),)),
    ...     unit=[0.125, 0.125],
    ... )
    >>> result = run(Network("tiny", half, (layer,)), half.tensor([[1, 1]]))
    >>> result.logits.tolist(), result.real().tolist(), result.overflows
    ([[14, 6]], [[1.75, 0.75]], 0)
    """
    if Encoding(x.format, x.scale.tolist(), x.zero_point.tolist()) != network.input:
        raise OperandError(f"x: {x!r}, allowed: in the encoding {network.input!r}")
    value: Value = x
    runs = []
    for layer in network.layers:
        assert isinstance(value, QTensor)  # Network: only the last layer gives integers
        output: Value
        found, additions = None, 0
        if isinstance(layer, DotProduct):
            output, found = layer.run(value, threads, events)
            outputs = output.codes.size if isinstance(output, QTensor) else output.size
            additions = outputs * layer.additions()
        else:
            output = layer.run(value)
        runs.append(LayerRun(layer, value, output, found, additions))
        value = output
    last = network.layers[-1]
    assert isinstance(last, DotProduct)
    assert isinstance(value, np.ndarray)
    return Result(value, last.unit, tuple(runs), events)
