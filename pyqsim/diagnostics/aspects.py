"""In what two calls differ, aspect by aspect, and the call with only that one changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from pyqsim.datapath import CorrectZeroPoints, Datapath, Multiply
from pyqsim.diagnostics.call import Call, codes_of
from pyqsim.parameters import Multiplier

__all__ = ["Aspect", "aspects"]

_FIELDS = {
    "rounding": "tie rule",
    "overflow": "overflow rule",
    "bits": "register width",
    "signed": "register width",
    "group": "order",
    "interleave": "order",
    "spill": "order",
    "start": "bias placement",
    "shift": "scale",
    "multiplier": "scale",
    "divisor": "scale",
    "scheme": "requantize scheme",
}
_SAME_FACTOR = 2.0**-14  # encodings of one real factor differ by less


@dataclass(frozen=True, eq=False, slots=True)
class Aspect:
    """One difference between two calls.

    Attributes
    ----------
    name : str
        Of a small vocabulary: "tie rule", "overflow rule", "register width", "order",
        "zero-point placement", "multiplier encoding", "scale", ...
    detail : str
        Where, and what instead of what.
    changed : Call
        The first call with the second one's aspect.
    """

    name: str
    detail: str
    changed: Call

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


def aspects(x: Call, y: Call) -> Iterator[Aspect]:
    """Everything in which y differs from x, one change at a time."""
    for name in ("a", "b"):
        if not _same_operand(getattr(x, name), getattr(y, name)):
            changed: dict[str, Any] = {name: getattr(y, name)}
            yield Aspect("operands", f"other {name}", replace(x, **changed))
    for label, detail, datapath in _machines(x.datapath, y.datapath):
        yield Aspect(label, detail, replace(x, datapath=datapath))
    for name in sorted({*x.data, *y.data}):
        mine, other = x.data.get(name), y.data.get(name)
        if not _same_data(mine, other):
            data = {**x.data, name: other}
            detail = f"{name} {other!r} instead of {mine!r}"
            yield Aspect(_data_label(name, mine, other), detail, replace(x, data=data))


def _same_operand(x: Any, y: Any) -> bool:
    return (
        type(x) is type(y)
        and np.array_equal(codes_of(x), codes_of(y))
        and (
            not hasattr(x, "format")
            or (x.format == y.format and np.array_equal(x.zero_point, y.zero_point))
        )
    )


def _same_data(x: Any, y: Any) -> bool:
    if x is None or y is None or type(x) is not type(y):
        return x is y
    if hasattr(x, "__dataclass_fields__"):
        return all(np.array_equal(getattr(x, f.name), getattr(y, f.name)) for f in fields(x))
    return bool(np.array_equal(x, y))


def _data_label(name: str, x: Any, y: Any) -> str:
    if name != "requantize":
        return name
    if isinstance(x, Multiplier) and isinstance(y, Multiplier):
        mine, other = (np.ldexp(one.multiplier.astype(float), one.shift) for one in (x, y))
        if np.allclose(mine, other, rtol=_SAME_FACTOR, atol=0):
            return "multiplier encoding"
    return "scale"


def _machines(x: Datapath, y: Datapath) -> Iterator[tuple[str, str, Datapath]]:
    if x.order != y.order:
        yield "order", "another order of the terms", replace(x, order=y.order)
    if x.product != y.product:
        yield _product(x, y)
    for name in ("reduce", "output"):
        yield from _steps(name, x, y)


def _product(x: Datapath, y: Datapath) -> tuple[str, str, Datapath]:
    """Zero points folded or subtracted: the correction comes or goes with them."""
    detail = f"{y.product!r} instead of {x.product!r}"
    if not (isinstance(x.product, Multiply) and isinstance(y.product, Multiply)):
        return "product", detail, replace(x, product=y.product)
    corrections = tuple(step for step in y.output if isinstance(step, CorrectZeroPoints))
    others = tuple(step for step in x.output if not isinstance(step, CorrectZeroPoints))
    changed = replace(x, product=y.product, output=(*corrections, *others))
    return "zero-point placement", detail, changed


def _steps(name: str, x: Datapath, y: Datapath) -> Iterator[tuple[str, str, Datapath]]:
    mine, other = getattr(x, name), getattr(y, name)
    if x.product != y.product:
        mine, other = (
            tuple(step for step in steps if not isinstance(step, CorrectZeroPoints))
            for steps in (mine, other)
        )
    if mine == other:
        return
    if [type(step) for step in mine] != [type(step) for step in other]:
        label = "order" if name == "reduce" else "output steps"
        whole: dict[str, Any] = {name: getattr(y, name)}
        yield label, f"other {name} steps", replace(x, **whole)
        return
    before = len(getattr(x, name)) - len(mine)  # a correction that is not compared
    for index, (step, target) in enumerate(zip(mine, other, strict=True)):
        for field in fields(step):
            new = getattr(target, field.name)
            if new == getattr(step, field.name):
                continue
            steps = list(getattr(x, name))
            steps[before + index] = replace(step, **{field.name: new})
            detail = f"{name} step {before + index} ({type(step).__name__}): {field.name}={new!r} "
            detail += f"instead of {getattr(step, field.name)!r}"
            one: dict[str, Any] = {name: tuple(steps)}
            yield _FIELDS.get(field.name, field.name), detail, replace(x, **one)
