"""The float32 scale done otherwise: another tie, another precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddBias, AddZeroPoint, Datapath, Merge, OutputStep, Requantize
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import Counterfactual
from pyqsim.execution import output_of_array
from pyqsim.parameters import FloatFactor
from pyqsim.requantize import FloatScale

__all__ = ["float_arithmetic"]


def float_arithmetic(call: Call) -> Iterator[Counterfactual]:
    """The float32 scale with another tie or another precision."""
    scales = [
        index
        for index, step in enumerate(call.datapath.output)
        if isinstance(step, Requantize) and step.scheme in (FloatScale(), FloatScale("before"))
    ]
    if not scales or not isinstance(call.data.get("requantize"), FloatFactor):
        return
    (at,) = scales
    for cause, detail, scaled in (
        ("tie rule", "roundf (HALF_AWAY) instead of rintf (HALF_EVEN)", _half_away),
        ("missing nudge", "a cast (TOWARD_ZERO) instead of rintf", _cast),
        ("float precision", "float64 instead of float32", _float64),
    ):
        yield Counterfactual(cause, f"FloatScale: {detail}", _float_run(at, scaled))


def _product(acc: npt.NDArray[Any], scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(acc.astype(np.float32) * scale, dtype=np.float32)


def _half_away(acc: npt.NDArray[Any], scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    product = _product(acc, scale).astype(np.float64)
    return np.asarray(np.copysign(np.floor(np.abs(product) + 0.5), product))


def _cast(acc: npt.NDArray[Any], scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(np.trunc(_product(acc, scale)))


def _float64(acc: npt.NDArray[Any], scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(np.rint(acc.astype(np.float64) * scale.astype(np.float64)))


def _float_run(
    at: int, scaled: Callable[..., npt.NDArray[Any]]
) -> Callable[[Call], npt.NDArray[Any]]:
    """Run the steps before the scale, scale in NumPy, run the steps after it."""

    def run(call: Call) -> npt.NDArray[Any]:
        before, after = call.datapath.output[:at], call.datapath.output[at + 1 :]
        left = {name: call.data[name] for name in _read_by(before, call) if name in call.data}
        acc = replace(call, datapath=replace(call.datapath, output=before), data=left).run()
        value = scaled(acc, np.asarray(call.data["requantize"].scale))
        value = np.clip(value, -(2.0**31), 2.0**31 - 1).astype(np.int64)
        right = {name: call.data[name] for name in _read_by(after, None)}
        return output_of_array(value, after, **right)

    return run


def _read_by(steps: tuple[OutputStep, ...], call: Call | None) -> list[str]:
    """Names of the data that these steps (and, with a call, its reduce steps) read."""
    names = []
    kinds = {type(step) for step in steps}
    if AddBias in kinds or (call and Datapath(reduce=call.datapath.reduce).reads_bias):
        names.append("bias")
    if AddZeroPoint in kinds:
        names.append("out_zero_point")
    if Merge in kinds:
        names.append("merge")
    return names
