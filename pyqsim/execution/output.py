"""Output steps completed by the data of a call, and the proof that int64 holds their values."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import _native, bounds
from pyqsim._native import OutputOp, RawPlace
from pyqsim.bounds import ZERO, Interval
from pyqsim.checks import integer_array
from pyqsim.datapath import (
    AddBias,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    Datapath,
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
from pyqsim.errors import CodeError, DatapathError, OverflowTrap, ShapeError
from pyqsim.execution.call_data import CallData, broadcast, interval_of
from pyqsim.execution.chain_output import ChainOutput
from pyqsim.execution.tracing import OutputRecord
from pyqsim.modes import WRAP, OverflowRule
from pyqsim.parameters import (
    DoubleFactor,
    FixedPointFactor,
    FloatChain,
    FloatFactor,
    Multiplier,
    Parameters,
)

__all__ = ["OutputPipeline", "Program", "output_of_array"]

Ints = npt.NDArray[np.int64]
_Adder = CorrectZeroPoints | AddBias | AddZeroPoint
Program = _native.OutputProgram | _native.Int32Program
_INT32 = Interval(-(2**31), 2**31 - 1)
_WORD = 63  # bits that the output kernel needs for sums and numerators


class OutputPipeline:
    """Output steps completed by the call's data: primitives for C, and the proof that they fit."""

    def __init__(
        self,
        steps: tuple[OutputStep, ...],
        data: CallData,
        shape: tuple[int, int],
        chain_shape: tuple[int, int, int],
        values: list[Interval],
        corrections: list[Interval],
        step_first: int,
    ) -> None:
        self.ops: list[OutputOp] = []
        self.correction_at: int | None = None
        self.fits_word = True  # 63 bits are proven to hold every sum and every numerator
        self.fits_int32 = True  # 32 bits are proven to hold every value; but see _make
        self._steps, self._data, self._shape = steps, data, shape
        self._chain_shape, self._intervals = chain_shape, values
        self._corrections, self._step_first = corrections, step_first
        for index, step in enumerate(steps):
            self._lower(index, step)
        self._need_int32(self._intervals)

    @property
    def interval(self) -> Interval:
        """Everything that may come out."""
        hull = self._intervals[0]
        for other in self._intervals[1:]:
            hull = hull.hull(other)
        return hull

    def program(self, isa: str, rows: int) -> Program | ChainOutput | None:
        """What runs the steps of a chain, or, if it merges, of all, on any rows; None: no steps.

        `rows` is how many, if they are few. Steps that differ from row to row, or need the
        reference, raise NoKernelError.
        """
        if not self.ops:
            return None
        if self.correction_at is not None or not self.fits_word:
            raise _native.NoKernelError
        if any(op.differs_by_row for op in self.ops):
            raise _native.NoKernelError
        ops = tuple(op.rows(slice(0, 1)) for op in self.ops)
        if any(op.kind == "merge" for op in ops):
            return ChainOutput(ops, prod(self._chain_shape), self._shape[1], isa)
        if self.fits_int32:
            with suppress(_native.NoKernelError):
                return _native.Int32Program(ops, isa, (rows, self._shape[1]))
        return _native.OutputProgram(ops, isa, self._shape[1])

    def _need_int32(self, values: list[Interval]) -> None:
        self.fits_int32 &= all(value.fits(32) for value in values)

    def _add_op(self, op: OutputOp) -> None:
        """Take up a primitive; a sum takes values of which the lowest 32 bits are known, too."""
        if op.kind != "add":
            self._need_int32(self._intervals)
        self.ops.append(op)

    def _make(self, values: list[Interval], register: Register) -> None:
        """Values that a register is given, of which one that wraps takes the lowest bits alone."""
        wraps = register.overflow.rule is OverflowRule.WRAP
        if not wraps or register.bits is None or register.bits > 32:
            self._need_int32(values)

    def _each(self, transform: Callable[[Interval], Interval]) -> None:
        self._intervals = [transform(value) for value in self._intervals]

    def _lower(self, index: int, step: OutputStep) -> None:
        where = f"output step {index} ({type(step).__name__})"
        if isinstance(step, CorrectZeroPoints):
            self.correction_at = len(self.ops)
            self._add(index, step, None, self._corrections, where)
        elif isinstance(step, AddBias):
            self._add_data(index, step, "bias", self._data.bias, where)
        elif isinstance(step, AddZeroPoint):
            self._add_data(index, step, "out_zero_point", self._data.out_zero_point, where)
        elif isinstance(step, Merge):
            self._merge(index, step, where)
        elif isinstance(step, Narrow):
            self._add_op(OutputOp("narrow", index, narrow=step))
            self._narrow([step], where)
        elif isinstance(step, Requantize):
            self._requantize(index, step, where)
        elif isinstance(step, Clamp):
            self._add_op(OutputOp("clamp", index, minimum=step.min, maximum=step.max))
            self._each(lambda v: Interval(_clip(v.low, step), _clip(v.high, step)))
        elif isinstance(step, FromLogs):
            self._add_op(OutputOp("from_logs", index, guard_bits=step.guard_bits))
            self._each(lambda value: bounds.from_logs(step, value, where))
        elif isinstance(step, Lookup):
            self._lookup(index, step, where)
        else:
            self._thresholds(index, step)

    def _add_data(
        self, index: int, step: _Adder, name: str, value: npt.ArrayLike | None, where: str
    ) -> None:
        data = broadcast(name, 0 if value is None else value, self._shape)
        self._add(index, step, data, [interval_of(data)] * len(self._intervals), where)

    def _add(
        self, index: int, step: _Adder, data: Ints | None, addends: list[Interval], where: str
    ) -> None:
        self._add_op(OutputOp("add", index, register=step.register, data=data))
        sums = [bounds.add(v, addend) for v, addend in zip(self._intervals, addends, strict=True)]
        self.fits_word &= all(value.fits(_WORD) for value in sums)
        self._make(sums, step.register)
        self._intervals = [bounds.write(value, step.register, where) for value in sums]

    def _narrow(self, steps: list[Narrow], where: str) -> None:
        """Intervals after a step that is one or another of `steps`."""
        numerators = [bounds.numerator(step, v) for step in steps for v in self._intervals]
        self.fits_word &= all(value.fits(_WORD) for value in numerators)
        quotients = [bounds.quotient(step, v) for step in steps for v in self._intervals]
        self._make(quotients, steps[0].register)

        def transform(value: Interval) -> Interval:
            results = [bounds.narrow(step, value, where) for step in steps]
            return Interval(min(r.low for r in results), max(r.high for r in results))

        self._each(transform)

    def _merge(self, index: int, step: Merge, where: str) -> None:
        given = 1 if self._data.merge is None else self._data.merge
        full = broadcast("merge", given, (*self._chain_shape, *self._shape))
        multipliers = full.reshape(prod(self._chain_shape), *self._shape)
        total = ZERO
        for value, multiplier in zip(self._intervals, multipliers, strict=True):
            product = bounds.scale(value, interval_of(multiplier))
            sums = total.hull(bounds.add(total, product))
            self.fits_word &= sums.fits(_WORD)
            total = bounds.write(sums, step.register, where)
        self._add_op(OutputOp("merge", index, register=step.register, data=multipliers))
        self._intervals = [total]

    def _requantize(self, index: int, step: Requantize, where: str) -> None:
        scheme, parameters = step.scheme, self._data.requantize
        if not isinstance(parameters, Parameters):
            raise DatapathError(
                f"requantize={parameters!r}, allowed: what {type(scheme).__name__}.encode makes"
            )
        self._each(lambda value: bounds.require(value, f"{where}: its input", scheme.input_bits))
        stages = scheme.stages
        if stages is None and scheme.float_bits == 64:
            self._double_scale(index, parameters)
            return
        if stages is None:
            self._float_scale(index, scheme, parameters)
            return
        if isinstance(parameters, (FloatFactor, FloatChain, DoubleFactor)):
            raise DatapathError(
                f"requantize={parameters!r}, allowed: what {type(scheme).__name__}.encode makes"
            )
        multiplier: Ints | None = None
        if any(stage.multiplier for stage in stages):
            if not isinstance(parameters, (Multiplier, FixedPointFactor)):
                raise DatapathError(
                    f"requantize={parameters!r}, allowed: what {type(scheme).__name__}.encode "
                    "makes (with a multiplier)"
                )
            multiplier = broadcast("requantize.multiplier", parameters.multiplier, self._shape)
        offset = broadcast("requantize.offset", getattr(parameters, "offset", 0), self._shape)
        if offset.any() and not any(stage.offset for stage in stages):
            raise DatapathError(
                f"requantize={parameters!r}, allowed: offset=0 ({type(scheme).__name__} adds none)"
            )
        for stage in stages:
            if stage.offset:
                self._add_offset(index, offset, where)
            shift = broadcast(
                "requantize.shift", parameters.shift + stage.shift_offset, self._shape
            )
            self._stage(index, stage, multiplier, shift, where)

    def _add_offset(self, index: int, offset: Ints, where: str) -> None:
        addend = interval_of(offset)
        self._add_op(OutputOp("add", index, data=offset))
        self._each(lambda v: bounds.require(bounds.add(v, addend), f"{where}: its offset"))
        self._need_int32(self._intervals)

    def _stage(
        self, index: int, stage: Stage, multiplier: Ints | None, shift: Ints, where: str
    ) -> None:
        self._add_op(
            OutputOp(
                "narrow",
                index,
                narrow=stage.narrow,
                data=multiplier if stage.multiplier else None,
                multiplier_from_data=stage.multiplier,
                shift_part=stage.shift,
                shift_data=shift,
            )
        )
        completed = [
            replace(
                stage.narrow, multiplier=m, shift=stage.narrow.shift + _shift_part(stage.shift, s)
            )
            for m, s in _extreme_pairs(stage, multiplier, shift)
        ]
        self._narrow(completed, where)

    def _float_scale(self, index: int, scheme: Scheme, parameters: Parameters) -> None:
        if isinstance(parameters, FloatFactor):
            op = OutputOp("float_scale", index, scale=self._floats("scale", parameters.scale))
        elif isinstance(parameters, FloatChain):
            op = OutputOp(
                "float_scale",
                index,
                scale=self._floats("scale", parameters.first),
                second=self._floats("second", parameters.second),
                addend=self._floats("addend", parameters.addend),
                last=self._floats("last", parameters.last),
            )
        else:
            raise DatapathError(
                f"requantize={parameters!r}, allowed: what FloatScale.encode makes (a FloatFactor),"
                " or a FloatChain"
            )
        chain = (op.scale, op.second, op.addend, op.last)
        operations = (np.multiply, np.multiply, np.add, np.multiply)
        given = [
            (operation, _own(array))
            for operation, array in zip(operations, chain, strict=True)
            if array is not None
        ]
        zero_point = np.zeros((1, 1), dtype=np.int64)
        limits = _INT32
        if getattr(scheme, "clamp", "") == "before":
            zero_point, clamp = self._following_clamp(index)
            op = replace(
                op, clamp_before=True, data=zero_point, minimum=clamp.min, maximum=clamp.max
            )
            codes = bounds.subtract(Interval(clamp.min, clamp.max), interval_of(zero_point))
            limits = _rinted((float(np.float32(codes.low)), float(np.float32(codes.high))))
            zero_point = np.zeros((1, 1), dtype=np.int64)
        elif getattr(scheme, "zero_point", "") == "before":
            zero_point = self._following_zero_point(index)
            op = replace(op, zero_point_before=True, data=zero_point)
            given.append((np.add, _own(zero_point).astype(np.float32)))
        self._add_op(op)
        back, where = interval_of(zero_point), f"output step {index} (Requantize)"

        def scaled(value: Interval) -> Interval:
            rounded = _within(_rinted(bounds.by_floats(value, given)), limits)
            return bounds.require(bounds.subtract(rounded, back), where)

        self._each(scaled)

    def _floats(self, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        try:
            return np.broadcast_to(np.ascontiguousarray(array), self._shape)
        except ValueError:
            raise ShapeError(
                f"requantize.{name}: shape={array.shape}, allowed: what broadcasts to {self._shape}"
            ) from None

    def _double_scale(self, index: int, parameters: Parameters) -> None:
        if not isinstance(parameters, DoubleFactor):
            raise DatapathError(
                f"requantize={parameters!r}, allowed: what DoubleScale.encode makes "
                "(a DoubleFactor)"
            )
        scale = self._floats("scale", parameters.scale)
        self._add_op(OutputOp("double_scale", index, double_scale=scale))
        given = [(np.multiply, _own(scale))]
        self._each(lambda value: _rounded(bounds.by_floats(value, given)))

    def _following_zero_point(self, index: int) -> Ints:
        """The zero point that the next step adds; 0 where it adds none."""
        following = self._steps[index + 1 : index + 2]
        added = bool(following) and isinstance(following[0], AddZeroPoint)
        given = self._data.out_zero_point if added else None
        return broadcast("out_zero_point", 0 if given is None else given, self._shape)

    def _following_clamp(self, index: int) -> tuple[Ints, Clamp]:
        """The zero point and clamp that XNNPACK's float clamp anticipates."""
        following = list(self._steps[index + 1 : index + 3])
        if following and isinstance(following[0], AddZeroPoint):
            following.pop(0)
        if not following or not isinstance(following[0], Clamp):
            raise DatapathError(
                "FloatScale(clamp='before'): allowed: before a Clamp, or AddZeroPoint and Clamp"
            )
        return self._following_zero_point(index), following[0]

    def _lookup(self, index: int, step: Lookup, where: str) -> None:
        table = np.ascontiguousarray(step.table.values)
        low, high = -(table.size // 2), table.size - 1
        for value in self._intervals:
            if value.low < low or value.high > high:
                raise CodeError(
                    f"{where}: values may reach {value.low}..{value.high}, allowed: {low}..{high} "
                    f"(table of {table.size}); put a Clamp before it"
                )
        self._add_op(OutputOp("lookup", index, table=table))
        self._each(lambda _: interval_of(table))

    def _thresholds(self, index: int, step: Thresholds) -> None:
        table = np.ascontiguousarray(step.values.values)
        if table.ndim == 2 and len(table) != self._shape[1]:
            raise ShapeError(
                f"Thresholds: {len(table)} rows, allowed: N={self._shape[1]} rows, or one axis"
            )
        self._add_op(OutputOp("thresholds", index, table=table))
        self._each(lambda _: Interval(0, table.shape[-1]))

    def run(
        self,
        values: Ints,
        rows: slice,
        corrections: Ints | None,
        n_first: int = 0,
        *,
        lanes_isa: str | None = "auto",
    ) -> RawPlace | None:
        """Run on the rows of one block, in place; without an ISA by the reference."""
        ops = [op.rows(rows) for op in self.ops]
        if self.correction_at is not None and corrections is not None:
            ops[self.correction_at] = replace(ops[self.correction_at], data=corrections)
        if lanes_isa is not None and self.fits_word:
            try:
                ChainOutput(ops, len(values), self._shape[1], lanes_isa).run(values)
            except _native.NoKernelError:
                pass
            else:
                return None
        return _native.output(
            tuple(ops), values, step_first=self._step_first, m_first=rows.start, n_first=n_first
        )

    def trace(
        self, values: list[int], corrections: list[Ints], m: int, n: int, n_first: int
    ) -> list[OutputRecord]:
        """Each primitive by itself on the chains' values of one output; a trap ends it."""
        records: list[OutputRecord] = []
        for number, whole in enumerate(self.ops):
            op = whole.rows(slice(m, m + 1), slice(n, n + 1))
            if number == self.correction_at:
                op = replace(op, data=np.stack(corrections))
            place = {"step_first": self._step_first, "m_first": m, "n_first": n_first + n}
            made = _merged(op, values, place) if op.kind == "merge" else _each(op, values, place)
            records += made
            register = op.narrow.register if op.kind == "narrow" else op.register
            if register.overflow.rule is OverflowRule.TRAP and any(
                one.seen != one.after for one in made
            ):
                break
            values = [made[-1].after] if op.kind == "merge" else [one.after for one in made]
        return records


def _single(op: OutputOp, values: list[int], place: dict[str, int]) -> list[int]:
    """One primitive on the chains of one output."""
    work = np.array(values, dtype=np.int64).reshape(-1, 1, 1)
    _native.output((op,), work, **place)
    results: list[int] = work.reshape(-1).tolist()
    return results


def _each(op: OutputOp, values: list[int], place: dict[str, int]) -> list[OutputRecord]:
    """A primitive that works on every chain by itself."""
    after = _single(op, values, place)
    data = [0] * len(values)
    if op.data is not None:
        data = np.broadcast_to(op.data, (len(values), 1, 1)).reshape(-1).tolist()
    seen = after
    exact: list[Fraction | None] = [None] * len(values)
    if op.kind == "add":
        seen = [value + addend for value, addend in zip(values, data, strict=True)]
    if op.kind == "narrow":
        wide = replace(op, narrow=replace(op.narrow, bits=None, overflow=WRAP, signed=True))
        seen = _single(wide, values, place)
        exact = [_quotient(op, value, factor) for value, factor in zip(values, data, strict=True)]
    return [
        OutputRecord(op.index, chain, None, *line)
        for chain, line in enumerate(zip(values, exact, seen, after, strict=True))
    ]


def _quotient(op: OutputOp, value: int, factor: int) -> Fraction:
    """What a narrow primitive rounds."""
    multiplier = factor if op.multiplier_from_data else op.narrow.multiplier
    shift = op.narrow.exact_shift
    if op.shift_data is not None:
        s = int(op.shift_data.reshape(-1)[0])
        shift += _shift_part(op.shift_part, s)
    return Fraction(value * multiplier, op.narrow.divisor) / Fraction(2) ** shift


def _merged(op: OutputOp, values: list[int], place: dict[str, int]) -> list[OutputRecord]:
    """The additions of a merge, one after the other: sums of the first 1, 2, ... chains."""
    assert op.data is not None
    records, before = [], 0
    for chain, value in enumerate(values):
        first = replace(op, data=op.data[: chain + 1])
        after = _single(first, values[: chain + 1], place)[0]
        product = value * int(op.data[chain, 0, 0])
        seen = before + product
        records.append(OutputRecord(op.index, chain, before, product, None, seen, after))
        if seen != after and op.register.overflow.rule is OverflowRule.SATURATE_HOLD:
            break
        before = after
    return records


def _rinted(ends: tuple[float, float] | None) -> Interval:
    """Ties to even, saturated to int32."""
    return _INT32 if ends is None else _within(Interval(*map(round, ends)), _INT32)


def _rounded(ends: tuple[float, float] | None) -> Interval:
    """Ties away from zero, saturated to int32."""
    if ends is None:
        return _INT32
    low, high = (int(Decimal(end).to_integral_value(ROUND_HALF_UP)) for end in ends)
    return _within(Interval(low, high), _INT32)


def _within(value: Interval, limits: Interval) -> Interval:
    """What is left of an interval whose numbers are clamped to limits."""
    low, high = (min(max(end, limits.low), limits.high) for end in (value.low, value.high))
    return Interval(low, high)


def _clip(value: int, step: Clamp) -> int:
    return min(max(value, step.min), step.max)


def _shift_part(part: str, s: int) -> int:
    """What the parameters' shift s (positive: left) adds to the stage's right shift."""
    parts = {"none": 0, "all": -s, "left": -max(s, 0), "right": max(-s, 0)}
    return parts[part]


def _extreme_pairs(stage: Stage, multiplier: Ints | None, shift: Ints) -> set[tuple[int, int]]:
    """Pairs (multiplier, shift) between whose intervals lie those of all that the stage meets."""
    if shift.size == 0:
        return {(stage.narrow.multiplier, 0)}
    shifts = interval_of(shift)
    multipliers = Interval(stage.narrow.multiplier, stage.narrow.multiplier)
    if stage.multiplier and multiplier is not None:
        multipliers = interval_of(multiplier)
    return {(m, s) for m in (multipliers.low, multipliers.high) for s in (shifts.low, shifts.high)}


def _own(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A broadcast array's own numbers."""
    return array[tuple(slice(None) if stride else slice(1) for stride in array.strides)]


def output_of_array(
    values: npt.ArrayLike,
    steps: tuple[OutputStep, ...],
    *,
    bias: npt.ArrayLike | None = None,
    requantize: Parameters | None = None,
    out_zero_point: npt.ArrayLike | None = None,
) -> npt.NDArray[Any]:
    """Apply output steps to an array of any shape; its last axis is n, the others together m.

    Returns
    -------
    ndarray
        Shape of `values`; dtype as `Datapath.result_dtype` of the steps.
    """
    array = integer_array("acc", values)
    n = array.shape[-1] if array.ndim else 1
    datapath = Datapath(reduce=(), output=steps)
    data = CallData(bias, requantize, out_zero_point)
    data.check_read(datapath)
    if not array.size:
        return np.zeros(array.shape, dtype=datapath.result_dtype)
    shape = (array.size // n, n)
    pipeline = OutputPipeline(steps, data, shape, (1, 1, 1), [interval_of(array)], [ZERO], 0)
    bounds.require(pipeline.interval, "result", datapath.result_dtype.itemsize * 8)
    with suppress(_native.NoKernelError):
        program = pipeline.program("auto", shape[0])
        if isinstance(program, _native.Int32Program):
            sums = array.astype(np.int32, order="C").reshape(shape)
            program.run(sums)
            return sums.reshape(array.shape).astype(datapath.result_dtype, copy=False)
    work = np.array(array, dtype=np.int64).reshape(1, *shape)
    trap = pipeline.run(work, slice(0, shape[0]), None)
    if trap is not None:
        raise OverflowTrap((trap.position, trap.m, trap.n, -1), repr(steps[trap.position]))
    return work.reshape(array.shape).astype(datapath.result_dtype)
