"""Writes .tflite files of one operator or a chain, with the schema that ai-edge-litert ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from peers.layers import Elementwise, Layer, Pool, Quantized

__all__ = ["model_of", "network_of"]

Operator = Layer | Elementwise | Pool
Node = tuple[Operator, tuple[int, ...], tuple[int, ...]]

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
    """One subgraph."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators, self.model.operatorCodes = [], [], []

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

    def operator(self, code: int, version: int, options: Any, inputs: list[int], y: int) -> None:
        """Add an operator that makes tensor y."""
        operator = schema.OperatorT()
        operator.inputs, operator.outputs = inputs, [y]
        operator.opcodeIndex = len(self.model.operatorCodes)
        name = type(options).__name__.removesuffix("T")
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = options
        self.graph.operators.append(operator)
        opcode = schema.OperatorCodeT()
        opcode.builtinCode, opcode.version = code, version
        opcode.deprecatedBuiltinCode = min(code, 127)
        self.model.operatorCodes.append(opcode)

    def file(self, inputs: list[int], y: int) -> bytes:
        """The whole file: `inputs` come from the caller, y is the result."""
        self.graph.inputs, self.graph.outputs = inputs, [y]
        self.model.subgraphs = [self.graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def model_of(of: Operator, y_shape: tuple[int, ...]) -> bytes:
    """The file of one operator whose result has this shape."""
    built = _Builder()
    inputs = [built.tensor(operand.codes.shape, operand) for operand in _operands(of)]
    return built.file(inputs, _add(built, of, inputs, y_shape))


def network_of(nodes: Sequence[Node]) -> tuple[bytes, list[int]]:
    """The file of a network, and the tensors that its operators make.

    A node is (operator, its inputs, shape of its result); input 0 is the network's, i > 0 what node
    i made, counted from 1. Of an operator's own operands only the types and scales count.
    """
    built = _Builder()
    first = _operands(nodes[0][0])[0]
    tensors = [built.tensor(first.codes.shape, first)]
    for of, inputs, y_shape in nodes:
        tensors.append(_add(built, of, [tensors[i] for i in inputs], y_shape))
    return built.file(tensors[:1], tensors[-1]), tensors[1:]


def _operands(of: Operator) -> list[Quantized]:
    if isinstance(of, Elementwise):
        return [of.a] if of.b is None else [of.a, of.b]
    return [of.x]


def _add(built: _Builder, of: Operator, inputs: list[int], y_shape: tuple[int, ...]) -> int:
    """Add the operator with its constants; the tensor that it makes."""
    constants = _constants(built, of) if isinstance(of, Layer) else []
    y = built.tensor(y_shape, of.x if isinstance(of, Pool) else of.y)
    if isinstance(of, Layer):
        described = _operator(of, of.x.codes.dtype == np.int16)
    else:
        described = _elementwise(of) if isinstance(of, Elementwise) else _pool(of)
    built.operator(*described, [*inputs, *constants], y)
    return y


def _constants(built: _Builder, layer: Layer) -> list[int]:
    """Weights and bias."""
    taps, dimension = _file_order(layer)
    constants = [built.tensor(taps.shape, layer.weight, taps, dimension)]
    if layer.bias is not None:
        bias = Quantized(layer.bias, layer.x.scales * layer.weight.scales)
        constants.append(built.tensor(layer.bias.shape, bias, layer.bias, 0))
    return constants


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


def _elementwise(of: Elementwise) -> tuple[int, int, Any]:
    code, version, options = {
        "add": (_OPERATOR.ADD, 2, schema.AddOptionsT),
        "sub": (_OPERATOR.SUB, 2, schema.SubOptionsT),
        "mul": (_OPERATOR.MUL, 2, schema.MulOptionsT),
        "quantize": (_OPERATOR.QUANTIZE, 2, schema.QuantizeOptionsT),
        "dequantize": (_OPERATOR.DEQUANTIZE, 3, schema.DequantizeOptionsT),
    }[of.kind]
    return code, version, options()


def _pool(of: Pool) -> tuple[int, int, Any]:
    options = schema.Pool2DOptionsT()
    options.padding = _PADDINGS[of.padding]
    options.filterHeight, options.filterWidth = of.size
    options.strideH, options.strideW = of.stride
    code = {"average": _OPERATOR.AVERAGE_POOL_2D, "max": _OPERATOR.MAX_POOL_2D}[of.kind]
    return code, 2, options
