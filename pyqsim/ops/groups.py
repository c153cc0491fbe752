"""The groups of channels of a convolution: a plan each, and their results side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Windows
from pyqsim.checks import array_of
from pyqsim.datapath import Datapath, OutputStep, Table, Thresholds
from pyqsim.errors import OverflowTrap, ShapeError
from pyqsim.events import Events
from pyqsim.execution import Operand, Patches
from pyqsim.ops.matmul import Plan, plan
from pyqsim.ops.operands import Matrix
from pyqsim.parameters import columns_of
from pyqsim.tensor import QTensor

__all__ = ["GroupPlans", "WindowsOf"]

#: The windows of some channels of images.
WindowsOf = Callable[[npt.NDArray[Any], slice], Windows]


class GroupPlans:
    """A plan for each group of channels; those after the first are made when they are needed.

    Parameters
    ----------
    weight : QTensor or array_like of int
    taps : ndarray, (KH, KW, C // groups, N)
        The weight's codes.
    datapath : Datapath
    groups : int
        Divides N.
    kernel, isa : str
    """

    def __init__(
        self,
        weight: Matrix,
        taps: npt.NDArray[Any],
        datapath: Datapath,
        groups: int,
        *,
        kernel: str,
        isa: str,
    ) -> None:
        self.count = groups
        self._weight, self._datapath, self._kernel, self._isa = weight, datapath, kernel, isa
        self._taps = taps.copy() if groups > 1 else taps  # a plan owns its weights
        width = taps.shape[3] // groups
        self._columns = [slice(g * width, (g + 1) * width) for g in range(groups)]
        # what is refused of one group is refused of all
        self._first = self._plan_of(self._columns[0])

    @cached_property
    def _plans(self) -> list[Plan]:
        return [self._first, *(self._plan_of(columns) for columns in self._columns[1:])]

    def _plan_of(self, columns: slice) -> Plan:
        return plan(
            self.weight_of(columns),
            _datapath_columns(self._datapath, columns),
            kernel=self._kernel,
            isa=self._isa,
        )

    def weight_of(self, columns: slice) -> Matrix:
        """The taps of some output channels, (KH * KW * C // groups, columns)."""
        return _weight_columns(self._weight, self._taps, columns)

    def run(
        self,
        pixels: Operand,
        images: npt.NDArray[Any],
        windows: WindowsOf,
        events: bool,
        data: dict[str, Any],
    ) -> tuple[npt.NDArray[Any], Events | None]:
        """All groups' results, (..., M, N), and the events where asked for."""
        depth, n = self._taps.shape[2:]
        parts = []
        for group, columns in enumerate(self._columns):
            channels = slice(group * depth, (group + 1) * depth)
            a = replace(pixels, codes=Patches(images[..., channels], windows(images, channels)))
            own = {name: _columns_of_data(value, columns, n) for name, value in data.items()}
            parts.append((self._plans[group], a, own, columns.start))
        results, found = _run_groups(parts, len(self._datapath.reduce), events)
        return results[0] if len(results) == 1 else np.concatenate(results, axis=-1), found

    def explain(self) -> str:
        """Which kernel ran the last call of each group, and why."""
        return "\n".join(one.explain() for one in self._plans)


def _datapath_columns(datapath: Datapath, columns: slice) -> Datapath:
    """The datapath for some output channels: thresholds may have one row a channel."""

    def cut(step: OutputStep) -> OutputStep:
        if isinstance(step, Thresholds) and step.values.values.ndim == 2:
            return Thresholds(Table(step.values.values[columns]))
        return step

    return replace(datapath, output=tuple(cut(step) for step in datapath.output))


def _weight_columns(weight: Matrix, taps: npt.NDArray[Any], columns: slice) -> Matrix:
    codes = taps[..., columns].reshape(prod(taps.shape[:3]), columns.stop - columns.start)
    if not isinstance(weight, QTensor):
        return codes
    if weight.group is not None or weight.axis not in (None, 3):
        raise ShapeError(
            f"weight: axis={weight.axis}, group={weight.group}, allowed: axis 3 or None, no group"
        )
    if weight.axis is None:
        return QTensor(codes, weight.format, weight.scale, weight.zero_point)
    scale, zero_point = weight.scale[..., columns], weight.zero_point[columns]
    return QTensor(codes, weight.format, scale, zero_point, axis=1)


def _columns_of_data(value: Any, columns: slice, n: int) -> Any:
    """Per-channel data of some output channels; everything else as it is."""
    if hasattr(value, "columns"):
        return value if columns == slice(0, n) else value.columns(columns, n)
    if value is None or isinstance(value, (bool, int)):
        return value
    return columns_of(array_of("conv2d", "data", value), columns, n)


def _run_groups(
    parts: list[tuple[Plan, Operand, dict[str, Any], int]], reduce_steps: int, events: bool
) -> tuple[list[npt.NDArray[Any]], Events | None]:
    """Run every group; a trap is raised after all, reduce steps before output steps, by (m, n)."""
    results, found, traps = [], [], []
    for run, a, data, n_first in parts:
        try:
            result, seen = run.run(a, events=events, n_first=n_first, **data)
        except OverflowTrap as trap:
            traps.append(trap)
            continue
        results.append(result)
        found.append(seen)
    if traps:
        raise min(traps, key=lambda trap: (trap.place[0] >= reduce_steps, *trap.place[1:3]))
    seen_by_all = [one for one in found if one is not None]
    return results, Events.beside(seen_by_all) if events else None
