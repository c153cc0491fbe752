"""A layer of a network on its input, as one call of matmul."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from pyqsim.datapath import Datapath, is_nest, nest_order
from pyqsim.diagnostics.call import Call
from pyqsim.errors import ShapeError
from pyqsim.model import Conv2d, Linear
from pyqsim.ops.conv2d import fill_code
from pyqsim.ops.windows import Window, windows
from pyqsim.tensor import QTensor

__all__ = ["flat_datapath", "layer_call", "weight_matrix"]


def weight_matrix(weight: QTensor) -> QTensor:
    """(K, N), the taps of a window in the order kh, kw, c."""
    if weight.group is not None:
        raise ShapeError(f"weight: group={weight.group}, allowed: None in a network's layer")
    codes = weight.codes.reshape(-1, weight.shape[-1])
    axis = None if weight.axis is None else 1
    return QTensor(codes, weight.format, weight.scale, weight.zero_point, axis)


def flat_datapath(layer: Conv2d | Linear) -> Datapath:
    """The layer's datapath with a loop nest spelled out."""
    datapath = layer.datapath
    if datapath.order is None or not is_nest(datapath.order):
        return datapath
    kh, kw, c, _ = layer.weight.shape
    return replace(datapath, order=nest_order(datapath.order, {"kh": kh, "kw": kw, "c": c}))


def layer_call(layer: Conv2d | Linear, x: QTensor) -> Call:
    """What the layer multiplies: m counts its output positions, n its channels.

    Parameters
    ----------
    layer : Conv2d or Linear
    x : QTensor
        The layer's input.

    Returns
    -------
    Call
        Its result has the numbers of the layer's output.
    """
    codes = x.codes
    if isinstance(layer, Conv2d):
        size = (layer.weight.shape[0], layer.weight.shape[1])
        image = (codes.shape[1], codes.shape[2])
        window = Window.of(image, size, layer.stride, layer.padding)
        view = windows(codes, window, fill_code(x) if layer.padding else 0)
        codes = view.reshape(prod(view.shape[:3]), -1)
    data = {"bias": layer.bias, "requantize": layer.requantize, "merge": layer.merge}
    return Call(
        QTensor(codes.reshape(-1, codes.shape[-1]), x.format, x.scale, x.zero_point),
        weight_matrix(layer.weight),
        flat_datapath(layer),
        {name: value for name, value in data.items() if value is not None},
    )
