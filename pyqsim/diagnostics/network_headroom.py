"""Headroom of every layer of a quantized network."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pyqsim.datapath import Accumulate, Datapath, is_nest, nest_order
from pyqsim.diagnostics.headroom import Headroom, headroom
from pyqsim.errors import ShapeError
from pyqsim.model import Conv2d, Linear, Network
from pyqsim.tensor import QTensor

__all__ = ["LayerHeadroom", "network_headroom"]


@dataclass(frozen=True, slots=True)
class LayerHeadroom:
    """A layer's name and what its registers need."""

    name: str
    headroom: Headroom


def network_headroom(network: Network) -> tuple[LayerHeadroom, ...]:
    """Prove how wide the registers of every layer must be, for every input of its format.

    Parameters
    ----------
    network : Network

    Returns
    -------
    tuple of LayerHeadroom
        One a layer with weights. Every code of the layer's input encoding may come, in every place
        of a window: padding is one of them.

    Examples
    --------
    >>> import pyqsim as qs
    >>> from pyqsim.data import float_network
    >>> from pyqsim.model import MACHINES, quantize_network
    >>> net = quantize_network(float_network("mlp"), qs.Affine(4), MACHINES[0])
    >>> [(one.name, one.headroom.steps[-1].needed) for one in network_headroom(net)]
    [('linear1', 20), ('linear2', 17), ('linear3', 16)]
    """
    found, encoding = [], network.input
    for layer in network.layers:
        if not isinstance(layer, (Conv2d, Linear)):
            continue
        starts = any(
            isinstance(step, Accumulate) and step.start == "bias" for step in layer.datapath.reduce
        )
        proof = headroom(
            _matrix(layer.weight),
            _without_nest(layer),
            encoding,
            bias=layer.bias if starts else None,
        )
        found.append(LayerHeadroom(layer.name, proof))
        encoding = layer.encoding or encoding
    return tuple(found)


def _matrix(weight: QTensor) -> QTensor:
    """(K, N), the taps of a window in the order kh, kw, c."""
    if weight.group is not None:
        raise ShapeError(f"weight: group={weight.group}, allowed: None in a network's layer")
    codes = weight.codes.reshape(-1, weight.shape[-1])
    axis = None if weight.axis is None else 1
    return QTensor(codes, weight.format, weight.scale, weight.zero_point, axis)


def _without_nest(layer: Conv2d | Linear) -> Datapath:
    datapath = layer.datapath
    if datapath.order is None or not is_nest(datapath.order):
        return datapath
    kh, kw, c, _ = layer.weight.shape
    return replace(datapath, order=nest_order(datapath.order, {"kh": kh, "kw": kw, "c": c}))
