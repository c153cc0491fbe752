"""Why two machines' sums differ: one register at a time is made exact until they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, Narrow, ReduceStep
from pyqsim.diagnostics.target_machine import TargetMachine
from pyqsim.errors import PyqsimError
from pyqsim.modes import WRAP, OverflowRule
from pyqsim.targets import Target

__all__ = ["sum_causes"]


def sum_causes(
    first: TargetMachine, second: TargetMachine, explained: npt.NDArray[np.bool_]
) -> Counter[str]:
    """How many of some outputs each register explains, in either machine; then all of them."""
    causes: Counter[str] = Counter()
    left = explained.copy()
    for changed, other in ((second, first), (first, second)):
        for steps in _registers(changed.target.datapath.reduce):
            reduce = [
                _exact(step) if index in steps else step
                for index, step in enumerate(changed.target.datapath.reduce)
            ]
            try:
                sums = changed.sums(tuple(reduce))
            except PyqsimError:
                continue
            found = left & (sums == other.accumulators)
            if found.any():
                causes[_register_cause(changed.target, steps)] += int(found.sum())
                left &= ~found
    if left.any():
        causes["registers of both sums, or their order"] += int(left.sum())
    return causes


def _exact(step: ReduceStep) -> ReduceStep:
    """The step with a register that holds everything, and without rounding."""
    if isinstance(step, Accumulate):
        return replace(step, bits=None, overflow=WRAP, signed=True)
    if isinstance(step, Narrow):
        return Narrow(step.shift, step.multiplier, step.divisor, step.rounding)
    return step


def _registers(reduce: tuple[ReduceStep, ...]) -> list[tuple[int, ...]]:
    """Every step with a register, then all of them."""
    limited = tuple(i for i, step in enumerate(reduce) if _exact(step) != step)
    return [(i,) for i in limited] + ([limited] if len(limited) > 1 else [])


def _register_cause(target: Target, steps: tuple[int, ...]) -> str:
    rules = {target.datapath.reduce[index].overflow.rule for index in steps}
    wraps = rules <= {OverflowRule.WRAP, OverflowRule.SIGN_MAGNITUDE_WRAP}
    word = "wrap" if wraps else "saturation"
    if len(steps) > 1:
        return f"{word}: {target.name}, sum steps {', '.join(map(str, steps))} together"
    return (
        f"{word}: {target.name}, sum step {steps[0]}, {target.datapath.reduce[steps[0]].bits} bits"
    )
