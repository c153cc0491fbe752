"""What the register of one reduce step needs, and an input that shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pyqsim.bounds import Interval
from pyqsim.datapath import Accumulate, ReduceStep
from pyqsim.diagnostics.extremes import Layer
from pyqsim.diagnostics.published_bounds import signed_bits
from pyqsim.events import Place
from pyqsim.modes import SATURATE, OverflowRule

__all__ = ["StepHeadroom", "Witness", "step_headroom", "witness_of"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Witness:
    """An input that overflows a register, found by running it in the reference.

    Attributes
    ----------
    step, n : int
        The reduce step, and the column of the weights.
    bits : int
        The register that is too narrow.
    codes : tuple of int
        The input, K codes.
    place : tuple of int
        (step, m, n, k) of the first overflow; m is 0.
    seen : int
        The value furthest outside that the range rule saw.
    """

    step: int
    n: int
    bits: int
    codes: tuple[int, ...]
    place: Place
    seen: int


@dataclass(frozen=True, eq=False, slots=True)
class StepHeadroom:
    """What the register of one reduce step needs; arrays are (chains, N).

    Attributes
    ----------
    step : int
    name : str
        Class of the step.
    given : int or None
        Its width in the datapath; None: exact.
    minimum, maximum : ndarray of int64
        Everything that its range rule may see, all other registers as they are.
    bits : ndarray of int64
        The smallest width that never overflows; 0: none does (an unsigned register and a negative
        sum).
    exact : ndarray of bool
        Whether `minimum` and `maximum` are seen, so that one bit less overflows; else they are
        bounds by interval arithmetic: a register before this one wraps, or a rounding is random.
    """

    step: int
    name: str
    given: int | None
    minimum: Ints
    maximum: Ints
    bits: Ints
    exact: npt.NDArray[np.bool_]

    @property
    def needed(self) -> int:
        """The width for all columns; 0: none."""
        if self.bits.size == 0:
            return 2
        return 0 if (self.bits == 0).any() else int(self.bits.max())

    @property
    def proven(self) -> bool:
        """Whether the given register never overflows."""
        return self.given is None or 0 < self.needed <= self.given


def step_headroom(
    layer: Layer, number: int, step: ReduceStep, shape: tuple[int, int]
) -> StepHeadroom:
    """Every value that a step's range rule may see, and the width that holds them."""
    seen = [chain.seen(number) for chain in layer.chains]
    low = [[one.interval.low for one in row] for row in seen]
    high = [[one.interval.high for one in row] for row in seen]
    bits = [[_width(step, one.interval) for one in row] for row in seen]
    return StepHeadroom(
        step=number,
        name=type(step).__name__,
        given=step.bits,
        minimum=np.array(low, dtype=np.int64).reshape(shape),
        maximum=np.array(high, dtype=np.int64).reshape(shape),
        bits=np.array(bits, dtype=np.int64).reshape(shape),
        exact=np.array([[one.exact for one in row] for row in seen], dtype=bool).reshape(shape),
    )


def _width(step: ReduceStep, interval: Interval) -> int:
    """Smallest register of the step's signedness and rule; 0: none."""
    if step.bits is not None and not step.signed:
        return 0 if interval.low < 0 else max(interval.high.bit_length(), 1)
    symmetric = step.overflow.rule is OverflowRule.SATURATE_SYMMETRIC and step.bits is not None
    return signed_bits(interval, symmetric=symmetric)


def witness_of(layer: Layer, chain: int, own: StepHeadroom, n: int) -> Witness | None:
    """Run the extreme inputs on a register of one bit less."""
    extremes, bits = layer.chains[chain], int(own.bits[chain, n]) - 1
    step = layer.datapath.reduce[own.step]
    if bits < (2 if step.signed or step.bits is None else 1):
        return None
    narrow = replace(step, bits=bits)
    if isinstance(narrow, Accumulate) and narrow.start == "bias":
        held = narrow.register
        assert held.minimum is not None
        assert held.maximum is not None
        if not held.minimum <= extremes.bias(n) <= held.maximum:
            return None
    if step.overflow.rule is OverflowRule.TRAP:
        narrow = replace(narrow, overflow=SATURATE)
    steps = list(layer.datapath.reduce)
    steps[own.step] = narrow
    program = extremes.program(tuple(steps))
    for high in (True, False):
        x = (extremes.high_x if high else extremes.low_x)[n]
        records = extremes.trace(program, n, x).records
        sums = records[(records["step"] == own.step) & (records["spill"] == 0)]
        seen = sums["seen_low"].view(np.int64)
        outside = np.flatnonzero((seen != sums["after"]) & (sums["acted"] != 0))
        if not len(outside):
            continue
        codes = np.concatenate(
            [one.codes(n, high=high) for one in layer.chains if one.place[:2] == extremes.place[:2]]
        )
        k = extremes.k_of(int(sums["position"][outside].min()))
        furthest = max(seen[outside].tolist(), key=abs)
        return Witness(own.step, n, bits, tuple(codes.tolist()), (own.step, 0, n, k), furthest)
    return None
