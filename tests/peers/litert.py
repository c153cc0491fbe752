"""ai-edge-litert's three ways to run a model: reference, optimized and XNNPACK (its default)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

__all__ = ["PATHS", "run_model", "run_tensors"]

#: Name of the path -> resolver; only AUTO lets the XNNPACK delegate take the operator.
PATHS = {
    "reference": OpResolverType.BUILTIN_REF,
    "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "xnnpack": OpResolverType.AUTO,
}


def run_model(model: bytes, inputs: list[npt.NDArray[Any]], path: str) -> npt.NDArray[Any]:
    """Codes of the only output."""
    interpreter = _run(model, inputs, path)
    return np.array(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def run_tensors(
    model: bytes, inputs: list[npt.NDArray[Any]], path: str, tensors: list[int]
) -> list[npt.NDArray[Any]]:
    """Codes of these tensors; XNNPACK keeps none."""
    interpreter = _run(model, inputs, path, experimental_preserve_all_tensors=True)
    return [np.array(interpreter.get_tensor(index)) for index in tensors]


def _run(model: bytes, inputs: list[npt.NDArray[Any]], path: str, **options: Any) -> Any:
    interpreter = Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=PATHS[path], **options
    )
    interpreter.allocate_tensors()
    _check_delegated(interpreter, path)
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter


def _check_delegated(interpreter: Any, path: str) -> None:
    """XNNPACK leaves operators that it cannot do to the others: that would be another witness."""
    names = [op["op_name"] for op in interpreter._get_ops_details()]
    if ("DELEGATE" in names) != (path == "xnnpack"):
        raise AssertionError(f"{path}: operators {names}, XNNPACK's delegate runs on its path only")
