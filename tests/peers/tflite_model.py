"""Writes .tflite files of one operator, with the schema that ai-edge-litert ships."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from peers.layers import Elementwise, Layer, Pool, Quantized

__all__ = ["model_of"]

_TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int16): schema.TensorType.INT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int64): schema.TensorType.INT64,
    np.dtype(np.float32): schema.TensorType.FLOAT32,
}
_ACTIVATIONS = {"none": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3}
_PADDINGS = {"same": 0, "valid": 1}
_OPERATOR = schema.BuiltinOperator


class _Builder:
    """One subgraph with one operator."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.inputs, self.graph.outputs = [], [], []

    def tensor(
        self, shape: tuple[int, ...], like: Quantized, data: Any = None, dimension: int = 0
    ) -> int:
        """Add a tensor; `data` makes it a constant."""
        tensor = schema.TensorT()
        tensor.shape = list(shape)
        tensor.type = _TYPES[like.codes.dtype]
        tensor.name = f"t{len(self.graph.tensors)}"
        if like.codes.dtype != np.float32:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = like.scales
            zero_points = np.broadcast_to(like.zero_points, like.scales.shape)
            tensor.quantization.zeroPoint = np.ascontiguousarray(zero_points)
            tensor.quantization.quantizedDimension = dimension
        if data is not None:
            tensor.buffer = len(self.model.buffers)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def finish(
        self, code: int, version: int, options: Any, inputs: list[int], constants: list[int]
    ) -> bytes:
        """The file: `inputs` come from the caller, then `constants`; the last tensor is out."""
        operator = schema.OperatorT()
        operator.inputs = [*inputs, *constants]
        operator.outputs = [len(self.graph.tensors) - 1]
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = options
        self.graph.inputs, self.graph.outputs = inputs, operator.outputs
        self.graph.operators = [operator]
        self.model.subgraphs = [self.graph]
        opcode = schema.OperatorCodeT()
        opcode.builtinCode, opcode.version = code, version
        opcode.deprecatedBuiltinCode = min(code, 127)
        self.model.operatorCodes = [opcode]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def model_of(layer: Layer | Elementwise | Pool, y_shape: tuple[int, ...]) -> bytes:
    """The file of a layer whose result has this shape."""
    if isinstance(layer, Layer):
        return _weights(layer, y_shape)
    return _elementwise(layer, y_shape) if isinstance(layer, Elementwise) else _pool(layer, y_shape)


def _weights(layer: Layer, y_shape: tuple[int, ...]) -> bytes:
    built = _Builder()
    x = built.tensor(layer.x.codes.shape, layer.x)
    taps, dimension = _file_order(layer)
    constants = [built.tensor(taps.shape, layer.weight, taps, dimension)]
    if layer.bias is not None:
        scale = layer.x.scales * layer.weight.scales
        constants.append(
            built.tensor(layer.bias.shape, Quantized(layer.bias, scale), layer.bias, 0)
        )
    built.tensor(y_shape, layer.y)
    wide = layer.x.codes.dtype == np.int16
    return built.finish(*_operator(layer, wide), [x], constants)


def _file_order(layer: Layer) -> tuple[npt.NDArray[Any], int]:
    """Weights as the file has them, and their channel axis."""
    taps = layer.weight.codes
    if layer.kind == "dense":
        return np.ascontiguousarray(taps.T), 0
    if layer.kind == "depthwise":
        return np.ascontiguousarray(taps.transpose(2, 0, 1, 3)), 3
    return np.ascontiguousarray(taps.transpose(3, 0, 1, 2)), 0


def _operator(layer: Layer, wide: bool) -> tuple[int, int, Any]:
    """Operator, its version, options."""
    if layer.kind == "dense":
        dense = schema.FullyConnectedOptionsT()
        dense.fusedActivationFunction = _ACTIVATIONS[layer.activation]
        if wide and layer.bias is not None:
            dense.quantizedBiasType = _TYPES[layer.bias.dtype]
        return _OPERATOR.FULLY_CONNECTED, 7 if wide else 4, dense
    depthwise = layer.kind == "depthwise"
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = _PADDINGS[layer.padding]
    options.strideH, options.strideW = layer.stride
    options.dilationHFactor, options.dilationWFactor = layer.dilation
    options.fusedActivationFunction = _ACTIVATIONS[layer.activation]
    if depthwise:
        options.depthMultiplier = layer.weight.codes.shape[3] // layer.x.codes.shape[3]
        return _OPERATOR.DEPTHWISE_CONV_2D, 5 if wide else 3, options
    if wide and layer.bias is not None:
        options.quantizedBiasType = _TYPES[layer.bias.dtype]
    return _OPERATOR.CONV_2D, 4 if wide else 3, options


def _elementwise(layer: Elementwise, y_shape: tuple[int, ...]) -> bytes:
    built = _Builder()
    operands = [layer.a] if layer.b is None else [layer.a, layer.b]
    inputs = [built.tensor(operand.codes.shape, operand) for operand in operands]
    built.tensor(y_shape, layer.y)
    code, version, options = {
        "add": (_OPERATOR.ADD, 2, schema.AddOptionsT),
        "sub": (_OPERATOR.SUB, 2, schema.SubOptionsT),
        "mul": (_OPERATOR.MUL, 2, schema.MulOptionsT),
        "quantize": (_OPERATOR.QUANTIZE, 2, schema.QuantizeOptionsT),
        "dequantize": (_OPERATOR.DEQUANTIZE, 3, schema.DequantizeOptionsT),
    }[layer.kind]
    return built.finish(code, version, options(), inputs, [])


def _pool(layer: Pool, y_shape: tuple[int, ...]) -> bytes:
    built = _Builder()
    x = built.tensor(layer.x.codes.shape, layer.x)
    built.tensor(y_shape, layer.x)
    options = schema.Pool2DOptionsT()
    options.padding = _PADDINGS[layer.padding]
    options.filterHeight, options.filterWidth = layer.size
    options.strideH, options.strideW = layer.stride
    code = {"average": _OPERATOR.AVERAGE_POOL_2D, "max": _OPERATOR.MAX_POOL_2D}[layer.kind]
    return built.finish(code, 2, options, [x], [])
