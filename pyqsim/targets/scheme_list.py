"""The requantize schemes that a device may turn out to use, by the expression that makes them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

from pyqsim import requantize
from pyqsim.modes import ROUNDINGS

__all__ = ["SCHEMES", "AnyScheme"]


class AnyScheme(Protocol):
    """What a scheme can do."""

    def encode(self, real_scale: npt.ArrayLike) -> Any:
        """From a real factor to parameters."""

    def apply(
        self,
        acc: npt.ArrayLike,
        parameters: Any,
        *,
        zero_point: npt.ArrayLike | None = None,
        clamp: tuple[int, int] | None = None,
    ) -> npt.NDArray[Any]:
        """From accumulators to codes."""


def _schemes() -> dict[str, AnyScheme]:
    found: dict[str, AnyScheme] = {
        "DoubleRounding()": requantize.DoubleRounding(),
        "DoubleRounding('half_up')": requantize.DoubleRounding("half_up"),
        "SingleRounding()": requantize.SingleRounding(),
        "FloatScale()": requantize.FloatScale(),
        "FloatScale('before')": requantize.FloatScale("before"),
    }
    for rounding in ROUNDINGS:
        name = (rounding.name or "").lower()
        found[f"ShiftOnly({name!r})"] = requantize.ShiftOnly(rounding)
    return found


SCHEMES: dict[str, AnyScheme] = _schemes()
