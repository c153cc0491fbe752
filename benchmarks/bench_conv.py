"""Quantized convolutions, whole layers: pyqsim and runtimes on the same 8-bit operands.

Layers of ResNet-50, MobileNet and MobileNetV2, batch 1, requantized to 8 bits. The expected codes
come from NumPy: float64 products of all windows, exact, and a power of two as real factor, on which
all agree at every tie. The note on pyqsim says how much memory one call allocates, as a multiple of
the layer's tensors.
"""

from __future__ import annotations

import argparse
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import programs, report
from harness.contest import Contest, Contestant
from harness.peaks import best_peak

import pyqsim as qs

Codes = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer of square images and taps; padded to keep the size where the stride is 1."""

    size: int
    channels: int
    taps: int
    filters: int
    stride: int = 1
    depthwise: bool = False

    @property
    def padding(self) -> int:
        """At every edge."""
        return self.taps // 2 if self.stride == 1 else 0

    @property
    def out(self) -> int:
        """Rows, and columns, of the result."""
        return (self.size + 2 * self.padding - self.taps) // self.stride + 1

    @property
    def macs(self) -> float:
        """Multiply-accumulates, those on padding included."""
        depth = 1 if self.depthwise else self.channels
        return float(self.out**2 * self.filters * self.taps**2 * depth)

    @property
    def name(self) -> str:
        """For tables."""
        kind = "depthwise" if self.depthwise else "conv"
        taps, size = f"{self.taps}x{self.taps}", f"{self.size}x{self.size}"
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        return f"{kind} {taps}, {size}, {self.channels} to {self.filters}{stride}"


SHAPES = (
    Shape(56, 64, 3, 64),
    Shape(28, 128, 3, 128),
    Shape(14, 256, 3, 256),
    Shape(7, 512, 3, 512),
    Shape(56, 64, 1, 256),
    Shape(14, 1024, 1, 256),
    Shape(224, 3, 7, 64, stride=2),
    Shape(7, 320, 1, 1280),
    Shape(112, 32, 3, 32, depthwise=True),
    Shape(112, 64, 3, 64, stride=2, depthwise=True),
    Shape(56, 128, 3, 128, depthwise=True),
    Shape(56, 128, 3, 128, stride=2, depthwise=True),
    Shape(14, 512, 3, 512, depthwise=True),
    Shape(14, 512, 3, 512, stride=2, depthwise=True),
)
QUICK_SHAPES = (Shape(8, 16, 3, 16), Shape(9, 8, 3, 8, stride=2, depthwise=True))

X_SCALE, W_SCALE, Y_SCALE = 2.0**-4, 2.0**-4, 2.0**4
X_ZERO, Y_ZERO = 3, 2


def main() -> None:
    """Hold two contests a layer: int8 as LiteRT has it, uint8 as onnxruntime and PyTorch have."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser)
    options = parser.parse_args()
    found = report.start(options)
    shapes = QUICK_SHAPES if options.quick else SHAPES
    contests = (one for shape in shapes for one in contests_of(shape, options.threads))
    report.finish(options, found, report.run(options, contests, report.GMAC))


def contests_of(shape: Shape, threads: int) -> Iterator[Contest]:
    """One layer in both types."""
    rng = np.random.default_rng((shape.size, shape.channels, shape.taps, shape.filters))
    depth = 1 if shape.depthwise else shape.channels
    weight = rng.integers(-127, 128, (shape.taps, shape.taps, depth, shape.filters))
    weight = weight.astype(np.int8)
    images = rng.integers(0, 256, (1, shape.size, shape.size, shape.channels))
    bound = best_peak("int8")
    for dtype, target in ((np.int8, "xnnpack-fp32"), (np.uint8, "ort-vnni")):
        limits = np.iinfo(dtype)
        x = (images + limits.min).astype(dtype)
        others = (
            litert_conv(shape, x, weight, threads)
            if dtype == np.int8
            else [
                *onnxruntime_conv(shape, x, weight, threads),
                *torch_conv(shape, x, weight, threads),
            ]
        )
        yield Contest(
            f"{shape.name}, {np.dtype(dtype)}",
            shape.macs,
            requantized(sums(shape, x, weight), limits),
            (ours(shape, x, weight, target, threads), *others),
            bound,
        )


def sums(shape: Shape, x: Codes, weight: Codes) -> Codes:
    """Exact sums of every window, zero points subtracted."""
    edges = (shape.padding, shape.padding)
    padded = np.pad(x[0].astype(np.float64) - X_ZERO, (edges, edges, (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (shape.taps,) * 2, axis=(0, 1))
    view = view[:: shape.stride, :: shape.stride]  # rows, columns, channels, taps, taps
    if shape.depthwise:
        return np.einsum("yxcij,ijc->yxc", view, weight[:, :, 0].astype(np.float64))
    return np.tensordot(view, weight.astype(np.float64), ((3, 4, 2), (0, 1, 2)))


def requantized(sums_: Codes, codes: Any) -> Codes:
    """8-bit codes; scaling by a power of two is exact, rint's ties are even."""
    scaled = np.rint(sums_ * (X_SCALE * W_SCALE / Y_SCALE)) + Y_ZERO
    return np.clip(scaled, codes.min, codes.max).astype(np.int64)[np.newaxis]


def ours(shape: Shape, x: Codes, weight: Codes, target: str, threads: int) -> Contestant:
    """plan_conv2d's plan: weights packed beforehand, as those of the others."""
    machine = qs.targets.get(target)
    images = qs.QTensor(x, qs.Affine(8, signed=x.dtype == np.int8), X_SCALE, X_ZERO)
    planned = qs.ops.plan_conv2d(
        qs.QTensor(weight, qs.Affine(8), W_SCALE),
        machine.datapath,
        stride=shape.stride,
        padding=shape.padding,
        groups=shape.channels if shape.depthwise else 1,
    )
    run = partial(
        planned,
        images,
        bias=0,
        requantize=machine.scheme.encode(X_SCALE * W_SCALE / Y_SCALE),
        out_zero_point=Y_ZERO,
        threads=threads,
    )
    held: list[Codes] = []

    def note() -> str:
        tracemalloc.start()
        y = run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return f"allocates {peak / (x.nbytes + weight.nbytes + y.size):.1f} x its 8-bit tensors"

    def call() -> None:
        held[:] = [run()]

    return Contestant("pyqsim plan_conv2d", call, lambda: held[0], ours=True, note=note)


@programs.at_hand("ai_edge_litert")
def litert_conv(shape: Shape, x: Codes, weight: Codes, threads: int) -> list[Contestant]:
    """CONV_2D or DEPTHWISE_CONV_2D by XNNPACK; only the interpreter's invoke is timed."""
    from peers.layers import Layer, Quantized

    scales = np.full(shape.filters, W_SCALE, np.float32)
    layer = Layer(
        "depthwise" if shape.depthwise else "conv",
        Quantized(x, np.float32(X_SCALE), X_ZERO),
        Quantized(weight, scales, np.zeros(shape.filters, np.int64)),
        np.zeros(shape.filters, np.int32),
        Quantized(np.zeros(0, np.int8), np.float32(Y_SCALE), Y_ZERO),
        stride=(shape.stride, shape.stride),
        padding="same" if shape.padding else "valid",
    )
    y_shape = (1, shape.out, shape.out, shape.filters)
    return [programs.litert_contestant("LiteRT", layer, y_shape, threads)]


@programs.at_hand("onnxruntime", "onnx")
def onnxruntime_conv(shape: Shape, x: Codes, weight: Codes, threads: int) -> list[Contestant]:
    """QLinearConv, channels first as it has them; input and output bound beforehand."""
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime import OrtValue

    constants = {
        "x_scale": np.float32(X_SCALE),
        "x_zero": np.uint8(X_ZERO),
        "w": np.ascontiguousarray(weight.transpose(3, 2, 0, 1)),
        "w_scale": np.float32(W_SCALE),
        "w_zero": np.int8(0),
        "y_scale": np.float32(Y_SCALE),
        "y_zero": np.uint8(Y_ZERO),
    }
    node = helper.make_node(
        "QLinearConv",
        ["x", *constants],
        ["y"],
        strides=[shape.stride] * 2,
        pads=[shape.padding] * 4,
        group=shape.channels if shape.depthwise else 1,
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, None)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    y_shape = (1, shape.filters, shape.out, shape.out)
    y = OrtValue.ortvalue_from_shape_and_type(y_shape, np.uint8)
    run = programs.onnxruntime_run(model, first, y, threads)
    return [Contestant("onnxruntime QLinearConv", run, lambda: y.numpy().transpose(0, 2, 3, 1))]


@programs.at_hand("torch")
def torch_conv(shape: Shape, x: Codes, weight: Codes, threads: int) -> list[Contestant]:
    """torch.ops.quantized.conv2d on prepacked weights, channels last, with every engine."""
    import torch

    def prepack(taps: Any) -> Any:
        groups = shape.channels if shape.depthwise else 1
        sizes = ([shape.stride] * 2, [shape.padding] * 2, [1, 1], groups)
        return torch.ops.quantized.conv2d_prepack(taps, None, *sizes)

    return programs.torch_engines(
        "conv2d",
        torch.from_numpy(x).permute(0, 3, 1, 2),
        torch.from_numpy(np.ascontiguousarray(weight.transpose(3, 2, 0, 1))),
        prepack,
        programs.Quantization(X_SCALE, X_ZERO, W_SCALE, Y_SCALE, Y_ZERO),
        threads,
        axes=(0, 2, 3, 1),
    )


if __name__ == "__main__":
    main()
