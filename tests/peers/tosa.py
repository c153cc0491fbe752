"""Layers as TOSA graphs, CONV2D and RESCALE, run by the TOSA reference model."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tosa_reference_model
import tosa_serializer as ts
from peers.layers import Layer

from pyqsim.requantize import FixedPointFactor

__all__ = ["PEER", "VERSION", "rescale", "run_layer"]

PEER, VERSION = "TOSA reference model", version("tosa-tools")

Rounding = Literal["SINGLE_ROUND", "DOUBLE_ROUND"]
_TYPES = {np.int8: "INT8", np.int16: "INT16", np.int32: "INT32", np.int64: "INT48"}


class _Graph:
    """One graph: an input, constants, operators, an output."""

    def __init__(self) -> None:
        self._serializer = ts.TosaSerializer()

    def input(self, shape: tuple[int, ...], kind: type) -> Any:
        return self._serializer.addPlaceholder(shape, _dtype(kind), None)

    def constant(self, values: npt.ArrayLike, kind: type) -> Any:
        array = np.atleast_1d(np.asarray(values)).astype(kind)
        return self._serializer.addConst(array.shape, _dtype(kind), array)

    def between(self, shape: tuple[int, ...], kind: type) -> Any:
        return self._serializer.addIntermediate(shape, _dtype(kind))

    def output(self, shape: tuple[int, ...], kind: type) -> Any:
        return self._serializer.addOutput(shape, _dtype(kind))

    def add(self, operator: str, inputs: list[Any], output: Any, *attributes: Any) -> None:
        attribute = ts.TosaSerializerAttribute()
        make = {"CONV2D": attribute.Conv2dAttribute, "RESCALE": attribute.RescaleAttribute}
        make[operator](*attributes)
        names = [tensor.name for tensor in inputs]
        self._serializer.addOperator(getattr(ts.Op, operator), names, [output.name], attribute)

    def rescale(
        self,
        x: Any,
        parameters: FixedPointFactor,
        rounding: Rounding,
        y: Any,
        wide: type,
        *out: Any,
    ) -> None:
        """From accumulators of type `wide` to y; `out`: its zero point and type."""
        n = int(np.prod(np.broadcast_shapes(parameters.multiplier.shape, (1,))))
        inputs = [
            x,
            self.constant(parameters.multiplier, np.int32 if wide is np.int32 else np.int16),
            self.constant(parameters.right_shift, np.int8),
            self.constant(0, wide),
            self.constant(*out),
        ]
        mode = getattr(ts.RoundingMode, rounding)
        self.add("RESCALE", inputs, y, wide is np.int32, mode, n > 1, False, False)

    def run(self, x: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """The output; None where the specification leaves it open."""
        made, status = tosa_reference_model.run(bytes(self._serializer.serialize()), [x])
        assert status.name in ("TOSA_VALID", "TOSA_UNPREDICTABLE"), status
        return np.asarray(made[0]) if status.name == "TOSA_VALID" else None


def _dtype(kind: type) -> Any:
    return getattr(ts.DType, _TYPES[kind])


def run_layer(
    layer: Layer, shape: tuple[int, ...], parameters: FixedPointFactor, rounding: Rounding
) -> npt.NDArray[Any] | None:
    """Codes of a dense layer or convolution, (..., N); None where the result is unpredictable."""
    x, w = layer.x.codes, layer.weight.codes
    if layer.kind == "dense":
        x, w = x[None, :, None, :], w[None, None]
    x = _cropped(x, w, layer)
    kind, y_kind = x.dtype.type, layer.y.codes.dtype.type
    wide = np.int32 if kind is np.int8 else np.int64
    inner = shape if layer.kind == "conv" else (1, shape[0], 1, shape[1])
    assert layer.bias is not None
    graph = _Graph()
    inputs = [
        graph.input(x.shape, kind),
        graph.constant(w.transpose(3, 0, 1, 2), np.int8),
        graph.constant(layer.bias, wide),
        graph.constant(layer.x.zero_point, kind),
        graph.constant(layer.weight.zero_point, np.int8),
    ]
    sums, y = graph.between(inner, wide), graph.output(inner, y_kind)
    window = ([0, 0, 0, 0], layer.stride, layer.dilation, False, _dtype(wide))
    graph.add("CONV2D", inputs, sums, *window)
    graph.rescale(sums, parameters, rounding, y, wide, layer.y.zero_point, y_kind)
    made = graph.run(x)
    return None if made is None else made.reshape(shape)


def _cropped(x: npt.NDArray[Any], w: npt.NDArray[Any], layer: Layer) -> npt.NDArray[Any]:
    """The rows and columns that windows reach: TOSA refuses a rest."""
    spare = [
        (x.shape[1 + i] - 1 - (w.shape[i] - 1) * layer.dilation[i]) % layer.stride[i]
        for i in (0, 1)
    ]
    return np.ascontiguousarray(x[:, : x.shape[1] - spare[0], : x.shape[2] - spare[1]])


def rescale(
    x: npt.NDArray[np.int32], parameters: FixedPointFactor, rounding: Rounding
) -> npt.NDArray[Any] | None:
    """int32 to int32, zero points 0; parameters along the last axis."""
    graph = _Graph()
    value, y = graph.input(x.shape, np.int32), graph.output(x.shape, np.int32)
    graph.rescale(value, parameters, rounding, y, np.int32, 0, np.int32)
    return graph.run(x)
