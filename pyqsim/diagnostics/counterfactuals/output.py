"""The output steps in another order, left out, with other limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddZeroPoint, Clamp, Datapath, Narrow, OutputStep, Requantize
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import Counterfactual, changed_machine, sites
from pyqsim.errors import DatapathError
from pyqsim.requantize import Staged

__all__ = ["step_orders"]


def step_orders(call: Call) -> Iterator[Counterfactual]:
    """Neighbours swapped, steps left out, limits one off, the zero point before the rounding."""
    datapath = _in_int64(call.datapath)
    steps = datapath.output
    for index, (first, second) in enumerate(pairwise(steps)):
        names = f"{type(second).__name__} before {type(first).__name__}"
        swapped = (*steps[:index], second, first, *steps[index + 2 :])
        cause = "clamp place" if isinstance(second, Clamp) else "output order"
        yield from changed_machine(cause, names, replace, datapath, output=swapped)
        if isinstance(first, Narrow) and isinstance(second, AddZeroPoint) and first.shift > 0:
            yield _zero_point_first(swapped, first.shift)
        if isinstance(first, Requantize) and isinstance(second, AddZeroPoint):
            yield from _zero_point_in_stage(call, index)
    for site in sites(datapath):
        step = site.step
        if isinstance(step, Clamp):
            yield from changed_machine("clamp limits", f"{site.where} does not happen", site.put)
            for low, high in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                yield from changed_machine(
                    "clamp limits",
                    f"{site.where}: min {low:+d}, max {high:+d}",
                    site.with_fields,
                    min=step.min + low,
                    max=step.max + high,
                )
        elif isinstance(step, AddZeroPoint):
            yield Counterfactual("zero point ignored", "output zero point", _without_zero_point)
        elif isinstance(step, Narrow) and site.where.startswith("output"):
            yield from changed_machine("missing step", f"{site.where} does not happen", site.put)


def _in_int64(datapath: Datapath) -> Datapath:
    """Zero points added exactly and held in int64: a sum without its Clamp needs more than 32."""
    output = tuple(
        replace(step, bits=64) if isinstance(step, AddZeroPoint) and step.bits is None else step
        for step in datapath.output
    )
    return replace(datapath, output=output)


def _without_zero_point(call: Call) -> npt.NDArray[Any]:
    return replace(call, data={**call.data, "out_zero_point": 0}).run()


def _zero_point_first(steps: tuple[OutputStep, ...], shift: int) -> Counterfactual:
    def run(call: Call) -> npt.NDArray[Any]:
        zero_point = np.asarray(call.data["out_zero_point"], dtype=np.int64) << shift
        return replace(
            call,
            datapath=replace(call.datapath, output=steps),
            data={**call.data, "out_zero_point": zero_point},
        ).run()

    return Counterfactual(
        "zero point before rounding", f"zero point << {shift} is added before the rounding", run
    )


def _zero_point_in_stage(call: Call, at: int) -> Iterator[Counterfactual]:
    """The zero point added before the last rounding right shift of a scheme of stages."""
    scheme = call.datapath.output[at]
    assert isinstance(scheme, Requantize)
    stages = scheme.scheme.stages
    if stages is None or stages[-1].shift not in ("right", "all"):
        return

    def run(call: Call) -> npt.NDArray[Any]:
        parameters = call.data["requantize"]
        shifts = np.unique(parameters.shift)
        if shifts.size != 1 or stages[-1].multiplier:
            raise DatapathError("shifts differ, allowed: one")
        right = stages[-1].narrow.shift + max(-int(shifts[0]), 0)
        last = replace(stages[-1].narrow, shift=right)
        head: tuple[OutputStep, ...] = ()
        if len(stages) > 1:
            head = (Requantize(Staged(stages[:-1], scheme.scheme.input_bits)),)
        output = call.datapath.output
        steps = (*output[:at], *head, AddZeroPoint(), last, *output[at + 2 :])
        data = dict(call.data)
        data["out_zero_point"] = np.asarray(data["out_zero_point"], dtype=np.int64) << right
        if not head:
            del data["requantize"]
        return replace(call, datapath=replace(call.datapath, output=steps), data=data).run()

    yield Counterfactual(
        "zero point before rounding", "the zero point is added before the last right shift", run
    )
