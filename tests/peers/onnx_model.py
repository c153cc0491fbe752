"""ONNX models of one operator: QLinearMatMul, QGemm, QLinearConv, MatMulInteger, ConvInteger."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper
from peers.layers import Layer, Quantized

__all__ = ["accumulator_model_of", "model_of", "quantize_model"]

_TYPES = {
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int16): TensorProto.INT16,
    np.dtype(np.uint16): TensorProto.UINT16,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.float32): TensorProto.FLOAT,
}


def model_of(layer: Layer) -> bytes:
    """The layer with its requantization; convolutions are NCHW inside, NHWC outside."""
    weight = layer.weight
    constants = {
        "x_scale": _scale(layer.x),
        "x_zero": _zero(layer.x),
        "w": _weights(layer),
        "w_scale": _scale(weight),
        "w_zero": _zero(weight),
        "y_scale": _scale(layer.y),
        "y_zero": _zero(layer.y),
    }
    x = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero"]
    bias = [] if layer.bias is None else ["bias"]
    if bias:
        constants["bias"] = layer.bias
    if layer.kind != "dense":
        nodes = _nhwc("QLinearConv", [*x, "y_scale", "y_zero", *bias], _conv_attributes(layer))
    elif bias:
        inputs = [*x, "bias", "y_scale", "y_zero"]
        nodes = [helper.make_node("QGemm", inputs, ["y"], domain="com.microsoft")]
    else:
        nodes = [helper.make_node("QLinearMatMul", [*x, "y_scale", "y_zero"], ["y"])]
    return _model(nodes, layer.x.codes.dtype, layer.y.codes.dtype, constants)


def accumulator_model_of(layer: Layer) -> bytes:
    """The layer's int32 sums, zero points subtracted."""
    constants = {"x_zero": _zero(layer.x), "w": _weights(layer), "w_zero": _zero(layer.weight)}
    inputs = ["x", "w", "x_zero", "w_zero"]
    if layer.kind == "dense":
        nodes = [helper.make_node("MatMulInteger", inputs, ["y"])]
    else:
        nodes = _nhwc("ConvInteger", inputs, _conv_attributes(layer))
    return _model(nodes, layer.x.codes.dtype, np.dtype(np.int32), constants)


def quantize_model(like: Quantized, axis: int | None = None) -> bytes:
    """QuantizeLinear to the type, scale and zero point of `like`."""
    attributes = {} if axis is None else {"axis": axis}
    node = helper.make_node("QuantizeLinear", ["x", "y_scale", "y_zero"], ["y"], **attributes)
    constants = {"y_scale": _scale(like), "y_zero": _zero(like)}
    return _model([node], np.dtype(np.float32), like.codes.dtype, constants)


def _scale(of: Quantized) -> npt.NDArray[np.float32]:
    return np.asarray(of.scale, np.float32)


def _zero(of: Quantized) -> npt.NDArray[Any]:
    return np.broadcast_to(np.asarray(of.zero_point, of.codes.dtype), np.shape(of.scale)).copy()


def _weights(layer: Layer) -> npt.NDArray[Any]:
    codes = layer.weight.codes
    return codes if layer.kind == "dense" else np.ascontiguousarray(codes.transpose(3, 2, 0, 1))


def _conv_attributes(layer: Layer) -> dict[str, Any]:
    return {
        "strides": list(layer.stride),
        "dilations": list(layer.dilation),
        "group": layer.x.codes.shape[3] if layer.kind == "depthwise" else layer.groups,
        "pads": _pads(layer),
    }


def _pads(layer: Layer) -> list[int]:
    """[top, left, bottom, right]; "same" as TFLite has it, written out: auto_pad lacks dilation."""
    if layer.padding == "valid":
        return [0] * 4
    before, after = [], []
    sizes = zip(
        layer.x.codes.shape[1:3],
        layer.weight.codes.shape[:2],
        layer.stride,
        layer.dilation,
        strict=True,
    )
    for length, taps, stride, dilation in sizes:
        total = (-(-length // stride) - 1) * stride + (taps - 1) * dilation + 1 - length
        before.append(max(total, 0) // 2)
        after.append(max(total, 0) - before[-1])
    return before + after


def _nhwc(operator: str, inputs: list[str], attributes: dict[str, Any]) -> list[Any]:
    return [
        helper.make_node("Transpose", ["x"], ["x_nchw"], perm=[0, 3, 1, 2]),
        helper.make_node(operator, ["x_nchw", *inputs[1:]], ["y_nchw"], **attributes),
        helper.make_node("Transpose", ["y_nchw"], ["y"], perm=[0, 2, 3, 1]),
    ]


def _model(
    nodes: list[Any], x: np.dtype[Any], y: np.dtype[Any], constants: dict[str, Any]
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", _TYPES[x], None)],
        [helper.make_tensor_value_info("y", _TYPES[y], None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
