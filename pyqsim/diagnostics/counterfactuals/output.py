"""Output steps: other requantize arithmetic, other numbers for it, another order of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import (
    AddBias,
    AddZeroPoint,
    Clamp,
    Datapath,
    Merge,
    Narrow,
    OutputStep,
    Requantize,
    Scheme,
    Stage,
)
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import (
    Counterfactual,
    Staged,
    changed_machine,
    sites,
)
from pyqsim.errors import DatapathError
from pyqsim.execution import output_of_array
from pyqsim.modes import HALF_UP, SATURATE, WRAP
from pyqsim.parameters import FloatFactor, Multiplier, PowerOfTwoFactor
from pyqsim.requantize import DoubleRounding, FloatScale, SingleRounding

__all__ = ["encodings", "float_arithmetic", "schemes", "step_orders"]

_OF_MULTIPLIERS: tuple[Scheme, ...] = (
    DoubleRounding(),
    DoubleRounding("half_up"),
    SingleRounding(),
)


def _requantize_at(datapath: Datapath) -> int | None:
    kinds = [type(step) for step in datapath.output]
    return kinds.index(Requantize) if Requantize in kinds else None


def schemes(call: Call) -> Iterator[Counterfactual]:
    """Other schemes that take the same parameters; a left shift that leaves 32 bits."""
    for site in sites(call.datapath):
        if not isinstance(site.step, Requantize):
            continue
        own = site.step.scheme
        if isinstance(own, (DoubleRounding, SingleRounding)):
            for other in _OF_MULTIPLIERS:
                if other != own:
                    yield from changed_machine(
                        "requantize scheme",
                        f"{other!r} instead of {own!r}",
                        site.put,
                        Requantize(other),
                    )
        if isinstance(own, SingleRounding):
            for rule in (WRAP, SATURATE):
                stages = (
                    Stage(Narrow(bits=32, overflow=rule), shift="left"),
                    Stage(
                        Narrow(shift=31, rounding=HALF_UP, bits=32), multiplier=True, shift="right"
                    ),
                )
                yield from changed_machine(
                    "left shift overflow",
                    f"x << shift is held in 32 bits, {rule!r}",
                    site.put,
                    Requantize(Staged(stages, 32)),
                )
        if isinstance(own, FloatScale):
            flipped = FloatScale("before" if own.clamp == "after" else "after")
            yield from changed_machine(
                "clamp place",
                f"clamp {flipped.clamp} the rounding instead of {own.clamp}",
                site.put,
                Requantize(flipped),
            )
    if isinstance(call.data.get("requantize"), Multiplier):
        yield Counterfactual(
            "requantize scheme", "float32 scale instead of an integer multiplier", _in_float32
        )


def _in_float32(call: Call) -> npt.NDArray[Any]:
    at, given = _requantize_at(call.datapath), call.data["requantize"]
    assert at is not None
    steps = list(call.datapath.output)
    steps[at] = Requantize(FloatScale())
    scale = np.ldexp(given.multiplier.astype(np.float64), given.shift - 31).astype(np.float32)
    data = {**call.data, "requantize": FloatFactor(scale)}
    return replace(call, datapath=replace(call.datapath, output=tuple(steps)), data=data).run()


def encodings(call: Call) -> Iterator[Counterfactual]:
    """Other numbers for the scheme: one unit more or less, the first channel's for all."""
    given = call.data.get("requantize")
    if isinstance(given, Multiplier):
        for unit in (1, -1):
            yield _with_parameters(f"multiplier {unit:+d}", _multiplier_plus(unit))
        yield _with_parameters(
            "only the upper 16 bits of the multiplier",
            lambda p: Multiplier(p.multiplier >> 16 << 16, p.shift),
        )
    if isinstance(given, (Multiplier, PowerOfTwoFactor)):
        for unit in (1, -1):
            yield _with_parameters(f"shift {unit:+d}", _shift_plus(unit))
    if given is not None:
        yield _with_parameters(
            "the first column's parameters for all", lambda p: p.columns(slice(0, 1), _columns(p))
        )


def _multiplier_plus(unit: int) -> Callable[[Any], Any]:
    return lambda p: Multiplier(p.multiplier + unit, p.shift)


def _shift_plus(unit: int) -> Callable[[Any], Any]:
    return lambda p: replace(p, shift=p.shift + unit)


def _columns(parameters: Any) -> int:
    names = ("multiplier", "shift", "scale")
    shapes = [getattr(parameters, name).shape for name in names if hasattr(parameters, name)]
    return max((shape[-1] for shape in shapes if shape), default=1)


def _with_parameters(detail: str, change: Callable[[Any], Any]) -> Counterfactual:
    def run(call: Call) -> npt.NDArray[Any]:
        data = {**call.data, "requantize": change(call.data["requantize"])}
        return replace(call, data=data).run()

    return Counterfactual("multiplier encoding", detail, run)


def float_arithmetic(call: Call) -> Iterator[Counterfactual]:
    """The float32 scale with another tie, another precision, or after the zero point."""
    at = _requantize_at(call.datapath)
    if at is None:
        return
    step = call.datapath.output[at]
    if not (isinstance(step, Requantize) and isinstance(step.scheme, FloatScale)):
        return
    for cause, detail, scaled in (
        ("tie rule", "roundf (HALF_AWAY) instead of rintf (HALF_EVEN)", _half_away),
        ("missing nudge", "a cast (TOWARD_ZERO) instead of rintf", _cast),
        ("float precision", "float64 instead of float32", _float64),
    ):
        yield Counterfactual(cause, f"FloatScale: {detail}", _float_run(at, scaled))
    if at + 1 < len(call.datapath.output):
        yield Counterfactual(
            "zero point before rounding",
            "FloatScale: rint(F(F(x) * scale) + zero point)",
            _float_run(at, _plus_zero_point, skip=1),
        )


def _product(acc: npt.NDArray[Any], scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(acc.astype(np.float32) * scale, dtype=np.float32)


def _half_away(acc: npt.NDArray[Any], scale: npt.NDArray[Any], _: Any) -> npt.NDArray[Any]:
    product = _product(acc, scale).astype(np.float64)
    return np.asarray(np.copysign(np.floor(np.abs(product) + 0.5), product))


def _cast(acc: npt.NDArray[Any], scale: npt.NDArray[Any], _: Any) -> npt.NDArray[Any]:
    return np.asarray(np.trunc(_product(acc, scale)))


def _float64(acc: npt.NDArray[Any], scale: npt.NDArray[Any], _: Any) -> npt.NDArray[Any]:
    return np.asarray(np.rint(acc.astype(np.float64) * scale.astype(np.float64)))


def _plus_zero_point(acc: npt.NDArray[Any], scale: npt.NDArray[Any], z: Any) -> npt.NDArray[Any]:
    return np.asarray(np.rint(_product(acc, scale) + np.float32(1) * np.asarray(z, np.float32)))


def _float_run(
    at: int, scaled: Callable[..., npt.NDArray[Any]], skip: int = 0
) -> Callable[[Call], npt.NDArray[Any]]:
    """Run the steps before the scale, scale in NumPy, run the steps after it."""

    def run(call: Call) -> npt.NDArray[Any]:
        before, after = call.datapath.output[:at], call.datapath.output[at + 1 + skip :]
        if skip and not isinstance(call.datapath.output[at + 1], AddZeroPoint):
            raise DatapathError("no AddZeroPoint after the scale")
        left = {name: call.data[name] for name in _read_by(before, call) if name in call.data}
        acc = replace(call, datapath=replace(call.datapath, output=before), data=left).run()
        zero_point = call.data.get("out_zero_point", 0)
        value = scaled(acc, np.asarray(call.data["requantize"].scale), zero_point)
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
