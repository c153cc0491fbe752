"""tflite-micro's interpreter: the same .tflite files on TFLite Micro's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from tflite_micro.python.tflite_micro import runtime

__all__ = ["run_model"]


def run_model(model: bytes, inputs: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Codes of the only output."""
    arena = 1_000_000 + 64 * sum(value.nbytes for value in inputs) + 8 * len(model)
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena)
    for index, value in enumerate(inputs):
        interpreter.set_input(value, index)
    interpreter.invoke()
    return np.array(interpreter.get_output(0))
