"""Other requantize arithmetic, and other numbers for the same arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Datapath, Narrow, Requantize, Stage
from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals.sites import Counterfactual, Site, changed_machine, sites
from pyqsim.errors import DatapathError
from pyqsim.modes import HALF_UP, SATURATE, WRAP
from pyqsim.parameters import Multiplier, Parameters, PowerOfTwoFactor
from pyqsim.requantize import (
    FloatScale,
    SchemeBase,
    ShiftOnly,
    SingleRounding,
    Staged,
    registered,
)

__all__ = ["encoded_schemes", "encodings", "schemes"]


def schemes(call: Call) -> Iterator[Counterfactual]:
    """Every other scheme that takes the same parameters; a left shift that leaves 32 bits.

    Of a shift, another rounding is the closer name: its other schemes come with `encoded_schemes`.
    """
    for site, name, other in _others(call):
        own = site.step.scheme
        if isinstance(own, ShiftOnly) or not _takes(other, call.data["requantize"]):
            continue
        cause, detail = "requantize scheme", f"{other!r} ({name}) instead of {own!r}"
        if isinstance(own, FloatScale) and isinstance(other, FloatScale):
            cause, detail = _other_place(own, other)
        yield from changed_machine(cause, detail, site.put, Requantize(other))
    for site in sites(call.datapath):
        if isinstance(site.step, Requantize) and isinstance(site.step.scheme, SingleRounding):
            yield from _held_in_32_bits(site.put)


def _other_place(own: FloatScale, other: FloatScale) -> tuple[str, str]:
    """Cause and detail where the clamp or the zero point is on the other side of the rounding."""
    if own.zero_point != other.zero_point:
        detail = "FloatScale: rint(F(F(x) * scale) + zero point)"
        return f"zero point {other.zero_point} rounding", detail
    return "clamp place", f"clamp {other.clamp} the rounding instead of {own.clamp}"


def encoded_schemes(call: Call) -> Iterator[Counterfactual]:
    """Every scheme that takes other parameters, with what it encodes of the same real factor."""
    for site, name, other in _others(call):
        if not isinstance(site.step.scheme, ShiftOnly) and _takes(other, call.data["requantize"]):
            continue

        def run(call: Call, site: Site = site, other: SchemeBase = other) -> npt.NDArray[Any]:
            given = call.data["requantize"]
            if np.any(getattr(given, "offset", 0)):
                raise DatapathError("offset: allowed: 0 for a scheme without")
            if not _takes(other, given):
                given = other.encode(given.real_scale)
            data = {**call.data, "requantize": given}
            return replace(call, datapath=site.put(Requantize(other)), data=data).run()

        detail = f"{other!r} ({name}) instead of {site.step.scheme!r}"
        yield Counterfactual("requantize scheme", detail, run)


def _others(call: Call) -> Iterator[tuple[Site, str, SchemeBase]]:
    """Where there is a scheme, every other one of the library.

    Another `ShiftOnly` is no other scheme: its stage's rounding and width are aspects of their own.
    """
    for site in sites(call.datapath):
        if isinstance(site.step, Requantize):
            own = site.step.scheme
            for name, other in registered().items():
                only_shifts = isinstance(own, ShiftOnly) and isinstance(other, ShiftOnly)
                if other != own and not only_shifts:
                    yield site, name, other


def _takes(scheme: SchemeBase, given: Parameters) -> bool:
    return isinstance(given, type(scheme.encode(0.5)))


def _held_in_32_bits(put: Callable[..., Datapath]) -> Iterator[Counterfactual]:
    for rule in (WRAP, SATURATE):
        stages = (
            Stage(Narrow(bits=32, overflow=rule), shift="left"),
            Stage(Narrow(shift=31, rounding=HALF_UP, bits=32), multiplier=True, shift="right"),
        )
        yield from changed_machine(
            "left shift overflow",
            f"x << shift is held in 32 bits, {rule!r}",
            put,
            Requantize(Staged(stages, 32)),
        )


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
