"""The numbers that data decide: bias, multipliers, zero points, as they come with a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.bounds import ZERO, Interval
from pyqsim.checks import integer_array
from pyqsim.datapath import AddZeroPoint, Datapath, Merge, Requantize
from pyqsim.errors import DatapathError, ShapeError
from pyqsim.parameters import Parameters

__all__ = ["CallData", "broadcast", "interval_of"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CallData:
    """Numbers that data decide, as the caller gave them; None: not given."""

    bias: npt.ArrayLike | None = None
    requantize: Parameters | None = None
    out_zero_point: npt.ArrayLike | None = None
    merge: npt.ArrayLike | None = None

    def check_read(self, datapath: Datapath) -> None:
        """Every datum is read by a step, every step finds its data."""
        kinds = {type(step) for step in datapath.output}
        for name, reads, optional in (
            ("bias", datapath.reads_bias, False),
            ("requantize", Requantize in kinds, False),
            ("out_zero_point", AddZeroPoint in kinds, False),
            ("merge", Merge in kinds, True),
        ):
            given = getattr(self, name) is not None
            if given and not reads:
                raise DatapathError(f"{name}: given, but no step of the datapath reads it")
            if reads and not given and not optional:
                raise DatapathError(f"{name}: missing, but a step of the datapath reads it")


def broadcast(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> Ints:
    """View integers as an array of `shape`, int64, or raise `ShapeError`."""
    array = np.ascontiguousarray(integer_array(name, value), dtype=np.int64)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            f"{name}: shape={array.shape}, allowed: what broadcasts to {shape}"
        ) from None


def interval_of(array: npt.NDArray[Any]) -> Interval:
    """Extremes of an array, broadcast axes looked at once; of an empty one 0."""
    if not array.size:
        return ZERO
    own = array[tuple(slice(None if stride else 1) for stride in array.strides)]
    return Interval(int(own.min()), int(own.max()))
