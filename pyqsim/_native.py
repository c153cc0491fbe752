"""The one importer of the C library: arrays to pointers, values to structs, status to exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from pyqsim._libpyqsim import ffi, lib
from pyqsim.datapath import (
    AccumulateLogs,
    AddLogs,
    Lookup,
    Multiply,
    Narrow,
    Product,
    ReduceStep,
    Register,
    Shift,
)
from pyqsim.errors import DatapathError
from pyqsim.modes import OverflowRule, Rounding

__all__ = [
    "ISAS",
    "TRACE",
    "BitCodes",
    "Depthwise",
    "Gemm",
    "NoKernelError",
    "OutputOp",
    "OutputProgram",
    "RawEvents",
    "RawPlace",
    "RawTrace",
    "ReduceProgram",
    "Windows",
    "compiler",
    "isa_available",
    "narrow_array",
    "output",
    "philox",
    "zero_point_correction",
]

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

for _rule in OverflowRule:
    if getattr(lib, f"PQS_OVERFLOW_{_rule.name}") != _rule:
        raise ImportError(f"pyqsim: the C library was built for another version ({_rule!r})")

_INT32_ARRAY = ffi.typeof("int32_t[]")

_ISAS = {
    "auto": lib.PQS_ISA_AUTO,
    "portable": lib.PQS_ISA_PORTABLE,
    "neon": lib.PQS_ISA_NEON,
    "dotprod": lib.PQS_ISA_DOTPROD,
    "avx2": lib.PQS_ISA_AVX2,
    "avxvnni": lib.PQS_ISA_AVXVNNI,
    "avx512bw": lib.PQS_ISA_AVX512BW,
    "avx512vnni": lib.PQS_ISA_AVX512VNNI,
    "avx512vbmi": lib.PQS_ISA_AVX512VBMI,
    "avx512vpopcntdq": lib.PQS_ISA_AVX512VPOPCNTDQ,
}

#: Names of the instruction sets; "auto" is the best that the CPU has.
ISAS = tuple(_ISAS)

_ISA_NAMES = {number: name for name, number in _ISAS.items()}

#: Forms of one exact sum.
_SUMS = ("int8", "int16", "table", "gather", "permute", "bits")

_ELEMENTS = {
    np.dtype(np.uint8): lib.PQS_ELEMENT_UINT8,
    np.dtype(np.int8): lib.PQS_ELEMENT_INT8,
    np.dtype(np.int16): lib.PQS_ELEMENT_INT16,
}

_SHIFT_PARTS = {
    "none": lib.PQS_SHIFT_NONE,
    "all": lib.PQS_SHIFT_ALL,
    "left": lib.PQS_SHIFT_LEFT,
    "right": lib.PQS_SHIFT_RIGHT,
}


@dataclass(frozen=True, slots=True, order=True)
class RawPlace:
    """A place inside one chain, ordered as events are."""

    m: int
    n: int
    position: int
    k: int


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


class NoKernelError(Exception):
    """The fast kernel cannot do this call; the reference can."""


# ---------------------------------------------------------------------------------------------
# arrays and values to C


def _pointer(array: npt.NDArray[np.generic] | None, ctype: str = "int64_t *"):
    """Address of the first element; the caller keeps the array alive."""
    return ffi.NULL if array is None else ffi.cast(ctype, array.ctypes.data)


def _set_values(target, array: Ints | None) -> None:
    """Point a pqs_values at an (M, N) or (chains, M, N) array, broadcast or not."""
    if array is None:
        return
    strides = [stride // 8 for stride in array.strides]
    target.at = _pointer(array)
    target.m_stride, target.n_stride = strides[-2:]
    target.chain_stride = strides[0] if array.ndim == 3 else 0


def _values(array: Ints | None):
    if array is None:
        return ffi.NULL
    target = ffi.new("pqs_values *")
    _set_values(target, array)
    return target


def _set_register(target, register: Register) -> None:
    target.bits = register.bits or 0
    target.overflow = register.overflow.rule
    target.saturated_bits = register.overflow.saturated_bits
    target.is_signed = register.signed


def _set_rounding(target, rounding: Rounding) -> None:
    target.table = rounding.table
    target.stochastic = rounding.stochastic
    target.random_bits = 64 if rounding.random_bits is None else rounding.random_bits
    target.seed = rounding.seed or 0


def _set_narrow(target, step: Narrow) -> None:
    target.multiplier, target.divisor = step.multiplier, step.divisor
    target.shift = step.exact_shift
    _set_rounding(target.rounding, step.rounding)
    _set_register(target.range, step.register)


def _check(status: int) -> None:
    if status not in (lib.PQS_OK, lib.PQS_TRAPPED):
        raise DatapathError(ffi.string(lib.pqs_status_string(status)).decode())


def _place(place) -> RawPlace | None:
    if not place.found:
        return None
    return RawPlace(place.m, place.n, place.position, place.k)


def _wide(words) -> int:
    return (words.high << 64) + words.low


# ---------------------------------------------------------------------------------------------
# reduce


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
            _set_rounding(target.rounding, product.rounding)
        elif isinstance(product, AddLogs):
            target.kind = lib.PQS_PRODUCT_ADD_LOGS
            target.guard_bits = product.guard_bits
            target.negative = product.sign == "negative"
        elif isinstance(product, Lookup):
            values = np.ascontiguousarray(product.table.values)
            self._keep.append(values)
            target.kind = lib.PQS_PRODUCT_LOOKUP
            target.table = _pointer(values)
            target.table_k = values.shape[0] if values.ndim == 3 else 0
            target.table_a, target.table_b = values.shape[-2:]
        return target

    def _lower_step(self, target, step: ReduceStep) -> None:
        if isinstance(step, Narrow):
            target.kind = lib.PQS_STEP_NARROW
            _set_narrow(target.narrow, step)
            return
        if isinstance(step, AccumulateLogs):
            target.kind = lib.PQS_STEP_ACCUMULATE_LOGS
            _set_register(target.accumulate_logs.range, step.register)
            target.accumulate_logs.group = step.group or 0
            target.accumulate_logs.guard_bits = step.guard_bits
            return
        target.kind = lib.PQS_STEP_ACCUMULATE
        accumulate = target.accumulate
        _set_register(accumulate.range, step.register)
        accumulate.group = step.group or 0
        accumulate.interleave = step.interleave
        accumulate.start_bias = step.start == "bias"
        if step.spill:
            spill = ffi.new("pqs_narrow[]", len(step.spill))
            for narrow, value in zip(spill, step.spill, strict=True):
                _set_narrow(narrow, value)
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
            function = partial(lib.pqs_reduce_lanes, _ISAS[lanes_isa])
            size = lib.pqs_reduce_lanes_scratch(self._steps, self._count, len(b), slots)
        scratch = np.empty(max(size, 1), dtype=np.int64)
        status = function(
            self._product, self._steps, self._count, m, len(b), k, slots, _pointer(order),
            m_first, n_first, _pointer(a), k, _pointer(b), k,
            _values(a_zero_point), _values(b_zero_point), _values(bias),
            _pointer(out), out.strides[0] // 8,
            events, _pointer(counts), 0 if counts is None else counts.strides[0] // 8,
            _pointer(scratch),
        )  # fmt: skip
        if status == lib.PQS_ERROR_NO_KERNEL:
            raise NoKernelError
        _check(status)
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
            self._product, self._steps, self._count, len(a), slots, _pointer(order), m, n,
            _pointer(a), _pointer(b), a_zero_point, b_zero_point, bias, out,
            events, _pointer(records, "pqs_trace_record *"), _pointer(scratch),
        )  # fmt: skip
        _check(status)
        return RawTrace(out[0], status == lib.PQS_TRAPPED, records[:count])


def compiler() -> str:
    """Name and version of the compiler that built the C library."""
    return ffi.string(lib.pqs_compiler()).decode()


def isa_available(isa: str) -> bool:
    """Whether this CPU runs an instruction set."""
    return bool(lib.pqs_isa_available(_ISAS[isa]))


def _raw_events(events) -> RawEvents:
    seen = bool(events.seen)
    return RawEvents(
        events.overflows,
        _place(events.first),
        _place(events.trap),
        _wide(events.minimum) if seen else None,
        _wide(events.maximum) if seen else None,
    )


# ---------------------------------------------------------------------------------------------
# windows


class Windows:
    """Windows of images (B, H, W, C), gathered row by row.

    Parameters
    ----------
    images : ndarray, C-contiguous
        Padded already.
    size, stride, dilation : (int, int)
    out : (int, int)
        Windows along H and W.
    channels : slice
    """

    def __init__(
        self,
        images: npt.NDArray[np.generic],
        size: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        out: tuple[int, int],
        channels: slice,
    ) -> None:
        self._images = images[..., channels]
        depth = self._images.shape[3]
        self.shape = (len(images) * out[0] * out[1], size[0] * size[1] * depth)
        batch, row, column, element = self._images.strides
        self.struct = ffi.new("pqs_windows *")
        self.struct.image = _pointer(self._images, "void *")
        self.struct.out_rows, self.struct.out_columns = out
        self.struct.rows, self.struct.columns = size
        self.struct.bytes = depth * element
        self.struct.batch_stride = batch
        self.struct.row_step, self.struct.column_step = row * stride[0], column * stride[1]
        self.struct.row_stride = row * dilation[0]
        self.struct.column_stride = column * dilation[1]

    def rows(self, first: int, stop: int) -> npt.NDArray[np.generic]:
        """Windows first..stop-1, (stop - first, KH * KW * C)."""
        out = np.empty((stop - first, self.shape[1]), dtype=self._images.dtype)
        _check(lib.pqs_gather_windows(self.struct, first, stop - first, _pointer(out, "void *")))
        return out


# ---------------------------------------------------------------------------------------------
# matrix products in int32

_LINE = 64  # bytes; a vector load across lines takes two

# Looked up once: calls of a microsecond notice.
_gemm_run, _from_buffer, _NULL = lib.pqs_gemm_run, ffi.from_buffer, ffi.NULL


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    buffer = np.empty(size + _LINE, dtype=np.uint8)
    first = -buffer.ctypes.data % _LINE
    return buffer[first : first + size]


@dataclass(frozen=True)
class BitCodes:
    """Codes of 8 bits that stand for one of two integers.

    Attributes
    ----------
    mask : int
        What of a code counts.
    codes, values : (int, int)
        The two that are left by the mask, and what they stand for.
    proven : bool
        Whether a format says so. Then its codes are meant, else integers of 8 bits that may be
        others.
    """

    mask: int
    codes: tuple[int, int]
    values: tuple[int, int]
    proven: bool = False


@dataclass(frozen=True)
class GemmForm:
    """What int32 lanes compute; `pqs_gemm_plan` in pyqsim.h says what is asked of the operands.

    Attributes
    ----------
    kind : {"int8", "int16", "clamp", "top", "table", "pair", "group", "group_clamp", "group_top", \
"gather", "gather_clamp", "permute", "permute_clamp", "bits"}
    a_dtype : dtype
        uint8, int8 or int16.
    bits, signed
        Of the result's register.
    a_zero_point, a_shift, minimum, maximum : int
    tables : bytes
    planes, entries : int
        Of the tables, and of a row of theirs.
    by_pattern : bool
        Whether a's bytes are its codes' bit patterns, not its integers.
    part_steps : int
        Words of k between checks that a sum stays in minimum..maximum; 0: none.
    group, group_bits, outer_minimum, outer_maximum : int
        Of the forms of groups.
    places : bytes
        int32: which k stands at each place of the sums, -1 for a hole; empty: they ascend.
    a_bits : BitCodes, optional
        Of a; zero point subtracted from its values.
    b_values : (int, int)
        Of bits: the integers of b.
    """

    kind: str
    a_dtype: np.dtype
    bits: int = 32
    signed: bool = True
    a_zero_point: int = 0
    a_shift: int = 0
    minimum: int = 0
    maximum: int = 0
    tables: bytes = field(default=b"", repr=False)
    planes: int = 0
    entries: int = 0
    by_pattern: bool = False
    part_steps: int = 0
    group: int = 0
    group_bits: int = 0
    outer_minimum: int = 0
    outer_maximum: int = 0
    places: bytes = b""
    a_bits: BitCodes | None = None
    b_values: tuple[int, int] = (0, 0)


class GemmChecks:
    """What proves that a saturating sum is exact, part by part of k: `pqs_gemm_checks`."""

    def __init__(self, plan, form: GemmForm, b: Ints) -> None:
        sizes = ffi.new("size_t[3]")
        lib.pqs_gemm_check_sizes(plan, form.part_steps, sizes, sizes + 1, sizes + 2)
        parts, starts, panels = sizes
        self._corrections = np.empty((parts, starts), dtype=np.int32)
        self.low, self.high = (np.empty((parts, panels), dtype=np.int64) for _ in range(2))
        self.struct = ffi.new("pqs_gemm_checks *")
        self.struct.part_steps = form.part_steps
        self.struct.corrections = _pointer(self._corrections, "int32_t *")
        self.struct.low, self.struct.high = _pointer(self.low), _pointer(self.high)
        limits = np.iinfo(form.a_dtype)
        k = b.shape[1]
        _check(lib.pqs_gemm_pack_checks(plan, _pointer(b), k, limits.min, limits.max, self.struct))


class Gemm:
    """A matrix product in int32 lanes: b packed once, run on many rows of a.

    Parameters
    ----------
    form : GemmForm
    isa : str
    b : ndarray of int64, (N, K), C-contiguous
        Its integers, zero points subtracted; of tables: places in them.
    b_offsets : ndarray of int64, (N,), optional
        Of an int8 form: int8 holds b less that of its column; default: b.

    Raises
    ------
    NoKernelError
        If the CPU has no kernel for the form.
    """

    def __init__(self, form: GemmForm, isa: str, b: Ints, b_offsets: Ints | None = None) -> None:
        n, row_length = b.shape
        self.form, self.shape = form, (n, row_length)
        self._plan = ffi.new("pqs_gemm_plan *")
        self._plan.kind = getattr(lib, f"PQS_GEMM_{form.kind.upper()}")
        self._plan.isa, self._plan.a_element = _ISAS[isa], _ELEMENTS[form.a_dtype]
        if form.places:
            order = np.frombuffer(form.places, dtype=np.int32)
            b = np.ascontiguousarray(np.where(order < 0, 0, b[:, order]))
            self._places = np.maximum(order, 0)  # what stands there meets 0
            self._plan.places = _pointer(self._places, "int32_t *")
        k = b.shape[1]
        self._plan.n, self._plan.k, self._plan.row_length = n, k, row_length
        self._plan.bits, self._plan.is_signed = form.bits, form.signed
        self._plan.a_zero_point, self._plan.a_shift = form.a_zero_point, form.a_shift
        self._plan.minimum, self._plan.maximum = form.minimum, form.maximum
        self._plan.group, self._plan.group_bits = form.group, form.group_bits
        self._plan.outer_minimum = form.outer_minimum
        self._plan.outer_maximum = form.outer_maximum
        self._tables = _aligned(len(form.tables))
        self._tables[:] = np.frombuffer(form.tables, dtype=np.uint8)
        self._plan.tables = _pointer(self._tables, "void *")
        self._plan.planes, self._plan.entries = form.planes, form.entries
        if form.a_bits is not None:
            self._plan.a_mask = form.a_bits.mask
            self._plan.a_codes, self._plan.a_values = form.a_bits.codes, form.a_bits.values
            self._plan.b_values = form.b_values
        self.isa = _ISA_NAMES[lib.pqs_gemm_isa(self._plan)]
        if self.isa == "auto":
            raise NoKernelError
        self._row_bytes = row_length * form.a_dtype.itemsize
        sizes = ffi.new("size_t[3]")
        lib.pqs_gemm_sizes(self._plan, sizes, sizes + 1, sizes + 2)
        self._scratch = sizes[2]
        self._panels = _aligned(sizes[0])
        self._start = np.zeros(sizes[1], dtype=np.int32)
        if b_offsets is not None:
            self._offsets = np.zeros(sizes[1], dtype=np.int32)
            self._offsets[:n] = b_offsets
            self._plan.b_offsets = _pointer(self._offsets, "int32_t *")
        self._panels_at = _pointer(self._panels, "void *")
        self._start_at = _pointer(self._start, "int32_t *")
        _check(lib.pqs_gemm_pack(self._plan, _pointer(b), k, self._panels_at, self._start_at))

        self.checks = GemmChecks(self._plan, form, b) if form.part_steps else None

        #: whether sums saturate on the way: bounds of a may make it a faster one
        self.is_ordered = form.kind not in _SUMS or form.part_steps > 0

    @property
    def takes_codes(self) -> bool:
        """Whether a's rows are its codes, not its integers."""
        return self.form.a_bits is not None and self.form.a_bits.proven

    @property
    def name(self) -> str:
        """The form and its instruction set."""
        return f"{self.form.kind} on {self.isa}"

    def run_checked(
        self,
        a: npt.NDArray[np.generic],
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32] | None,
    ) -> int:
        """`run` until a sum is not proven to stay inside; how many rows are done and right."""
        scratch = _aligned(self._scratch) if self._scratch else None
        done = ffi.new("size_t *")
        checks = ffi.NULL if self.checks is None else self.checks.struct
        status = lib.pqs_gemm_run_checked(
            self._plan, checks, self._panels_at,
            self._start_at if start is None else _pointer(start, "int32_t *"),
            len(a), _pointer(a, "void *"), a.strides[0],
            _pointer(out, "int32_t *"), out.strides[0] // 4,
            _pointer(scratch, "void *"), done,
        )  # fmt: skip
        _check(status)
        return int(done[0])

    def with_bias(self, bias: Ints | None) -> npt.NDArray[np.int32] | None:
        """What the sums start from with a bias of each column, (N,); None: without."""
        if bias is None:
            return None
        start = self._start.view(np.uint32).copy()
        factor = 1 << (32 - self.form.bits) if self.form.kind == "top" else 1
        start[: self.shape[0]] += (bias * factor).astype(np.uint32)
        return start.view(np.int32)

    def run(
        self,
        a: npt.NDArray[np.generic],
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32] | None = None,
    ) -> None:
        """Run rows of a, (m, K), aligned and contiguous along K, into out, (m, N) likewise."""
        _check(self._run(a, out, start))

    def run_bits(
        self,
        a: npt.NDArray[np.generic],
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32] | None = None,
    ) -> bool:
        """`run` of codes that may be others than `BitCodes` has; false: some are."""
        status = self._run(a, out, start)
        if status == lib.PQS_ERROR_OPERAND:
            return False
        _check(status)
        return True

    def _run(
        self,
        a: npt.NDArray[np.generic],
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32] | None,
    ) -> int:
        scratch = _aligned(self._scratch) if self._scratch else None
        status: int = lib.pqs_gemm_run(
            self._plan, self._panels_at,
            self._start_at if start is None else _pointer(start, "int32_t *"),
            len(a), _pointer(a, "void *"), a.strides[0],
            _pointer(out, "int32_t *"), out.strides[0] // 4,
            _pointer(scratch, "void *"),
        )  # fmt: skip
        return status

    def run_contiguous(self, a: npt.NDArray[np.generic], out: npt.NDArray[np.int32]) -> bool:
        """`run` of aligned C-contiguous arrays in the least time; false: without a result."""
        scratch = _aligned(self._scratch) if self._scratch else None
        status = _gemm_run(
            self._plan, self._panels_at, self._start_at, len(a),
            _from_buffer(a), self._row_bytes, _from_buffer(_INT32_ARRAY, out), self.shape[0],
            _NULL if scratch is None else _pointer(scratch, "void *"),
        )  # fmt: skip
        return not status


class Depthwise:
    """Dot products of each channel's windows with weights of its own, no window gathered.

    Parameters
    ----------
    form : GemmForm
        Of kind "int16" or "clamp", k ascending.
    isa : str
    b : ndarray of int64, (C, taps)
        Zero points subtracted.

    Raises
    ------
    NoKernelError
        For a form of another kind.
    """

    def __init__(self, form: GemmForm, isa: str, b: Ints) -> None:
        self.form, self.shape = form, b.shape
        if form.kind not in ("int16", "clamp") or form.part_steps or form.places:
            raise NoKernelError
        self._plan = ffi.new("pqs_depthwise_plan *")
        self._plan.kind = getattr(lib, f"PQS_GEMM_{form.kind.upper()}")
        self._plan.isa, self._plan.a_element = _ISAS[isa], _ELEMENTS[form.a_dtype]
        self._plan.channels = len(b)
        self._plan.bits, self._plan.is_signed = form.bits, form.signed
        self._plan.a_zero_point = form.a_zero_point
        self._plan.minimum, self._plan.maximum = form.minimum, form.maximum
        self.isa = _ISA_NAMES[lib.pqs_depthwise_isa(self._plan)]
        if self.isa == "auto":
            raise NoKernelError
        self._weights = np.ascontiguousarray(b.T, dtype=np.int32)
        self._weights_at = _pointer(self._weights, "int32_t *")
        # sums are of raw elements: -za * sum(b) makes them those of elements less za
        folded = form.a_zero_point if form.kind == "int16" else 0
        self._start = (-folded * b.sum(axis=1, dtype=np.int64)).astype(np.uint32)

    @property
    def name(self) -> str:
        """The form and its instruction set."""
        return f"{self.form.kind} on {self.isa}"

    def with_bias(self, bias: Ints | None) -> npt.NDArray[np.int32]:
        """What the sums start from, (C,)."""
        start = self._start if bias is None else self._start + bias.astype(np.uint32)
        return start.view(np.int32)

    def run(
        self,
        windows: Windows,
        rows: slice,
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32],
    ) -> None:
        """Run windows of all C channels, of images of the form's dtype, into out, (rows, C)."""
        status = lib.pqs_depthwise_run(
            self._plan, windows.struct, self._weights_at,
            _pointer(start, "int32_t *"), rows.start, rows.stop - rows.start,
            _pointer(out, "int32_t *"), out.strides[0] // 4,
        )  # fmt: skip
        _check(status)


def zero_point_correction(
    a: Ints, b: Ints, a_zero_point: Ints | None, b_zero_point: Ints | None
) -> Ints:
    """``-zb*sum(a) - za*sum(b) + K*za*zb`` of a: (m, K) and b: (n, K), as (m, n); None is 0."""
    m, k = a.shape
    out = np.empty((m, len(b)), dtype=np.int64)
    status = lib.pqs_zero_point_correction(
        m, len(b), k, _pointer(a), k, _pointer(b), k,
        _values(a_zero_point), _values(b_zero_point), _pointer(out), len(b),
    )  # fmt: skip
    _check(status)
    return out


# ---------------------------------------------------------------------------------------------
# output

_FLOATS = ("scale", "second", "addend", "last")  # of a float_scale primitive
_BY_PLACE = ("data", "shift_data", *_FLOATS, "double_scale")  # arrays over m and n


@dataclass(frozen=True, eq=False)
class OutputOp:
    """One primitive of the output pipeline; arrays are (M, N) or (chains, M, N) int64 views.

    Attributes
    ----------
    kind : str
        One of the C library's PQS_OUTPUT_ names, in lower case.
    index : int
        The datapath's output step that it is (part of).
    """

    kind: str
    index: int
    register: Register = field(default_factory=Register)
    narrow: Narrow = field(default_factory=Narrow)
    data: Ints | None = None
    multiplier_from_data: bool = False
    shift_part: str = "none"
    shift_data: Ints | None = None
    scale: npt.NDArray[np.float32] | None = None
    second: npt.NDArray[np.float32] | None = None
    addend: npt.NDArray[np.float32] | None = None
    last: npt.NDArray[np.float32] | None = None
    double_scale: npt.NDArray[np.float64] | None = None
    clamp_before: bool = False
    zero_point_before: bool = False
    minimum: int = 0
    maximum: int = 0
    table: Ints | None = None
    guard_bits: int = 0

    @property
    def differs_by_row(self) -> bool:
        """Whether any of its arrays has numbers for every row m."""
        arrays = (getattr(self, name) for name in _BY_PLACE)
        return any(array is not None and array.strides[-2] for array in arrays)

    def rows(self, rows: slice, columns: slice = slice(None)) -> OutputOp:
        """The same primitive on some rows m and columns n."""
        cut = {
            name: None if (array := getattr(self, name)) is None else array[..., rows, columns]
            for name in _BY_PLACE
        }
        if self.table is not None and self.table.ndim == 2:
            cut["table"] = self.table[columns]
        return OutputOp(**{name: getattr(self, name) for name in self.__dataclass_fields__} | cut)


def _set_floats(target, array: npt.NDArray[np.float32] | None) -> None:
    if array is not None:
        target.at = _pointer(array, "float *")
        target.m_stride, target.n_stride = (s // 4 for s in array.strides)


def _set_output(target, op: OutputOp) -> None:
    target.kind = getattr(lib, f"PQS_OUTPUT_{op.kind.upper()}")
    target.index = op.index
    _set_register(target.range, op.register)
    _set_narrow(target.narrow, op.narrow)
    target.multiplier_from_data = op.multiplier_from_data
    target.shift_part = _SHIFT_PARTS[op.shift_part]
    _set_values(target.data, op.data)
    _set_values(target.shift_data, op.shift_data)
    for name in _FLOATS:
        _set_floats(getattr(target, name), getattr(op, name))
    if op.double_scale is not None:
        target.double_scale.at = _pointer(op.double_scale, "double *")
        strides = (s // 8 for s in op.double_scale.strides)
        target.double_scale.m_stride, target.double_scale.n_stride = strides
    target.clamp_before = op.clamp_before
    target.zero_point_before = op.zero_point_before
    target.minimum, target.maximum = op.minimum, op.maximum
    target.guard_bits = op.guard_bits
    if op.table is not None:
        target.table = _pointer(op.table)
        target.table_size = op.table.shape[-1]
        target.table_n_stride = op.table.shape[-1] if op.table.ndim == 2 else 0


def _output_steps(ops: tuple[OutputOp, ...]):
    steps = ffi.new("pqs_output_step[]", max(len(ops), 1))
    for target, op in zip(steps, ops, strict=False):
        _set_output(target, op)
    return steps


class OutputProgram:
    """Output steps of one chain as C structs, run on many columns at a time.

    Parameters
    ----------
    ops : tuple of OutputOp
        63 bits are proven to hold every sum and every numerator.
    isa : str

    Raises
    ------
    NoKernelError
        If the kernel does not know the steps.
    """

    def __init__(self, ops: tuple[OutputOp, ...], isa: str) -> None:
        self._ops, self._isa = ops, _ISAS[isa]  # the structs point into ops
        self._steps = _output_steps(ops)
        self.run(np.empty((0, 0), dtype=np.int64))

    def run(self, values: npt.NDArray[np.int64] | npt.NDArray[np.int32]) -> None:
        """Replace values (m, n), C-contiguous, by their output, which their dtype must hold."""
        m, n = values.shape
        if values.dtype == np.int32:
            run, at = lib.pqs_output_lanes_int32, _pointer(values, "int32_t *")
        else:
            run, at = lib.pqs_output_lanes, _pointer(values)
        status = run(self._isa, self._steps, len(self._ops), m, n, at)
        if status == lib.PQS_ERROR_NO_KERNEL:
            raise NoKernelError
        _check(status)


def output(
    ops: tuple[OutputOp, ...], values: Ints, *, step_first: int, m_first: int, n_first: int
) -> RawPlace | None:
    """Replace values (chains, m, n), C-contiguous, by their output; return the first trap.

    The trap's `position` is the index of its output step. After a merge only values[0] counts.
    """
    steps = _output_steps(ops)
    trap = ffi.new("pqs_place *")
    chains, m, n = values.shape
    status = lib.pqs_output(
        steps, len(ops), step_first, chains, m, n, m_first, n_first, _pointer(values), trap
    )
    _check(status)
    return _place(trap)


def narrow_array(step: Narrow, x: Ints) -> tuple[Ints, int, RawPlace | None]:
    """Run a Narrow step on a flat array: results, overflows, first trap (its n is the index)."""
    target = ffi.new("pqs_narrow *")
    _set_narrow(target, step)
    out, overflows = np.empty_like(x), ffi.new("int64_t *")
    trap = ffi.new("pqs_place *")
    status = lib.pqs_narrow_array(target, x.size, _pointer(x), _pointer(out), overflows, trap)
    _check(status)
    return out, overflows[0], _place(trap)


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10: four 32-bit words."""
    words = ffi.new("uint32_t[4]")
    lib.pqs_philox4x32_10(ffi.new("uint32_t[4]", counter), ffi.new("uint32_t[2]", key), words)
    return words[0], words[1], words[2], words[3]
