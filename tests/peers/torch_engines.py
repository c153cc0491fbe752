"""PyTorch's quantized CPU engines: a layer's codes in, codes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from peers.layers import Layer, Quantized

__all__ = ["ENGINES", "fake_quantize", "quantize", "real_bias", "run_layer"]

ENGINES = ("fbgemm", "x86", "onednn", "qnnpack")


def run_layer(layer: Layer, engine: str) -> npt.NDArray[Any]:
    """Codes (uint8) of a dense layer or convolution; bias goes in as float32, as PyTorch has it."""
    torch.set_num_threads(1)
    torch.backends.quantized.engine = engine
    bias = None if layer.bias is None else torch.from_numpy(real_bias(layer))
    y_scale, y_zero = float(layer.y.scale), int(layer.y.zero_point)
    relu = "_relu" if layer.activation == "relu" else ""
    if layer.kind == "dense":
        weight = _weights(layer.weight, (1, 0))
        packed = torch.ops.quantized.linear_prepack(weight, bias)
        linear = getattr(torch.ops.quantized, "linear" + relu)
        return np.asarray(linear(_tensor(layer.x), packed, y_scale, y_zero).int_repr())
    groups = layer.x.codes.shape[3] if layer.kind == "depthwise" else layer.groups
    sizes = (list(layer.stride), _padding(layer), list(layer.dilation), groups)
    weight = _weights(layer.weight, (3, 2, 0, 1))
    packed = torch.ops.quantized.conv2d_prepack(weight, bias, *sizes)
    x = _tensor(layer.x).permute(0, 3, 1, 2)
    conv2d = getattr(torch.ops.quantized, "conv2d" + relu)
    y = conv2d(x, packed, y_scale, y_zero)
    return np.ascontiguousarray(y.int_repr().numpy().transpose(0, 2, 3, 1))


def real_bias(layer: Layer) -> npt.NDArray[np.float32]:
    """The bias as PyTorch has it: a float32 number, 0 where the layer has none."""
    bias = 0 if layer.bias is None else layer.bias
    return np.asarray(
        bias * (layer.x.scales.astype(np.float64) * layer.weight.scales), dtype=np.float32
    )


def _padding(layer: Layer) -> list[int]:
    """PyTorch pads alike on both sides: "same" with stride 1 and an odd span is such a padding."""
    spans = [
        (k - 1) * d + 1 for k, d in zip(layer.weight.codes.shape, layer.dilation, strict=False)
    ]
    if layer.padding == "same" and (layer.stride != (1, 1) or any(s % 2 == 0 for s in spans)):
        raise ValueError(f"padding='same' with spans {spans}, allowed: odd ones, stride 1")
    return [span // 2 if layer.padding == "same" else 0 for span in spans]


def quantize(x: npt.NDArray[np.float32], scale: float, zero_point: int) -> npt.NDArray[Any]:
    """torch.quantize_per_tensor to quint8."""
    tensor = torch.quantize_per_tensor(torch.from_numpy(x), scale, zero_point, torch.quint8)
    return np.asarray(tensor.int_repr())


def fake_quantize(x: npt.NDArray[np.float32], scale: float, zero_point: int) -> npt.NDArray[Any]:
    """Codes of torch.fake_quantize_per_tensor_affine, read back from the reals that it returns."""
    y = torch.fake_quantize_per_tensor_affine(torch.from_numpy(x), scale, zero_point, 0, 255)
    return np.rint(y.numpy().astype(np.float64) / np.float32(scale)).astype(int) + zero_point


def _tensor(of: Quantized) -> Any:
    codes = torch.from_numpy(np.ascontiguousarray(of.codes))
    return torch._make_per_tensor_quantized_tensor(codes, float(of.scale), int(of.zero_point))


def _weights(of: Quantized, axes: tuple[int, ...]) -> Any:
    codes = torch.from_numpy(np.ascontiguousarray(of.codes.transpose(axes)))
    if np.ndim(of.scale) == 0:
        return torch._make_per_tensor_quantized_tensor(codes, float(of.scale), int(of.zero_point))
    scales = torch.from_numpy(of.scales.astype(np.float64))
    zeros = torch.from_numpy(np.broadcast_to(of.zero_points, of.scales.shape).copy())
    return torch._make_per_channel_quantized_tensor(codes, scales, zeros, 0)
