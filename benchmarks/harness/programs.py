"""Other programs that multiply integer matrices, each as users would run it at its best.

Weights are packed, buffers allocated and models loaded before the time is taken, wherever a
program lets its users do so. A program that is not installed gives no contestant.
"""

from __future__ import annotations

import ctypes
import sys
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.compiled import NoCompilerError, library
from harness.contest import Contestant

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

__all__ = [
    "Quantization",
    "apytypes_matmul",
    "at_hand",
    "litert_contestant",
    "litert_linear",
    "numba_matmul",
    "numpy_matmul",
    "numpy_steps",
    "onednn_matmul",
    "onednn_version",
    "onnxruntime_matmul",
    "onnxruntime_run",
    "torch_engines",
    "torch_int_mm",
    "torch_linear",
]

Codes = npt.NDArray[Any]
Program = Callable[..., list[Contestant]]


def at_hand(*packages: str) -> Callable[[Program], Program]:
    """Let a function give no contestants where one of these packages cannot be imported."""

    def decorate(function: Program) -> Program:
        def program(*arguments: Any, **options: Any) -> list[Contestant]:
            there = all(find_spec(package) for package in packages)
            return function(*arguments, **options) if there else []

        return program

    return decorate


# ---- exact int32 sums ---------------------------------------------------------------------------


def numpy_matmul(a: Codes, b: Codes, dtype: type[np.generic]) -> list[Contestant]:
    """``@`` on arrays that have the dtype already: BLAS for reals, a plain loop for integers."""
    x, y = a.astype(dtype), b.astype(dtype)
    out = np.empty((len(a), b.shape[1]), dtype)
    name = f"numpy {np.dtype(dtype)} @"
    return [Contestant(name, partial(np.matmul, x, y, out=out), lambda: out.astype(np.int64))]


@at_hand("onnxruntime", "onnx")
def onnxruntime_matmul(a: Codes, b: Codes, threads: int) -> list[Contestant]:
    """MatMulInteger with constant weights, input and output bound beforehand."""
    from onnxruntime import OrtValue
    from peers.layers import Layer, Quantized
    from peers.onnx_model import accumulator_model_of

    layer = Layer("dense", Quantized(a), Quantized(b), None, Quantized(np.zeros(0, np.int32)))
    y = OrtValue.ortvalue_from_shape_and_type((len(a), b.shape[1]), np.int32)
    run = onnxruntime_run(accumulator_model_of(layer), a, y, threads)
    return [Contestant("onnxruntime MatMulInteger", run, y.numpy)]


def onnxruntime_run(model: bytes, x: Codes, y: Any, threads: int) -> Callable[[], object]:
    """Call a model of one input and one output without copies."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    given = onnxruntime.OrtValue.ortvalue_from_numpy(x)
    binding.bind_ortvalue_input(session.get_inputs()[0].name, given)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, y)
    return partial(session.run_with_iobinding, binding)


@at_hand("torch")
def torch_int_mm(a: Codes, b: Codes, threads: int) -> list[Contestant]:
    """torch._int_mm, int8 times int8."""
    import torch

    torch.set_num_threads(threads)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    out = torch.empty((len(a), b.shape[1]), dtype=torch.int32)
    return [Contestant("torch._int_mm", partial(torch._int_mm, x, y, out=out), out.numpy)]


@cache
def _onednn() -> ctypes.CDLL | None:
    try:
        made = library(Path(__file__).with_name("onednn.cpp"), (), ("-ldnnl", "-lstdc++"))
    except (NoCompilerError, OSError):
        return None
    made.onednn_new.restype = ctypes.c_void_p
    made.onednn_new.argtypes = [ctypes.c_int, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 3]
    made.onednn_run.argtypes = made.onednn_delete.argtypes = [ctypes.c_void_p]
    made.onednn_run.restype = made.onednn_delete.restype = None
    return made


def onednn_version() -> str | None:
    """None: its headers or its library are not there, or no C++ compiler."""
    made = _onednn()
    if made is None:
        return None
    number = made.onednn_version()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def onednn_matmul(a: Codes, b: Codes) -> list[Contestant]:
    """Its matmul primitive, weights in the layout that it chooses; called through ctypes."""
    made = _onednn()
    if made is None:
        return []
    out = np.empty((len(a), b.shape[1]), np.int32)
    (m, k), n = a.shape, b.shape[1]
    addresses = (a.ctypes.data, b.ctypes.data, out.ctypes.data)
    handle = made.onednn_new(a.dtype == np.int8, m, n, k, *addresses)
    if not handle:
        return []
    run = partial(made.onednn_run, handle)
    weakref.finalize(out, made.onednn_delete, handle)
    held = a, out  # oneDNN has but their addresses
    return [Contestant("oneDNN matmul", run, lambda: held[1])]


# ---- accumulators -------------------------------------------------------------------------------


@cache
def _numba_loops() -> tuple[Any, Any]:
    import numba

    @numba.njit
    def wrapping(a: Any, b: Any, out: Any) -> None:
        for i in range(a.shape[0]):
            out[i, :] = 0
            for k in range(a.shape[1]):
                x = np.int32(a[i, k])
                for j in range(b.shape[1]):
                    out[i, j] += x * np.int32(b[k, j])

    @numba.njit
    def saturating(a: Any, b: Any, out: Any, low: Any, high: Any) -> None:
        for i in range(a.shape[0]):
            out[i, :] = 0
            for k in range(a.shape[1]):
                x = np.int32(a[i, k])
                for j in range(b.shape[1]):
                    out[i, j] = min(max(out[i, j] + x * np.int32(b[k, j]), low), high)

    return wrapping, saturating


@at_hand("numba")
def numba_matmul(a: Codes, b: Codes, bits: int | None = None) -> list[Contestant]:
    """The loop that a user would write; with `bits`, saturating at every addition."""
    wrapping, saturating = _numba_loops()
    out = np.empty((len(a), b.shape[1]), np.int32)
    if bits is None:
        return [Contestant("numba loop", partial(wrapping, a, b, out), lambda: out)]
    limits = np.int32(-(1 << (bits - 1))), np.int32((1 << (bits - 1)) - 1)
    return [Contestant("numba loop", partial(saturating, a, b, out, *limits), lambda: out)]


def numpy_steps(a: Codes, b: Codes, bits: int) -> list[Contestant]:
    """What a user can write with NumPy alone: an outer product a step, then the clamp."""
    out = np.empty((len(a), b.shape[1]), np.int32)
    x, y = a.T.astype(np.int32), b.astype(np.int32)
    limits = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def run() -> None:
        out[...] = 0
        for column, row in zip(x, y, strict=True):
            np.add(out, np.outer(column, row), out=out)
            np.clip(out, *limits, out=out)

    return [Contestant("numpy, one k at a time", run, lambda: out)]


@at_hand("apytypes")
def apytypes_matmul(a: Codes, b: Codes, bits: int | None = None) -> list[Contestant]:
    """``@`` of fixed-point arrays; with `bits`, in its accumulator context.

    That context casts every product and never the sum: it is right only where nothing overflows.
    """
    import apytypes

    fixed = apytypes.APyFixedArray.from_array
    x = fixed(a.astype(np.int64), int_bits=8 + (a.dtype == np.uint8), frac_bits=0)
    y = fixed(b.astype(np.int64), int_bits=8, frac_bits=0)
    held: list[Any] = []

    def run() -> None:
        held[:] = [x @ y]

    def in_context() -> None:
        mode = apytypes.OverflowMode.SAT
        with apytypes.APyFixedAccumulatorContext(int_bits=bits, frac_bits=0, overflow=mode):
            run()

    def result() -> Codes:
        codes = np.asarray(held[0].to_bits(), np.int64)
        width = held[0].bits
        return codes - ((codes >> (width - 1)) << width)

    if bits is None:
        return [Contestant("apytypes @", run, result)]
    return [Contestant("apytypes, accumulator context", in_context, result)]


# ---- with requantization to 8 bits --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quantization:
    """Scales and zero points of one layer; weights have no zero point."""

    x_scale: float
    x_zero: int
    w_scale: float
    y_scale: float
    y_zero: int


@at_hand("torch")
def torch_linear(a: Codes, b: Codes, numbers: Quantization, threads: int) -> list[Contestant]:
    """torch.ops.quantized.linear on prepacked weights, with every engine it has."""
    import torch

    def prepack(weight: Any) -> Any:
        return torch.ops.quantized.linear_prepack(weight, None)

    weight = torch.from_numpy(np.ascontiguousarray(b.T))
    return torch_engines("linear", torch.from_numpy(a), weight, prepack, numbers, threads)


def torch_engines(
    operator: str,
    x: Any,
    weight: Any,
    prepack: Callable[[Any], Any],
    numbers: Quantization,
    threads: int,
    axes: tuple[int, ...] = (0, 1),
) -> list[Contestant]:
    """A quantized operator on every engine; `axes` puts its result into our order."""
    import torch

    torch.set_num_threads(threads)
    function = getattr(torch.ops.quantized, operator)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PyTorch 2.13 announces the end of these
        make = torch._make_per_tensor_quantized_tensor
        codes = make(x, numbers.x_scale, numbers.x_zero)
        taps = make(weight, numbers.w_scale, 0)
        for engine in torch.backends.quantized.supported_engines:
            if engine == "none":
                continue
            torch.backends.quantized.engine = engine
            call = partial(function, codes, prepack(taps), numbers.y_scale, numbers.y_zero)
            found.append(_torch_contestant(f"torch {operator}", engine, call, axes))
    return found


def _torch_contestant(
    name: str, engine: str, call: Callable[[], Any], axes: tuple[int, ...]
) -> Contestant:
    import torch

    held: list[Any] = []

    def run() -> None:
        torch.backends.quantized.engine = engine
        held[:] = [call()]

    def result() -> Codes:
        return np.asarray(held[0].int_repr().numpy().transpose(axes))

    return Contestant(f"{name}, {engine}", run, result)


@at_hand("ai_edge_litert")
def litert_linear(a: Codes, b: Codes, numbers: Quantization, threads: int) -> list[Contestant]:
    """FULLY_CONNECTED by XNNPACK; only the interpreter's invoke is timed."""
    from peers.layers import Layer, Quantized

    x = Quantized(a, np.float32(numbers.x_scale), numbers.x_zero)
    y = Quantized(np.zeros(0, np.int8), np.float32(numbers.y_scale), numbers.y_zero)
    bias = np.zeros(b.shape[1], np.int32)
    layer = Layer("dense", x, Quantized(b, np.float32(numbers.w_scale)), bias, y)
    return [litert_contestant("LiteRT FULLY_CONNECTED", layer, (len(a), b.shape[1]), threads)]


def litert_contestant(name: str, layer: Any, y_shape: tuple[int, ...], threads: int) -> Contestant:
    """A layer on LiteRT's default path."""
    from ai_edge_litert.interpreter import Interpreter
    from peers.tflite_model import model_of

    interpreter = Interpreter(model_content=model_of(layer, y_shape), num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], layer.x.codes)
    index = interpreter.get_output_details()[0]["index"]
    return Contestant(name, interpreter.invoke, lambda: interpreter.get_tensor(index))
