"""Chains whose sums int32 does not hold: one matrix product in int64 lanes, and why it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeGuard

import numpy as np
import numpy.typing as npt

from pyqsim import bounds
from pyqsim._native import Wide, WideForm
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import Accumulate, Datapath, ReduceStep, Register
from pyqsim.execution.certificates import Columns, holds, linear_sum
from pyqsim.execution.chain_kernel import ChainKernel
from pyqsim.execution.groups import CLAMPING
from pyqsim.execution.operand import Operand
from pyqsim.execution.telemetry import Chain

__all__ = ["ChainWide", "wide_form"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChainWide(ChainKernel):
    """A chain as a product in int64 lanes, and what its sums start from."""

    wide: Wide
    start: Ints
    subtracts: bool  # a's zero points

    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.int64)

    @property
    def explanation(self) -> str:
        """The kernel, its instruction set and the proof."""
        return f"gemm, {self.wide.name}: {self.reason}"

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.wide.shape

    @property
    def is_ordered(self) -> bool:
        """Whether sums saturate on the way."""
        return self.wide.form.group > 0

    def run(self, a: Operand, chain: Chain, rows: slice, out: Ints) -> None:
        """The values of some rows of a, into out."""
        integers = a.integers(chain.a_plane, rows, chain.ks)
        zero_point = a.zero_point(chain.group, rows) if self.subtracts else None
        if zero_point is not None:
            integers = integers - zero_point[:, None]
        self.wide.run(integers, out, self.start)


def wide_form(
    datapath: Datapath, columns: Columns, a: Interval, bias: Interval
) -> tuple[WideForm, str] | str:
    """The form that computes a chain of exact products, and why it may; or why none does.

    Parameters
    ----------
    datapath : Datapath
    columns : Columns
    a : Interval
        Zero point subtracted, where the product does that.
    bias : Interval
    """
    if datapath.order is not None:
        return "k does not ascend"
    if not a.fits(32) or not columns.interval.fits(32):
        return "int32 does not hold both operands"
    linear = linear_sum(datapath.reduce, lambda: columns.subset_sums(a), bias, word=64)
    if linear is not None:
        bits = linear.register.bits
        if bits is None and not bounds.add(columns.subset_sums(a), bias).fits(64):
            return "int64 does not hold the sum"
        return WideForm(bits=bits or 64, signed=linear.register.signed), linear.reason
    steps = [step for step in datapath.reduce if _is_plain(step)]
    if len(steps) < len(datapath.reduce) or len(steps) > 2:
        return "neither one exact sum nor one saturating accumulator of terms or of exact groups"
    term, k = bounds.scale(a, columns.interval).hull(ZERO), columns.integers.shape[1]
    if len(steps) == 1:
        return _clamping(steps[0], term, 1, "one accumulator saturates at every addition")
    length = min(steps[0].group or k, k)
    if not holds(steps[0].register, bounds.times(term, length)) or steps[0].start == "bias":
        return "a group is not proven to be an exact sum from 0"
    reason = f"groups of {length} are exact, and their sum saturates"
    return _clamping(steps[1], bounds.times(term, length), length, reason)


def _clamping(
    step: Accumulate, terms: Interval, group: int, reason: str
) -> tuple[WideForm, str] | str:
    """One accumulator that saturates after every group of products, which sum up to `terms`."""
    low, high = _rails(step.register)
    if step.overflow.rule not in CLAMPING or not bounds.add(Interval(low, high), terms).fits(64):
        return "int64 does not hold a sum before it saturates, or it does not saturate"
    return WideForm(group, low, high), reason


def _rails(register: Register) -> tuple[int, int]:
    low, high = register.minimum, register.maximum
    return (0, 0) if low is None or high is None else (low, high)


def _is_plain(step: ReduceStep) -> TypeGuard[Accumulate]:
    return isinstance(step, Accumulate) and not step.spill and step.interleave == 1
