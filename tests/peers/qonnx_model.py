"""FINN's layers as QONNX executes them, a product and its thresholds; casts by `IntQuant`."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.general.intquant import int_quant

__all__ = ["cast", "run_layer"]


def run_layer(a: np.ndarray, b: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Codes (M, N): how many thresholds, one row for all columns or one a column, are reached."""
    (m, k), n = a.shape, b.shape[1]
    assert k * int(np.abs(a).max()) * int(np.abs(b).max()) < 2**24, "float32 holds every sum"
    made = helper.make_node("MatMul", ["a", "b"], ["acc"])
    counted = helper.make_node(
        "MultiThreshold",
        ["acc", "thresholds"],
        ["out"],
        domain="qonnx.custom_op.general",
        out_dtype="UINT4",
    )
    weights = {"b": b.astype("f4"), "thresholds": np.atleast_2d(thresholds).astype("f4")}
    graph = helper.make_graph(
        [made, counted],
        "layer",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, (m, k))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (m, n))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
        value_info=[helper.make_tensor_value_info("acc", TensorProto.FLOAT, (m, n))],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("qonnx.custom_op.general", 1)]
    model = ModelWrapper(helper.make_model(graph, opset_imports=opsets))
    return execute_onnx(model, {"a": a.astype("f4")})["out"].astype(np.int64)


def cast(codes: np.ndarray, dropped: int, bits: int, mode: str, *, narrow: bool) -> np.ndarray:
    """Codes divided by a power of two, rounded and saturated to `bits` signed."""
    real = int_quant(
        codes / np.float64(2**dropped),
        scale=np.float64(1),
        zeropt=np.float64(0),
        bitwidth=np.float64(bits),
        signed=True,
        narrow=narrow,
        rounding_mode=mode,
    )
    return real.astype(np.int64)
