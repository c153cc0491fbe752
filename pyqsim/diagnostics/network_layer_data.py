"""A layer of a network on its input, as every target can be asked to compute it."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyqsim.diagnostics.layer_call import layer_call
from pyqsim.errors import OperandError
from pyqsim.formats import Affine
from pyqsim.model import Conv2d, Linear
from pyqsim.targets import IntegerRange, LayerData
from pyqsim.tensor import QTensor

__all__ = ["check_affine", "layer_codes", "network_layer_data"]


def network_layer_data(layer: Conv2d | Linear, x: QTensor) -> LayerData:
    """Operands and numbers of a layer: m counts its output positions, n its channels.

    Parameters
    ----------
    layer : Conv2d or Linear
        With weights of an `Affine` format: targets multiply codes. Its datapath has no part in it.
    x : QTensor
        The layer's input.

    Returns
    -------
    LayerData
        Without scales for a layer without encoding, whose results are accumulators.

    Raises
    ------
    OperandError
        For other weights.
    """
    check_affine(layer)
    call = layer_call(layer, x)
    assert isinstance(call.a, QTensor)
    assert isinstance(call.b, QTensor)
    numbers: dict[str, Any] = {}
    if layer.encoding is not None:
        numbers = {
            "a_scale": x.scale,
            "b_scale": layer.weight.scale,
            "out_scale": layer.encoding.scale,
            "out_zero_point": layer.encoding.zero_point,
        }
    return LayerData(
        call.a.codes,
        call.b.codes,
        layer.bias,
        a_zero_point=int(np.asarray(x.zero_point)),
        b_zero_point=layer.weight.zero_point,
        **numbers,
    )


def check_affine(layer: Conv2d | Linear) -> None:
    """Raise unless weights and results of a layer are codes that stand for themselves."""
    formats = {"weight": layer.weight.format}
    if layer.encoding is not None:
        formats["encoding"] = layer.encoding.format
    for name, found in formats.items():
        if not isinstance(found, Affine):
            raise OperandError(f"layer {layer.name!r}: {name} {found}, allowed: Affine")


def layer_codes(layer: Conv2d | Linear) -> IntegerRange | None:
    """The codes that a layer's results may have; None for accumulators."""
    if layer.encoding is None:
        return None
    return IntegerRange(layer.encoding.format.code_min, layer.encoding.format.code_max)
