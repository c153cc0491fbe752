"""Run a datapath on exact integers: doors, bounds, chains, row blocks, threads, events.

This module computes nothing itself: the C library does, and `bounds` proves that it can.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pyqsim import _native, bounds
from pyqsim._native import OutputOp, RawEvents, RawPlace
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    Datapath,
    Lookup,
    Merge,
    Multiply,
    Narrow,
    OutputStep,
    Requantize,
    Shift,
    Stage,
    Thresholds,
)
from pyqsim.errors import (
    CodeError,
    DatapathError,
    OperandError,
    OverflowTrap,
    ShapeError,
)
from pyqsim.events import Events, Place, StepEvents
from pyqsim.parameters import FloatFactor, Multiplier, Parameters

__all__ = ["CallData", "Operand", "Runner", "integer_array", "output_of_array"]

Ints = npt.NDArray[np.int64]

_BLOCK_ELEMENTS = 1 << 19  # int64 elements of a that one block of rows unpacks: 4 MiB
_THREAD_WORK = 1 << 20  # products below which one thread does it all
_LARGEST_SIZE = 2**31 - 1


def integer_array(name: str, value: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """Return an integer array in native byte order, or say what is wrong with it."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        if array.size == 0 and array.dtype.kind == "f" and not isinstance(value, np.ndarray):
            return array.astype(np.int64)
        raise OperandError(f"{name}: dtype={array.dtype}, allowed: an integer dtype")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise CodeError(f"{name}: value {int(array.max())}, allowed: at most {2**63 - 1}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


# ---------------------------------------------------------------------------------------------
# operands


@dataclass(frozen=True, eq=False)
class Operand:
    """One side of a matmul: rows of K codes (b transposed), and what the codes stand for.

    Attributes
    ----------
    codes : ndarray of int, (rows, K)
    tables : ndarray of int64, (planes, patterns), or None
        N of every bit pattern; None: a code is its own integer.
    zero_points : ndarray of int64, (groups, rows)
        Subtracted from N; (1, 1)-broadcastable.
    group : int or None
        Consecutive k that share a scale.
    shifts : bool
        Whether N is a sum of few powers of two, made by a format with shifts.
    """

    codes: npt.NDArray[np.generic]
    tables: Ints | None = None
    zero_points: Ints | None = None
    group: int | None = None
    shifts: bool = False

    @property
    def planes(self) -> int:
        """Number of planes."""
        return 1 if self.tables is None else len(self.tables)

    def patterns(self) -> Operand:
        """The operand whose integers are its codes' bit patterns."""
        if self.tables is None:
            return replace(self, zero_points=None)
        identity = np.arange(self.tables.shape[1], dtype=np.int64)[None]
        return replace(self, tables=identity, zero_points=None, shifts=False)

    def integers(self, plane: int, rows: slice, ks: slice) -> Ints:
        """The exact integers of some rows and ks, C-contiguous."""
        codes = self.codes[rows, ks]
        if self.tables is None:
            return np.ascontiguousarray(codes, dtype=np.int64)
        index = codes.astype(np.intp, copy=False) & (self.tables.shape[1] - 1)
        return np.take(self.tables[plane], index)

    def zero_point(self, group: int, rows: slice) -> Ints | None:
        """(rows,) zero points of a group, or None where all are 0."""
        if self.zero_points is None:
            return None
        zero_points = self.zero_points[group if len(self.zero_points) > 1 else 0]
        return zero_points[rows] if len(zero_points) > 1 else zero_points

    def interval(self, plane: int, group: int, ks: slice) -> Interval:
        """Extremes of N, from the codes that are there."""
        codes = self.codes[:, ks]
        if codes.size == 0:
            return ZERO
        low, high = int(codes.min()), int(codes.max())
        if self.tables is None:
            return Interval(low, high)
        table = self.tables[plane]
        present = table[np.arange(low, high + 1) & (len(table) - 1)]
        return Interval(int(present.min()), int(present.max()))

    def zero_point_interval(self, group: int) -> Interval:
        """Extremes of a group's zero points."""
        zero_points = self.zero_point(group, slice(None))
        if zero_points is None or zero_points.size == 0:
            return ZERO
        return Interval(int(zero_points.min()), int(zero_points.max()))

    @property
    def has_zero_points(self) -> bool:
        """Whether any zero point is not 0."""
        return self.zero_points is not None and bool(self.zero_points.any())


# ---------------------------------------------------------------------------------------------
# data of the steps


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


def _broadcast(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> Ints:
    array = np.ascontiguousarray(integer_array(name, value), dtype=np.int64)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            f"{name}: shape={array.shape}, allowed: what broadcasts to {shape}"
        ) from None


def _interval(array: npt.NDArray[np.generic]) -> Interval:
    return Interval(int(array.min()), int(array.max())) if array.size else ZERO


# ---------------------------------------------------------------------------------------------
# the output pipeline: lowering and bounds in one walk


class _OutputPipeline:
    """Output steps completed by the call's data: primitives for C, and the proof that they fit."""

    def __init__(
        self,
        steps: tuple[OutputStep, ...],
        data: CallData,
        shape: tuple[int, int],
        chain_shape: tuple[int, int, int],
        values: list[Interval],
        correction: Interval,
        step_first: int,
    ) -> None:
        self.ops: list[OutputOp] = []
        self.correction_at: int | None = None
        self._steps, self._data, self._shape = steps, data, shape
        self._chain_shape, self._intervals = chain_shape, values
        self._correction, self._step_first = correction, step_first
        for index, step in enumerate(steps):
            self._lower(index, step)

    @property
    def interval(self) -> Interval:
        """Everything that may come out."""
        hull = self._intervals[0]
        for other in self._intervals[1:]:
            hull = hull.hull(other)
        return hull

    def _each(self, transform) -> None:
        self._intervals = [transform(value) for value in self._intervals]

    def _lower(self, index: int, step: OutputStep) -> None:
        where = f"output step {index} ({type(step).__name__})"
        if isinstance(step, CorrectZeroPoints):
            self.correction_at = len(self.ops)
            self._add(index, step, None, self._correction, where)
        elif isinstance(step, AddBias):
            bias = _broadcast("bias", self._data.bias, self._shape)
            self._add(index, step, bias, _interval(bias), where)
        elif isinstance(step, AddZeroPoint):
            zero_point = _broadcast("out_zero_point", self._data.out_zero_point, self._shape)
            self._add(index, step, zero_point, _interval(zero_point), where)
        elif isinstance(step, Merge):
            self._merge(index, step, where)
        elif isinstance(step, Narrow):
            self.ops.append(OutputOp("narrow", index, narrow=step))
            self._each(lambda value: bounds.narrow(step, value, where))
        elif isinstance(step, Requantize):
            self._requantize(index, step, where)
        elif isinstance(step, Clamp):
            self.ops.append(OutputOp("clamp", index, minimum=step.min, maximum=step.max))
            self._each(lambda v: Interval(_clip(v.low, step), _clip(v.high, step)))
        elif isinstance(step, Lookup):
            self._lookup(index, step, where)
        else:
            self._thresholds(index, step)

    def _add(self, index, step, data: Ints | None, extremes: Interval, where: str) -> None:
        self.ops.append(OutputOp("add", index, register=step.register, data=data))
        self._each(
            lambda value: bounds.write(bounds.add(value, extremes), step.register, where)
        )

    def _merge(self, index: int, step: Merge, where: str) -> None:
        given = 1 if self._data.merge is None else self._data.merge
        full = _broadcast("merge", given, (*self._chain_shape, *self._shape))
        multipliers = full.reshape(-1, *self._shape)
        total = ZERO
        for value, multiplier in zip(self._intervals, multipliers, strict=True):
            product = bounds.scale(value, _interval(multiplier))
            total = bounds.write(
                total.hull(bounds.add(total, product)), step.register, where
            )
        self.ops.append(OutputOp("merge", index, register=step.register, data=multipliers))
        self._intervals = [total]

    def _requantize(self, index: int, step: Requantize, where: str) -> None:
        scheme, parameters = step.scheme, self._data.requantize
        self._each(
            lambda value: bounds.require(value, f"{where}: its input", scheme.input_bits)
        )
        stages = scheme.stages
        if stages is None:
            self._float_scale(index, parameters, before=getattr(scheme, "clamp", "") == "before")
            return
        if isinstance(parameters, FloatFactor) or parameters is None:
            raise DatapathError(
                f"requantize={parameters!r}, allowed: what {type(scheme).__name__}.encode makes"
            )
        shift = _broadcast("requantize.shift", parameters.shift, self._shape)
        multiplier: Ints | None = None
        if any(stage.multiplier for stage in stages):
            if not isinstance(parameters, Multiplier):
                raise DatapathError(
                    f"requantize={parameters!r}, allowed: what {type(scheme).__name__}.encode "
                    "makes (a Multiplier)"
                )
            multiplier = _broadcast("requantize.multiplier", parameters.multiplier, self._shape)
        for stage in stages:
            self._stage(index, stage, multiplier, shift, where)

    def _stage(
        self, index: int, stage: Stage, multiplier: Ints | None, shift: Ints, where: str
    ) -> None:
        self.ops.append(
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
            replace(stage.narrow, multiplier=m, shift=stage.narrow.shift + _shift_part(stage, s))
            for m, s in _extreme_pairs(stage, multiplier, shift)
        ]

        def transform(value: Interval) -> Interval:
            results = [bounds.narrow(narrow, value, where) for narrow in completed]
            return Interval(min(r.low for r in results), max(r.high for r in results))

        self._each(transform)

    def _float_scale(self, index: int, parameters: Parameters | None, *, before: bool) -> None:
        if not isinstance(parameters, FloatFactor):
            raise DatapathError(
                f"requantize={parameters!r}, allowed: what FloatScale.encode makes (a FloatFactor)"
            )
        try:
            scale = np.broadcast_to(np.ascontiguousarray(parameters.scale), self._shape)
        except ValueError:
            raise ShapeError(
                f"requantize.scale: shape={parameters.scale.shape}, allowed: what broadcasts to "
                f"{self._shape}"
            ) from None
        op = OutputOp("float_scale", index, scale=scale)
        if before:
            zero_point, clamp = self._following_clamp(index)
            op = replace(
                op, clamp_before=True, data=zero_point, minimum=clamp.min, maximum=clamp.max
            )
        self.ops.append(op)
        self._each(lambda _: Interval(-(2**31), 2**31 - 1))

    def _following_clamp(self, index: int) -> tuple[Ints, Clamp]:
        """The zero point and clamp that XNNPACK's float clamp anticipates."""
        following = list(self._steps[index + 1 : index + 3])
        zero_point: npt.ArrayLike = 0
        if following and isinstance(following[0], AddZeroPoint):
            zero_point = 0 if self._data.out_zero_point is None else self._data.out_zero_point
            following.pop(0)
        if not following or not isinstance(following[0], Clamp):
            raise DatapathError(
                "FloatScale(clamp='before'): allowed: before a Clamp, or AddZeroPoint and Clamp"
            )
        return _broadcast("out_zero_point", zero_point, self._shape), following[0]

    def _lookup(self, index: int, step: Lookup, where: str) -> None:
        table = np.ascontiguousarray(step.table.values)
        low, high = -(table.size // 2), table.size - 1
        for value in self._intervals:
            if value.low < low or value.high > high:
                raise CodeError(
                    f"{where}: values may reach {value.low}..{value.high}, allowed: {low}..{high} "
                    f"(table of {table.size}); put a Clamp before it"
                )
        self.ops.append(OutputOp("lookup", index, table=table))
        self._each(lambda _: _interval(table))

    def _thresholds(self, index: int, step: Thresholds) -> None:
        table = np.ascontiguousarray(step.values.values)
        if table.ndim == 2 and len(table) != self._shape[1]:
            raise ShapeError(
                f"Thresholds: {len(table)} rows, allowed: N={self._shape[1]} rows, or one axis"
            )
        self.ops.append(OutputOp("thresholds", index, table=table))
        self._each(lambda _: Interval(0, table.shape[-1]))

    def run(self, values: Ints, rows: slice, corrections: Ints | None) -> RawPlace | None:
        """Run on the rows of one block, in place."""
        ops = [op.rows(rows) for op in self.ops]
        if self.correction_at is not None and corrections is not None:
            ops[self.correction_at] = replace(ops[self.correction_at], data=corrections)
        return _native.output(
            tuple(ops), values, step_first=self._step_first, m_first=rows.start
        )


def _clip(value: int, step: Clamp) -> int:
    return min(max(value, step.min), step.max)


def _shift_part(stage: Stage, s: int) -> int:
    """What the parameters' shift s (positive: left) adds to the stage's right shift."""
    parts = {"none": 0, "all": -s, "left": -max(s, 0), "right": max(-s, 0)}
    return parts[stage.shift]


def _extreme_pairs(
    stage: Stage, multiplier: Ints | None, shift: Ints
) -> set[tuple[int, int]]:
    """Every distinct (multiplier, shift) that the stage meets."""
    if shift.size == 0:
        return {(stage.narrow.multiplier, 0)}
    shifts = _distinct(shift)
    if not stage.multiplier or multiplier is None:
        return {(stage.narrow.multiplier, s) for s in shifts}
    low, high = int(multiplier.min()), int(multiplier.max())
    return {(m, s) for s in shifts for m in (low, high)}


def _distinct(array: Ints) -> list[int]:
    """Distinct values of a broadcast array, without spelling the broadcast out."""
    index = tuple(slice(None) if stride else slice(1) for stride in array.strides)
    distinct: list[int] = np.unique(array[index]).tolist()
    return distinct


def output_of_array(
    values: npt.ArrayLike,
    steps: tuple[OutputStep, ...],
    *,
    requantize: Parameters | None = None,
    out_zero_point: npt.ArrayLike | None = None,
) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    """Apply output steps to an array of any shape; its last axis is n.

    Returns
    -------
    ndarray
        Shape of `values`; dtype as `Datapath.result_dtype` of the steps.
    """
    array = integer_array("acc", values)
    n = array.shape[-1] if array.ndim else 1
    work = np.array(array, dtype=np.int64).reshape(1, -1, n) if array.size else None
    datapath = Datapath(reduce=(), output=steps)
    data = CallData(requantize=requantize, out_zero_point=out_zero_point)
    data.check_read(datapath)
    if work is None:
        return np.zeros(array.shape, dtype=datapath.result_dtype)
    shape = (work.shape[1], n)
    pipeline = _OutputPipeline(steps, data, shape, (1, 1, 1), [_interval(work)], ZERO, 0)
    bounds.require(pipeline.interval, "result", datapath.result_dtype.itemsize * 8)
    trap = pipeline.run(work, slice(0, shape[0]), None)
    if trap is not None:
        raise OverflowTrap((trap.position, trap.m, trap.n, -1), repr(steps[trap.position]))
    return work.reshape(array.shape).astype(datapath.result_dtype)


# ---------------------------------------------------------------------------------------------
# the whole datapath


@dataclass(frozen=True, slots=True)
class _Chain:
    """One plane of a, one of b, one scale group: a dot product with accumulators of its own."""

    a_plane: int
    b_plane: int
    group: int
    ks: slice


@dataclass(slots=True)
class _BlockResult:
    rows: slice
    events: list[tuple[RawEvents, ...]]  # one a chain
    output_trap: RawPlace | None


class Runner:
    """A datapath bound to its second operand: packed once, run on many first operands.

    Parameters
    ----------
    datapath : Datapath
    b : Operand
        N rows of K (transposed weights).
    """

    def __init__(self, datapath: Datapath, b: Operand) -> None:
        self.datapath = datapath
        self.b = b.patterns() if isinstance(datapath.product, Lookup) else b
        self._fold = datapath.product == Multiply("fold")
        self._order = _explicit_order(datapath)

    @property
    def shape(self) -> tuple[int, int]:
        """(K, N)."""
        return self.b.codes.shape[1], self.b.codes.shape[0]

    def run(
        self,
        a: Operand,
        data: CallData,
        *,
        threads: int | None,
        events: bool,
        counts: bool,
    ) -> tuple[npt.NDArray[np.generic], Events]:
        """The integer results, and the events (without counts unless asked for)."""
        if isinstance(self.datapath.product, Lookup):
            a = a.patterns()
        groups = self._check(a, data)
        m, n, k = len(a.codes), self.shape[1], self.shape[0]
        chains = [
            _Chain(i, j, g, ks)
            for i in range(a.planes)
            for j in range(self.b.planes)
            for g, ks in enumerate(groups)
        ]
        bias = self._bias(data, (m, n))
        values = [self._bound(a, chain, bias) for chain in chains]
        chain_shape = (a.planes, self.b.planes, len(groups))
        correction = ZERO
        for chain in chains:
            correction = correction.hull(self._correction_bound(a, chain))
        pipeline = _OutputPipeline(
            self.datapath.output, data, (m, n), chain_shape, values, correction,
            len(self.datapath.reduce),
        )  # fmt: skip
        dtype = self.datapath.result_dtype
        bounds.require(pipeline.interval, "result", dtype.itemsize * 8)

        merged = any(isinstance(step, Merge) for step in self.datapath.output)
        result = np.empty((1 if merged else len(chains), m, n), dtype=dtype)
        count = np.zeros((m, n), dtype=np.int64) if counts else None
        program = _native.ReduceProgram(
            self.datapath.product, self.datapath.reduce,
            a_shifts=a.shifts, b_shifts=self.b.shifts,
        )  # fmt: skip
        packed = {
            (chain.b_plane, chain.group): self.b.integers(chain.b_plane, slice(None), chain.ks)
            for chain in chains
        }

        def run_block(rows: slice) -> _BlockResult:
            height = rows.stop - rows.start
            work = np.empty((len(chains), height, n), dtype=np.int64)
            corrections = np.zeros_like(work) if pipeline.correction_at is not None else None
            block_events = []
            for index, chain in enumerate(chains):
                a_block = a.integers(chain.a_plane, rows, chain.ks)
                b_block = packed[chain.b_plane, chain.group]
                za = _row_values(a.zero_point(chain.group, rows), (height, n))
                zb = _column_values(self.b.zero_point(chain.group, slice(None)), (height, n))
                if corrections is not None:
                    corrections[index] = _native.zero_point_correction(
                        a_block, b_block, _or_zero(za, (height, n)), _or_zero(zb, (height, n))
                    )
                block_events.append(
                    program.run(
                        a_block, b_block, work[index],
                        order=self._order, m_first=rows.start,
                        a_zero_point=None if self._fold else za,
                        b_zero_point=None if self._fold else zb,
                        bias=None if bias is None else bias[rows],
                        counts=None if count is None else count[rows],
                    )
                )  # fmt: skip
            trapped = any(step.trap for steps in block_events for step in steps)
            trap = None if trapped else pipeline.run(work, rows, corrections)
            result[:, rows] = work[: len(result)]
            return _BlockResult(rows, block_events, trap)

        blocks = list(_row_blocks(m, k, n, threads))
        results = _map(run_block, blocks, threads if m * n * k >= _THREAD_WORK else 1)
        self._raise_trap(chains, results)
        merged_events = self._events(chains, results, count)
        shape = (m, n) if merged else (*(s for s in chain_shape if s != 1), m, n)
        return result.reshape(shape), merged_events

    # -- doors -------------------------------------------------------------------------------

    def _check(self, a: Operand, data: CallData) -> list[slice]:
        """Check a against b and the datapath; return the scale groups' slices of k."""
        k, n = self.shape
        if a.codes.shape[1] != k:
            raise ShapeError(
                f"a: shape={a.codes.shape}, b: shape=({k}, {n}), allowed: a's K equal to b's"
            )
        for name, size in (("M", len(a.codes)), ("K", k), ("N", n)):
            if size > _LARGEST_SIZE:
                raise ShapeError(f"{name}={size}, allowed: at most {_LARGEST_SIZE}")
        data.check_read(self.datapath)
        product = self.datapath.product
        if isinstance(product, Shift) and not (a.shifts or self.b.shifts):
            raise DatapathError(
                "product Shift: neither operand's format has shifts, allowed: LogQuant, "
                "PowerOfTwo or APoT on at least one side"
            )
        if isinstance(product, Lookup):
            _check_lookup(product, a, self.b, k)
        if self._fold and (a.has_zero_points or self.b.has_zero_points):
            if not any(isinstance(step, CorrectZeroPoints) for step in self.datapath.output):
                raise DatapathError(
                    "Multiply('fold') with zero points: CorrectZeroPoints missing in output"
                )
        groups = _group_slices(a.group, self.b.group, k)
        for ks in groups:
            self._check_reduce(ks.stop - ks.start)
        return groups

    def _check_reduce(self, k: int) -> None:
        """The order fits k, and the reduce steps leave one value."""
        slots = k
        if self._order is not None:
            real = int((self._order >= 0).sum())
            if real != k:
                raise DatapathError(f"order: names {real} ks, allowed: each of 0..{k - 1} once")
            slots = len(self._order)
        count = slots
        for step in self.datapath.reduce:
            count = step.output_count(count) if isinstance(step, Accumulate) else count
            if count > _LARGEST_SIZE:
                raise DatapathError(f"reduce: {count} values, allowed: at most {_LARGEST_SIZE}")
        if count != 1:
            raise DatapathError(
                f"reduce: leaves {count} values for K={k}, allowed: 1; end with Accumulate()"
            )

    def _bias(self, data: CallData, shape: tuple[int, int]) -> Ints | None:
        """The bias that an accumulator starts from, inside its register."""
        for number, step in enumerate(self.datapath.reduce):
            if isinstance(step, Accumulate) and step.start == "bias" and data.bias is not None:
                bias = _broadcast("bias", data.bias, shape)
                low, high = step.register.minimum, step.register.maximum
                found = _interval(bias)
                if low is not None and high is not None and (found.low < low or found.high > high):
                    wrong = found.low if found.low < low else found.high
                    raise CodeError(
                        f"bias: value {wrong}, allowed: {low}..{high}, the range of reduce step "
                        f"{number}, which starts from it"
                    )
                return bias
        return None

    # -- bounds ------------------------------------------------------------------------------

    def _bound(self, a: Operand, chain: _Chain, bias: Ints | None) -> Interval:
        a_interval = a.interval(chain.a_plane, chain.group, chain.ks)
        b_interval = self.b.interval(chain.b_plane, chain.group, chain.ks)
        if not self._fold:
            a_interval = _minus(a_interval, a.zero_point_interval(chain.group))
            b_interval = _minus(b_interval, self.b.zero_point_interval(chain.group))
        term = bounds.product(self.datapath.product, a_interval, b_interval)
        slots = chain.ks.stop - chain.ks.start
        if self._order is not None:
            slots, term = len(self._order), term.hull(ZERO)
        start = ZERO if bias is None else _interval(bias)
        return bounds.reduce(self.datapath.reduce, term, slots, start)

    def _correction_bound(self, a: Operand, chain: _Chain) -> Interval:
        if not self._fold:
            return ZERO
        k = chain.ks.stop - chain.ks.start
        za, zb = a.zero_point_interval(chain.group), self.b.zero_point_interval(chain.group)
        count = Interval(k, k)
        negative = Interval(-1, -1)
        sum_a = bounds.scale(count, a.interval(chain.a_plane, chain.group, chain.ks))
        sum_b = bounds.scale(count, self.b.interval(chain.b_plane, chain.group, chain.ks))
        total = bounds.scale(count, bounds.scale(za, zb))
        total = bounds.add(total, bounds.scale(negative, bounds.scale(zb, sum_a)))
        total = bounds.add(total, bounds.scale(negative, bounds.scale(za, sum_b)))
        return bounds.require(total, "CorrectZeroPoints: the correction")

    # -- events ------------------------------------------------------------------------------

    def _raise_trap(self, chains: list[_Chain], results: list[_BlockResult]) -> None:
        reduce_steps = self.datapath.reduce
        traps = [
            (place.m, place.n, index, place.position, step, place.k)
            for result in results
            for index, steps in enumerate(result.events)
            for step, raw in enumerate(steps)
            if (place := raw.trap) is not None
        ]
        if traps:
            m, n, index, _, step, k = min(traps)
            raise OverflowTrap((step, m, n, _whole_k(chains[index], k)), repr(reduce_steps[step]))
        for result in results:
            trap = result.output_trap
            if trap is not None:
                step = len(reduce_steps) + trap.position
                name = repr(self.datapath.output[trap.position])
                raise OverflowTrap((step, trap.m, trap.n, -1), name)

    def _events(
        self, chains: list[_Chain], results: list[_BlockResult], counts: Ints | None
    ) -> Events:
        merged = [
            _merge_step(step, chains, results) for step in range(len(self.datapath.reduce))
        ]
        steps = tuple(events for events, _ in merged)
        firsts = [(key, events.first) for events, key in merged if key is not None]
        last = next(
            (
                events
                for step, events in zip(reversed(self.datapath.reduce), reversed(steps))
                if isinstance(step, Accumulate)
            ),
            None,
        )
        return Events(
            steps=steps,
            overflows=sum(events.overflows for events in steps),
            first=min(firsts)[1] if firsts else None,
            minimum=None if last is None else last.minimum,
            maximum=None if last is None else last.maximum,
            counts=counts,
        )


_Key = tuple[int, int, int, int, int]  # m, n, chain, position, step


def _merge_step(
    step: int, chains: list[_Chain], results: list[_BlockResult]
) -> tuple[StepEvents, _Key | None]:
    """One step's events over all blocks and chains, and the sort key of its first place."""
    raws = [
        (index, chain_events[step])
        for result in results
        for index, chain_events in enumerate(result.events)
    ]
    firsts = [
        ((raw.first.m, raw.first.n, index, raw.first.position, step), raw.first.k)
        for index, raw in raws
        if raw.first is not None
    ]
    place: Place | None = None
    key: _Key | None = None
    if firsts:
        key, k = min(firsts)
        place = (step, key[0], key[1], _whole_k(chains[key[2]], k))
    minima = [raw.minimum for _, raw in raws if raw.minimum is not None]
    maxima = [raw.maximum for _, raw in raws if raw.maximum is not None]
    events = StepEvents(
        overflows=sum(raw.overflows for _, raw in raws),
        first=place,
        minimum=min(minima, default=None),
        maximum=max(maxima, default=None),
    )
    return events, key


def _whole_k(chain: _Chain, k: int) -> int:
    """A chain's k as a k of the whole."""
    start: int = chain.ks.start
    return k if k < 0 else start + k


def _minus(x: Interval, y: Interval) -> Interval:
    return Interval(x.low - y.high, x.high - y.low)


def _explicit_order(datapath: Datapath) -> Ints | None:
    order = datapath.order
    if order is None:
        return None
    if any(not isinstance(item, int) for item in order):
        raise DatapathError(f"order={order!r}: a loop nest, allowed: in conv2d only")
    return np.array(order, dtype=np.int64)


def _group_slices(a_group: int | None, b_group: int | None, k: int) -> list[slice]:
    group = a_group if a_group is not None else b_group
    if a_group is not None and b_group is not None and a_group != b_group:
        raise ShapeError(f"group: a has {a_group}, b has {b_group}, allowed: the same, or one")
    if group is None:
        return [slice(0, k)]
    return [slice(start, min(start + group, k)) for start in range(0, k, group)]


def _check_lookup(product: Lookup, a: Operand, b: Operand, k: int) -> None:
    shape = product.table.values.shape
    if len(shape) == 3 and shape[0] < k:
        raise DatapathError(f"Lookup: table for {shape[0]} ks, allowed: K={k} or more")
    for name, operand, size in (("a", a, shape[-2]), ("b", b, shape[-1])):
        found = operand.interval(0, 0, slice(None))
        if operand.codes.size and (found.low < 0 or found.high >= size):
            wrong = found.low if found.low < 0 else found.high
            raise CodeError(f"Lookup: {name} has code {wrong}, allowed: 0..{size - 1}")


def _row_values(values: Ints | None, shape: tuple[int, int]) -> Ints | None:
    return None if values is None else np.broadcast_to(values[:, None], shape)


def _column_values(values: Ints | None, shape: tuple[int, int]) -> Ints | None:
    return None if values is None else np.broadcast_to(values[None, :], shape)


def _or_zero(values: Ints | None, shape: tuple[int, int]) -> Ints:
    return np.broadcast_to(np.int64(0), shape) if values is None else values


def _row_blocks(m: int, k: int, n: int, threads: int | None) -> Iterator[slice]:
    """Blocks of rows small enough for the caches, at least one a thread."""
    height = max(1, _BLOCK_ELEMENTS // max(k, n, 1))
    workers = threads or os.cpu_count() or 1
    height = max(1, min(height, -(-m // workers)))
    for start in range(0, m, height):
        yield slice(start, min(start + height, m))


def _map(function, blocks: list[slice], threads: int | None) -> list[_BlockResult]:
    workers = min(threads or os.cpu_count() or 1, len(blocks))
    if workers <= 1:
        return [function(block) for block in blocks]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, blocks))
