"""The output steps: from the chains' values of one output to its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from pyqsim.datapath import (
    AddBias,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    FromLogs,
    Lookup,
    Merge,
    Narrow,
    OutputStep,
    Register,
    Requantize,
    Scheme,
    Stage,
    Thresholds,
)
from pyqsim.errors import AccumulatorRangeError, CodeError, DatapathError, OverflowTrap
from pyqsim.modes import Overflow, OverflowRule
from pyqsim.testing.oracle.narrowing import narrowed
from pyqsim.testing.oracle.philox import random_word
from pyqsim.testing.oracle.registers import apply_register
from pyqsim.testing.oracle.schemes import (
    FORMULAS,
    Factors,
    FloatNumbers,
    double_scale,
    float_scale,
    shifted,
)

__all__ = ["OutputData", "Outputs"]


@dataclass(frozen=True)
class OutputData:
    """What the call gives one output (m, n)."""

    bias: int
    out_zero_point: int
    multiplier: int
    shift: int
    offset: int
    scale: Fraction
    floats: FloatNumbers
    corrections: list[int]  # one a chain
    merge: list[int]  # one a chain


@dataclass(frozen=True)
class Outputs:
    """The output steps at one output.

    Attributes
    ----------
    steps : sequence of output steps
    first_number : int
        Step number of the first one: how many reduce steps there are.
    m, n : int
    data : OutputData
    """

    steps: Sequence[OutputStep]
    first_number: int
    m: int
    n: int
    data: OutputData

    def run(self, values: list[int]) -> list[int]:
        """Run the steps on one value a chain; Merge makes one of them all."""
        merges = [i for i, step in enumerate(self.steps) if isinstance(step, Merge)]
        before = merges[0] if merges else len(self.steps)
        values = [
            self._run_steps(value, chain, range(before)) for chain, value in enumerate(values)
        ]
        if merges:
            merged = self._merge(values, before)
            return [self._run_steps(merged, 0, range(before + 1, len(self.steps)))]
        return values

    def _run_steps(self, value: int, chain: int, indices: range) -> int:
        for index in indices:
            value = self._run_step(value, chain, index)
        return value

    def _run_step(self, value: int, chain: int, index: int) -> int:
        step = self.steps[index]
        if isinstance(step, CorrectZeroPoints):
            return self._add(value, self.data.corrections[chain], step, index)
        if isinstance(step, AddBias):
            return self._add(value, self.data.bias, step, index)
        if isinstance(step, AddZeroPoint):
            return self._add(value, self.data.out_zero_point, step, index)
        if isinstance(step, Narrow):
            return self._narrow(value, step, index)
        if isinstance(step, Requantize):
            return self._requantize(value, step.scheme, index)
        if isinstance(step, FromLogs):
            return _from_logs(value, step)
        if isinstance(step, Clamp):
            return min(max(value, step.min), step.max)
        if isinstance(step, Lookup):
            return _look_up(value, step)
        assert isinstance(step, Thresholds)
        return self._count_thresholds(value, step)

    def _check_trap(self, overflowed: bool, overflow: Overflow, index: int) -> None:
        if overflowed and overflow.rule is OverflowRule.TRAP:
            place = (self.first_number + index, self.m, self.n, -1)
            raise OverflowTrap(place, type(self.steps[index]).__name__)

    def _add(
        self,
        value: int,
        addend: int,
        step: CorrectZeroPoints | AddBias | AddZeroPoint | Merge,
        index: int,
    ) -> int:
        register = Register(step.bits, step.overflow, step.signed)
        total, overflowed = apply_register(value + addend, register)
        self._check_trap(overflowed, step.overflow, index)
        return total

    def _merge(self, values: list[int], index: int) -> int:
        """From 0, ``multiplier * acc`` over the chains in their order, the rule every time."""
        step = self.steps[index]
        assert isinstance(step, Merge)
        register = Register(step.bits, step.overflow, step.signed)
        total = 0
        for multiplier, value in zip(self.data.merge, values, strict=True):
            total, overflowed = apply_register(total + multiplier * value, register)
            self._check_trap(overflowed, step.overflow, index)
            if overflowed and step.overflow.rule is OverflowRule.SATURATE_HOLD:
                break
        return total

    def _random(self, seed: int | None, index: int) -> int:
        if seed is None:
            return 0
        step = self.first_number + index
        return random_word(seed, position=-1, n=self.n, m=self.m, step=step, term=0)

    def _narrow(self, value: int, step: Narrow, index: int) -> int:
        result = narrowed(value, step, self._random(step.rounding.seed, index))
        self._check_trap(result.overflowed, step.overflow, index)
        return result.value

    def _count_thresholds(self, value: int, step: Thresholds) -> int:
        table = step.values.values
        row = table if table.ndim == 1 else table[self.n]
        return sum(value >= int(threshold) for threshold in row)

    def _requantize(self, value: int, scheme: Any, index: int) -> int:
        """The named schemes by their own formulas, others by their stages."""
        _check_input(value, scheme)
        factors = Factors(self.data.multiplier, self.data.shift, self.data.offset)
        name = type(scheme).__name__
        if name in FORMULAS:
            return FORMULAS[name](value, factors, scheme)
        if name == "ShiftOnly":
            return self._shift_only(value, scheme, index)
        if scheme.stages is None and getattr(scheme, "float_bits", 32) == 64:
            return double_scale(value, self.data.scale)
        if scheme.stages is None:
            return self._scale_in_float(value, scheme, index)
        for stage in scheme.stages:
            value += factors.offset if stage.offset else 0
            value = self._narrow(value, _completed(stage, factors), index)
        return value

    def _shift_only(self, value: int, scheme: Any, index: int) -> int:
        random = self._random(scheme.rounding.seed, index)
        result, overflowed = shifted(
            value, self.data.shift, scheme.rounding, scheme.bits, scheme.overflow, random
        )
        self._check_trap(overflowed, scheme.overflow, index)
        return result

    def _scale_in_float(self, value: int, scheme: Any, index: int) -> int:
        scale, floats = self.data.scale, self.data.floats
        if scheme.clamp == "after":
            adds_next = isinstance((*self.steps, None)[index + 1], AddZeroPoint)
            before = getattr(scheme, "zero_point", "after") == "before" and adds_next
            moved = self.data.out_zero_point if before else 0
            return float_scale(value, scale, None, floats, moved)
        following = list(self.steps[index + 1 : index + 3])
        zero_point = 0
        if following and isinstance(following[0], AddZeroPoint):
            zero_point = self.data.out_zero_point
            following.pop(0)
        clamp = following[0]
        assert isinstance(clamp, Clamp)
        limits = (clamp.min - zero_point, clamp.max - zero_point)
        return float_scale(value, scale, limits, floats)


def clamps_next(steps: Sequence[OutputStep], index: int) -> bool:
    """Whether a Clamp follows, at most an AddZeroPoint between."""
    following = list(steps[index + 1 :])
    if following and isinstance(following[0], AddZeroPoint):
        following.pop(0)
    return bool(following) and isinstance(following[0], Clamp)


def _completed(stage: Stage, factors: Factors) -> Narrow:
    """Complete a stage by the parameters: its multiplier, and which part of the shift."""
    shift = factors.shift + stage.shift_offset
    added = {
        "none": 0,
        "all": -shift,
        "left": -max(shift, 0),
        "right": max(-shift, 0),
    }[stage.shift]
    step = replace(stage.narrow, shift=stage.narrow.shift + added)
    return replace(step, multiplier=factors.multiplier) if stage.multiplier else step


def _check_input(value: int, scheme: Scheme) -> None:
    half = 2 ** (scheme.input_bits - 1)
    if not -half <= value < half:
        raise AccumulatorRangeError(
            f"Requantize: value {value}, allowed: signed {scheme.input_bits} bits of {scheme!r}"
        )


def _from_logs(v: int, step: FromLogs) -> int:
    """``(2**G + v mod 2**G) * 2**floor(v / 2**G)``; a negative v gives 0."""
    if v < 0:
        return 0
    one = 1 << step.guard_bits
    exponent, fraction = divmod(v, one)
    if step.guard_bits + exponent >= 63:
        raise AccumulatorRangeError(f"FromLogs: logarithm {v}, allowed: results inside int64")
    return (one + fraction) << exponent


def _look_up(value: int, step: Lookup) -> int:
    """Entry of the w-bit two's complement pattern; the value fits signed or unsigned w bits."""
    table = step.table.values
    size = len(table)
    if not -(size // 2) <= value < size:
        raise CodeError(f"Lookup: value {value}, allowed: {-(size // 2)}..{size - 1}")
    return int(table[value % size])


def check_schemes(steps: Sequence[OutputStep]) -> None:
    """Refuse a scheme that clamps before it rounds where no Clamp follows."""
    for index, step in enumerate(steps):
        if isinstance(step, Requantize):
            scheme: Any = step.scheme
            named = type(scheme).__name__ in (*FORMULAS, "ShiftOnly")
            if named or scheme.stages is not None or getattr(scheme, "float_bits", 32) == 64:
                continue
            if getattr(scheme, "clamp", None) not in ("after", "before"):
                raise DatapathError(f"Requantize: {scheme!r}, allowed: stages, or a clamp")
            if scheme.clamp == "before" and not clamps_next(steps, index):
                raise DatapathError(
                    "Requantize: clamp='before', allowed: followed by Clamp, or AddZeroPoint, Clamp"
                )
