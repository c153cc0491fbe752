"""Arguments of strategies: what cannot be drawn raises `InvalidArgument` with name and bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis.errors import InvalidArgument

from pyqsim.datapath import Accumulate, AccumulateLogs, AddLogs, Datapath, Lookup
from pyqsim.formats import Format
from pyqsim.testing.random_operands import limits_of

__all__ = ["check_between", "check_datapath", "check_members", "check_type", "operand_kind"]


def check_type(name: str, value: object, kind: type, allowed: str) -> None:
    """Raise unless a value is of a class."""
    if not isinstance(value, kind):
        raise InvalidArgument(f"{name}={value!r}, allowed: {allowed}")


def check_between(name: str, value: object, low: int, high: int) -> None:
    """Raise unless a value is an int in ``low..high``."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidArgument(f"{name}={value!r}, allowed: an int in {low}..{high}")


def check_members(name: str, values: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    """A non-empty sequence of words, each an allowed one."""
    words = tuple(values) if isinstance(values, (tuple, list)) else ()
    if not words or any(word not in allowed for word in words):
        raise InvalidArgument(f"{name}={values!r}, allowed: a sequence of {', '.join(allowed)}")
    return words


def operand_kind(name: str, value: Any) -> Any:
    """A format, or an integer dtype."""
    if isinstance(value, Format):
        return value
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(float)
    if dtype.kind not in "iu":
        raise InvalidArgument(f"{name}={value!r}, allowed: a Format or an integer dtype")
    return dtype


def check_datapath(datapath: Datapath, kinds: Sequence[Any], group: int | None) -> None:
    """Raise for a datapath that `layers` cannot draw operands for."""
    sums = (
        isinstance(step, (Accumulate, AccumulateLogs))
        and (step.group is None or getattr(step, "spill", ()))
        for step in datapath.reduce
    )
    if not any(sums):
        raise InvalidArgument(
            f"datapath: reduce={datapath.reduce!r}, allowed: an Accumulate without group, or with "
            "spill, among them"
        )
    if group is not None and datapath.order is not None:
        raise InvalidArgument(f"group={group} with an order, allowed: a datapath without order")
    for name, kind, size in zip("ab", kinds, _code_counts(datapath), strict=True):
        low, high = limits_of(kind)
        patterns = high - low + 1 if isinstance(kind, Format) else high + 1
        if size is not None and (patterns > size or (low < 0 and not isinstance(kind, Format))):
            raise InvalidArgument(f"{name}={kind!r}, allowed: codes 0..{size - 1} of the Lookup")
        if isinstance(datapath.product, AddLogs) and not _has_one_power(kind):
            raise InvalidArgument(
                f"{name}={kind!r}, allowed with AddLogs: a format whose integers are 0 or one "
                "power of two"
            )


def _code_counts(datapath: Datapath) -> tuple[int | None, int | None]:
    """How many codes of a and of b the product knows; None: any."""
    if not isinstance(datapath.product, Lookup):
        return None, None
    rows, columns = datapath.product.table.values.shape[-2:]
    return rows, columns


def _has_one_power(kind: Any) -> bool:
    if not isinstance(kind, Format) or not kind.shifts:
        return False
    magnitudes = np.abs(kind.integers())
    return bool((magnitudes & (magnitudes - 1) == 0).all())
