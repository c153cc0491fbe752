"""Arguments of strategies: what cannot be drawn raises `InvalidArgument` with name and bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis.errors import InvalidArgument

from pyqsim.datapath import Accumulate, AccumulateLogs, Datapath, Lookup
from pyqsim.formats import Format

__all__ = ["check_between", "check_datapath", "check_members", "check_type", "operand_kind"]


def check_type(name: str, value: object, kind: type, allowed: str) -> None:
    """Raise unless a value is of a class."""
    if not isinstance(value, kind):
        raise InvalidArgument(f"{name}={value!r}, allowed: {allowed}")


def check_between(name: str, value: object, low: int, high: int) -> None:
    """Raise unless a value is an int in ``low..high``."""
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int or not low <= value <= high:  # type: ignore[operator]
        raise InvalidArgument(f"{name}={value!r}, allowed: an int in {low}..{high}")


def check_members(name: str, values: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    """A non-empty sequence of words, each an allowed one."""
    words = tuple(values) if isinstance(values, (tuple, list)) else ()
    if not words or any(word not in allowed for word in words):
        raise InvalidArgument(f"{name}={values!r}, allowed: a sequence of {', '.join(allowed)}")
    return words


def operand_kind(name: str, value: Any) -> Any:
    """A format of one plane, or an integer dtype."""
    if isinstance(value, Format):
        if value.planes > 1:
            raise InvalidArgument(f"{name}={value!r}: planes={value.planes}, allowed: 1")
        return value
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(float)
    if dtype.kind not in "iu":
        raise InvalidArgument(f"{name}={value!r}, allowed: a Format or an integer dtype")
    return dtype


def check_datapath(datapath: Datapath) -> None:
    """Raise for a datapath that `layers` cannot draw operands for."""
    check_type("datapath", datapath, Datapath, "a Datapath")
    if isinstance(datapath.product, Lookup):
        raise InvalidArgument("datapath: product Lookup, allowed: Multiply, Shift")
    if any(isinstance(step, AccumulateLogs) for step in datapath.reduce):
        raise InvalidArgument("datapath: AccumulateLogs, allowed: Narrow, Accumulate")
    if not any(
        isinstance(step, Accumulate) and (step.group is None or step.spill)
        for step in datapath.reduce
    ):
        raise InvalidArgument(
            f"datapath: reduce={datapath.reduce!r}, allowed: an Accumulate without group, or with "
            "spill, among them"
        )
