"""Matrix products in int32 lanes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native.values import (
    ELEMENTS,
    ISA_NAMES,
    ISA_NUMBERS,
    NoKernelError,
    check,
    ffi,
    lib,
    pointer,
)

__all__ = ["BitCodes", "Gemm", "GemmForm", "sixteen_integers"]

Ints = npt.NDArray[np.int64]

#: Forms of one exact sum.
_SUMS = ("int4", "int8", "int16", "table", "table4", "gather", "permute", "bits")

_INT32_ARRAY = ffi.typeof("int32_t[]")

_LINE = 64  # bytes; a vector load across lines takes two

# Looked up once: calls of a microsecond notice.
_gemm_run, _from_buffer, _NULL = lib.pqs_gemm_run, ffi.from_buffer, ffi.NULL


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    buffer = np.empty(size + _LINE, dtype=np.uint8)
    first = -buffer.ctypes.data % _LINE
    return buffer[first : first + size]


def sixteen_integers(b: Ints) -> bytes | None:
    """`GemmForm.tables` of int4: the integers of b, (N, K), where they are sixteen int8 at most."""
    n, k = b.shape
    integers = ffi.new("int8_t[16]")
    found = lib.pqs_gemm_sixteen(n, k, pointer(b), k, integers)
    return bytes(ffi.buffer(integers)) if found else None


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
    kind : {"int4", "int8", "int16", "clamp", "top", "top_halves", "table", "table4", "pair", \
"group", "group_clamp", "group_top", "gather", "gather_clamp", "permute", "permute_clamp", "bits"}
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
        self.struct.corrections = pointer(self._corrections, "int32_t *")
        self.struct.low, self.struct.high = pointer(self.low), pointer(self.high)
        limits = np.iinfo(form.a_dtype)
        k = b.shape[1]
        check(lib.pqs_gemm_pack_checks(plan, pointer(b), k, limits.min, limits.max, self.struct))


class Gemm:
    """A matrix product in int32 lanes: b packed once, run on many rows of a.

    Parameters
    ----------
    form : GemmForm
    isa : str
    b : ndarray of int64, (planes * N, K), C-contiguous
        Its integers, zero points subtracted; of tables: places in them.
    b_offsets : ndarray of int64, (planes * N,), optional
        Of int8 and int4: subtracted from each column of b, and added to its sums.
    planes : int
        Of b, all run in one pass over a.

    Raises
    ------
    NoKernelError
        If the CPU has no kernel for the form.
    """

    def __init__(
        self,
        form: GemmForm,
        isa: str,
        b: Ints,
        b_offsets: Ints | None = None,
        planes: int = 1,
    ) -> None:
        n, row_length = len(b) // planes, b.shape[1]
        self.form, self.shape, self.planes = form, (n, row_length), planes
        self._plan = ffi.new("pqs_gemm_plan *")
        self._plan.kind = getattr(lib, f"PQS_GEMM_{form.kind.upper()}")
        self._plan.isa, self._plan.a_element = ISA_NUMBERS[isa], ELEMENTS[form.a_dtype]
        if form.places:
            order = np.frombuffer(form.places, dtype=np.int32)
            b = np.ascontiguousarray(np.where(order < 0, 0, b[:, order]))
            self._places = np.maximum(order, 0)  # what stands there meets 0
            self._plan.places = pointer(self._places, "int32_t *")
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
        self._plan.tables = pointer(self._tables, "void *")
        self._plan.planes, self._plan.entries = form.planes, form.entries
        if form.a_bits is not None:
            self._plan.a_mask = form.a_bits.mask
            self._plan.a_codes, self._plan.a_values = form.a_bits.codes, form.a_bits.values
            self._plan.b_values = form.b_values
        self.isa = ISA_NAMES[lib.pqs_gemm_isa(self._plan)]
        if self.isa == "auto":
            raise NoKernelError
        self._row_bytes = row_length * form.a_dtype.itemsize
        sizes = ffi.new("size_t[3]")
        lib.pqs_gemm_sizes(self._plan, sizes, sizes + 1, sizes + 2)
        self._scratch = sizes[2]
        self._pack(b, b_offsets, sizes[0], sizes[1])
        self._run_rows = partial(_gemm_run, self._plan, self._panels_at, self._start_at)
        self.checks = GemmChecks(self._plan, form, b) if form.part_steps else None

        #: whether sums saturate on the way: bounds of a may make it a faster one
        self.is_ordered = form.kind not in _SUMS or form.part_steps > 0

    def _pack(self, b: Ints, b_offsets: Ints | None, panel_bytes: int, starts: int) -> None:
        """Write panels, starts and offsets of every plane, one after the other."""
        planes, n = self.planes, self.shape[0]
        self._panels = _aligned(planes * panel_bytes)
        self._start = np.zeros(planes * starts, dtype=np.int32)
        self._panels_at = pointer(self._panels, "void *")
        self._start_at = pointer(self._start, "int32_t *")
        if b_offsets is not None:
            self._offsets = np.zeros_like(self._start)
            self._columns(self._offsets)[:] = b_offsets.reshape(planes, n)
        for plane in reversed(range(planes)):  # what stays in the plan is the first one's
            if b_offsets is not None:
                offsets = self._offsets[plane * starts :]
                self._plan.b_offsets = pointer(offsets, "int32_t *")
            panels, start = self._panels[plane * panel_bytes :], self._start[plane * starts :]
            own, to = pointer(b[plane * n :]), pointer(panels, "void *")
            k = b.shape[1]
            check(lib.pqs_gemm_pack(self._plan, own, k, to, pointer(start, "int32_t *")))

    def _columns(self, start: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The columns that are there, (planes, N), of an array that has room for whole panels."""
        return start.reshape(self.planes, -1)[:, : self.shape[0]]

    @property
    def takes_codes(self) -> bool:
        """Whether a's rows are its codes, not its integers."""
        return self.form.a_bits is not None and self.form.a_bits.proven

    @property
    def name(self) -> str:
        """The form and its instruction set."""
        why = " (b in 4 bits, half the bytes to read)" if self.form.kind == "int4" else ""
        return f"{self.form.kind} on {self.isa}{why}"

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
            self._start_at if start is None else pointer(start, "int32_t *"),
            len(a), pointer(a, "void *"), a.strides[0],
            pointer(out, "int32_t *"), out.strides[0] // 4,
            pointer(scratch, "void *"), done,
        )  # fmt: skip
        check(status)
        return int(done[0])

    def with_bias(self, bias: Ints | None) -> npt.NDArray[np.int32] | None:
        """What sums start from with a bias of each column, (N,), of every plane; None: without."""
        if bias is None:
            return None
        start = self._start.view(np.uint32).copy()
        factor = 1 << (32 - self.form.bits) if self.form.kind in ("top", "top_halves") else 1
        self._columns(start)[:] += (bias * factor).astype(np.uint32)
        return start.view(np.int32)

    def run(
        self,
        a: npt.NDArray[np.generic],
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32] | None = None,
    ) -> None:
        """Run rows of a, (m, K), aligned and contiguous along K, into out, (m, N) likewise.

        Of several planes: into out, (planes, m, N).
        """
        check(self._run(a, out, start))

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
        check(status)
        return True

    def _run(
        self,
        a: npt.NDArray[np.generic],
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32] | None,
    ) -> int:
        scratch = _aligned(self._scratch) if self._scratch else None
        status: int = lib.pqs_gemm_run_planes(
            self._plan, self.planes, self._panels_at,
            self._start_at if start is None else pointer(start, "int32_t *"),
            len(a), pointer(a, "void *"), a.strides[0],
            pointer(out, "int32_t *"), out.strides[-2] // 4, out.strides[0] // 4,
            pointer(scratch, "void *"),
        )  # fmt: skip
        return status

    def run_contiguous(self, a: npt.NDArray[np.generic], out: npt.NDArray[np.int32]) -> bool:
        """`run` of one plane of aligned C-contiguous arrays in the least time; false: no result."""
        scratch = _aligned(self._scratch) if self._scratch else None
        status = self._run_rows(
            len(a), _from_buffer(a), self._row_bytes,
            _from_buffer(_INT32_ARRAY, out), self.shape[0],
            _NULL if scratch is None else pointer(scratch, "void *"),
        )  # fmt: skip
        return not status
