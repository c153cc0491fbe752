"""A layer on a pyqsim target: what the peer's output must equal, code by code."""

from __future__ import annotations

from dataclasses import replace
from math import floor
from typing import Any

import numpy as np
import numpy.typing as npt
from peers.layers import Layer, Quantized

import pyqsim as qs
from pyqsim.datapath import Clamp, Datapath

__all__ = ["encoding", "run_layer", "run_sums", "tensor"]

_LIMITS = {"relu": (0, None), "relu6": (0, 6), "relu_n1_to_1": (-1, 1)}


def run_layer(
    layer: Layer, target: Any, *, order: Any = None, requantize: Any = None
) -> npt.NDArray[Any]:
    """Codes that the target makes of the layer.

    The target's datapath is taken as it is, but for the clamp (the result's type and the fused
    activation decide it) and, where given, the order of the K axis. `requantize`: parameters that
    hold the bias, too.
    """
    scales = (layer.x.scale, layer.weight.scale, layer.y.scale)
    datapath = _clamped(target.datapath, _limits(layer))
    if order is not None:
        datapath = replace(datapath, order=order)
    data = {
        "requantize": requantize or target.scheme.encode(target.real_scale(*scales)),
        "out_zero_point": int(layer.y.zero_point),
        "bias": 0 if layer.bias is None or requantize is not None else layer.bias,
    }
    return _run(layer, datapath, **data).astype(layer.y.codes.dtype)


def run_sums(layer: Layer, datapath: Datapath) -> npt.NDArray[Any]:
    """Accumulators of the layer on a datapath."""
    return _run(layer, datapath)


def tensor(of: Quantized, axis: int | None = None) -> qs.QTensor:
    """The same codes as pyqsim has them; per channel along `axis` where there are channels."""
    fmt = format_of(of)
    per_channel = np.ndim(of.scale) > 0
    scale = of.scales.astype(np.float64) if per_channel else float(np.float32(of.scale))
    return qs.QTensor(of.codes, fmt, scale, of.zero_point, axis=axis if per_channel else None)


def encoding(of: Quantized) -> qs.Encoding:
    """How a result of this type, scale and zero point is to be read."""
    return qs.Encoding(format_of(of), float(np.float32(of.scale)), int(of.zero_point))


def format_of(of: Quantized) -> qs.Affine:
    """The format of the codes' type."""
    info = np.iinfo(of.codes.dtype)
    return qs.Affine(info.bits, signed=info.min < 0)


def _run(layer: Layer, datapath: Datapath, **data: Any) -> npt.NDArray[Any]:
    x, weight = tensor(layer.x), tensor(layer.weight, layer.weight.codes.ndim - 1)
    if layer.kind == "dense":
        return np.asarray(qs.ops.linear(x, weight, datapath, **data))
    groups = layer.x.codes.shape[3] if layer.kind == "depthwise" else layer.groups
    window = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    return np.asarray(qs.ops.conv2d(x, weight, datapath, groups=groups, **window, **data))


def _clamped(datapath: Datapath, limits: tuple[int, int]) -> Datapath:
    *steps, last = datapath.output
    assert isinstance(last, Clamp)
    return replace(datapath, output=(*steps, Clamp(*limits)))


def _limits(layer: Layer) -> tuple[int, int]:
    """The result's type, cut by the fused activation: q(v) = zy + HALF_AWAY(F(v / sy))."""
    info = np.iinfo(layer.y.codes.dtype)
    low, high = _LIMITS.get(layer.activation, (None, None))

    def code(value: int | None, unlimited: int) -> int:
        if value is None:
            return unlimited
        steps = float(np.float32(value) / np.float32(layer.y.scale))
        rounded = floor(abs(steps) + 0.5) * (1 if steps >= 0 else -1)
        return min(max(int(layer.y.zero_point) + rounded, info.min), info.max)

    return code(low, info.min), code(high, info.max)
