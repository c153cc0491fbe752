"""Headroom of every layer of a quantized network."""

from __future__ import annotations

from dataclasses import dataclass

from pyqsim.datapath import Accumulate
from pyqsim.diagnostics.headroom import Headroom, headroom
from pyqsim.diagnostics.layer_call import flat_datapath, weight_matrix
from pyqsim.model import Conv2d, Linear, Network

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
            weight_matrix(layer.weight),
            flat_datapath(layer),
            encoding,
            bias=layer.bias if starts else None,
        )
        found.append(LayerHeadroom(layer.name, proof))
        encoding = layer.encoding or encoding
    return tuple(found)
