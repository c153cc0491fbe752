"""onnxruntime on the CPU: bytes of a model and its input in, output out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

__all__ = ["run_model"]


def run_model(model: bytes, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The only output for the only input, on one thread, as users get it (fully optimized)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])
