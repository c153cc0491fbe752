"""Products and reduce steps: chains of accumulators, their events and traces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from pyqsim._native.values import (
    ISA_NUMBERS,
    NoKernelError,
    RawPlace,
    check,
    ffi,
    lib,
    optional_values,
    place,
    pointer,
    set_narrow,
    set_register,
    set_rounding,
)
from pyqsim.datapath import (
    AccumulateLogs,
    AddLogs,
    Lookup,
    Multiply,
    Narrow,
    Product,
    ReduceStep,
    Shift,
)

__all__ = ["TRACE", "RawEvents", "RawTrace", "ReduceProgram", "zero_point_correction"]

Ints = npt.NDArray[np.int64]

#: pqs_trace_record; what the range rule saw is ``seen_high * 2**64 + seen_low``.
TRACE = np.dtype(
    [
        ("step", np.int32),
        ("spill", np.int32),
        ("acted", np.int32),
        ("position", np.int64),
        ("before", np.int64),
        ("value", np.int64),
        ("seen_high", np.int64),
        ("seen_low", np.uint64),
        ("after", np.int64),
    ],
    align=True,
)
if TRACE.itemsize != ffi.sizeof("pqs_trace_record"):
    raise ImportError("pyqsim: the C library was built for another version (pqs_trace_record)")


@dataclass(frozen=True, slots=True)
class RawEvents:
    """What one chain's step saw; `trap` is the first overflow of a TRAP register."""

    overflows: int
    first: RawPlace | None
    trap: RawPlace | None
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, eq=False, slots=True)
class RawTrace:
    """One output: what its chain leaves, whether it trapped, and its records, a `TRACE` array."""

    value: int
    trapped: bool
    records: npt.NDArray[np.void]


class ReduceProgram:
    """A product and its reduce steps as C structs, made once and run on many blocks.

    Parameters
    ----------
    product : Product
    steps : tuple of ReduceStep
    a_shifts, b_shifts : bool
        Which operands have shifts, for a Shift product.
    """

    def __init__(
        self, product: Product, steps: tuple[ReduceStep, ...], *, a_shifts: bool, b_shifts: bool
    ) -> None:
        self._keep: list[object] = []
        self._product = self._lower_product(product, a_shifts, b_shifts)
        self._count = len(steps)
        self._steps = ffi.new("pqs_step[]", max(self._count, 1))
        for target, step in zip(self._steps, steps, strict=False):
            self._lower_step(target, step)

    def _lower_product(self, product: Product, a_shifts: bool, b_shifts: bool):
        target = ffi.new("pqs_product *")
        if isinstance(product, Multiply):
            target.kind = lib.PQS_PRODUCT_MULTIPLY
        elif isinstance(product, Shift):
            target.kind = lib.PQS_PRODUCT_SHIFT
            target.shifting = lib.PQS_SHIFTING_A * a_shifts + lib.PQS_SHIFTING_B * b_shifts
            target.drop = product.drop
            target.sign_before = product.sign == "before"
            target.per_sum = product.per == "sum"
            set_rounding(target.rounding, product.rounding)
        elif isinstance(product, AddLogs):
            target.kind = lib.PQS_PRODUCT_ADD_LOGS
            target.guard_bits = product.guard_bits
            target.negative = product.sign == "negative"
        elif isinstance(product, Lookup):
            values = np.ascontiguousarray(product.table.values)
            self._keep.append(values)
            target.kind = lib.PQS_PRODUCT_LOOKUP
            target.table = pointer(values)
            target.table_k = values.shape[0] if values.ndim == 3 else 0
            target.table_a, target.table_b = values.shape[-2:]
        return target

    def _lower_step(self, target, step: ReduceStep) -> None:
        if isinstance(step, Narrow):
            target.kind = lib.PQS_STEP_NARROW
            set_narrow(target.narrow, step)
            return
        if isinstance(step, AccumulateLogs):
            target.kind = lib.PQS_STEP_ACCUMULATE_LOGS
            set_register(target.accumulate_logs.range, step.register)
            target.accumulate_logs.group = step.group or 0
            target.accumulate_logs.guard_bits = step.guard_bits
            return
        target.kind = lib.PQS_STEP_ACCUMULATE
        accumulate = target.accumulate
        set_register(accumulate.range, step.register)
        accumulate.group = step.group or 0
        accumulate.interleave = step.interleave
        accumulate.start_bias = step.start == "bias"
        if step.spill:
            spill = ffi.new("pqs_narrow[]", len(step.spill))
            for narrow, value in zip(spill, step.spill, strict=True):
                set_narrow(narrow, value)
            self._keep.append(spill)
            accumulate.spill, accumulate.spill_count = spill, len(step.spill)

    def has_lanes(self, n: int, slots: int) -> bool:
        """Whether the lanes kernel knows these steps."""
        return lib.pqs_reduce_lanes_scratch(self._steps, self._count, n, slots) > 0

    def run(
        self,
        a: Ints,
        b: Ints,
        out: Ints,
        *,
        order: Ints | None = None,
        m_first: int = 0,
        n_first: int = 0,
        a_zero_point: Ints | None = None,
        b_zero_point: Ints | None = None,
        bias: Ints | None = None,
        counts: Ints | None = None,
        lanes_isa: str | None = None,
    ) -> tuple[RawEvents, ...]:
        """Run one chain on rows of a: (m, K) and (n, K), both C-contiguous, into out: (m, n).

        Zero points and bias broadcast to (m, n); None is 0. `counts` (m, n) is added to.
        With `lanes_isa` the lanes kernel runs, or `NoKernelError` is raised and nothing written.
        """
        m, k = a.shape
        slots = k if order is None else len(order)
        events = ffi.new("pqs_step_events[]", max(self._count, 1))
        if lanes_isa is None:
            function = lib.pqs_reduce
            size = lib.pqs_reduce_scratch(self._steps, self._count, slots)
        else:
            function = partial(lib.pqs_reduce_lanes, ISA_NUMBERS[lanes_isa])
            size = lib.pqs_reduce_lanes_scratch(self._steps, self._count, len(b), slots)
        scratch = np.empty(max(size, 1), dtype=np.int64)
        status = function(
            self._product, self._steps, self._count, m, len(b), k, slots, pointer(order),
            m_first, n_first, pointer(a), k, pointer(b), k,
            optional_values(a_zero_point), optional_values(b_zero_point), optional_values(bias),
            pointer(out), out.strides[0] // 8,
            events, pointer(counts), 0 if counts is None else counts.strides[0] // 8,
            pointer(scratch),
        )  # fmt: skip
        if status == lib.PQS_ERROR_NO_KERNEL:
            raise NoKernelError
        check(status)
        return tuple(_raw_events(events[i]) for i in range(self._count))

    def trace(
        self,
        a: Ints,
        b: Ints,
        *,
        order: Ints | None,
        m: int,
        n: int,
        a_zero_point: int,
        b_zero_point: int,
        bias: int,
    ) -> RawTrace:
        """Every value on the way of one output (m, n), a and b: (K,)."""
        slots = len(a) if order is None else len(order)
        count = lib.pqs_trace_count(self._steps, self._count, slots)
        records = np.zeros(max(count, 1), dtype=TRACE)
        scratch = np.empty(
            max(lib.pqs_reduce_scratch(self._steps, self._count, slots), 1), dtype=np.int64
        )
        events = ffi.new("pqs_step_events[]", max(self._count, 1))
        out = ffi.new("int64_t *")
        status = lib.pqs_trace(
            self._product, self._steps, self._count, len(a), slots, pointer(order), m, n,
            pointer(a), pointer(b), a_zero_point, b_zero_point, bias, out,
            events, pointer(records, "pqs_trace_record *"), pointer(scratch),
        )  # fmt: skip
        check(status)
        return RawTrace(out[0], status == lib.PQS_TRAPPED, records[:count])


def _raw_events(events) -> RawEvents:
    seen = bool(events.seen)
    return RawEvents(
        events.overflows,
        place(events.first),
        place(events.trap),
        _wide(events.minimum) if seen else None,
        _wide(events.maximum) if seen else None,
    )


def _wide(words) -> int:
    return (words.high << 64) + words.low


def zero_point_correction(
    a: Ints, b: Ints, a_zero_point: Ints | None, b_zero_point: Ints | None
) -> Ints:
    """``-zb*sum(a) - za*sum(b) + K*za*zb`` of a: (m, K) and b: (n, K), as (m, n); None is 0."""
    m, k = a.shape
    out = np.empty((m, len(b)), dtype=np.int64)
    status = lib.pqs_zero_point_correction(
        m, len(b), k, pointer(a), k, pointer(b), k,
        optional_values(a_zero_point), optional_values(b_zero_point), pointer(out), len(b),
    )  # fmt: skip
    check(status)
    return out
