"""The primitives of the output pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pyqsim._native.values import (
    ISA_NUMBERS,
    NoKernelError,
    RawPlace,
    check,
    ffi,
    lib,
    place,
    pointer,
    set_narrow,
    set_register,
    set_values,
)
from pyqsim.datapath import Narrow, Register

__all__ = ["Int32Program", "OutputOp", "OutputProgram", "output", "output_steps"]

Ints = npt.NDArray[np.int64]

_SHIFT_PARTS = {
    "none": lib.PQS_SHIFT_NONE,
    "all": lib.PQS_SHIFT_ALL,
    "left": lib.PQS_SHIFT_LEFT,
    "right": lib.PQS_SHIFT_RIGHT,
}

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
        target.at = pointer(array, "float *")
        target.m_stride, target.n_stride = (s // 4 for s in array.strides)


def _set_output(target, op: OutputOp) -> None:
    target.kind = getattr(lib, f"PQS_OUTPUT_{op.kind.upper()}")
    target.index = op.index
    set_register(target.range, op.register)
    set_narrow(target.narrow, op.narrow)
    target.multiplier_from_data = op.multiplier_from_data
    target.shift_part = _SHIFT_PARTS[op.shift_part]
    set_values(target.data, op.data)
    set_values(target.shift_data, op.shift_data)
    for name in _FLOATS:
        _set_floats(getattr(target, name), getattr(op, name))
    if op.double_scale is not None:
        target.double_scale.at = pointer(op.double_scale, "double *")
        strides = (s // 8 for s in op.double_scale.strides)
        target.double_scale.m_stride, target.double_scale.n_stride = strides
    target.clamp_before = op.clamp_before
    target.zero_point_before = op.zero_point_before
    target.minimum, target.maximum = op.minimum, op.maximum
    target.guard_bits = op.guard_bits
    if op.table is not None:
        target.table = pointer(op.table)
        target.table_size = op.table.shape[-1]
        target.table_n_stride = op.table.shape[-1] if op.table.ndim == 2 else 0


def output_steps(ops: tuple[OutputOp, ...]):
    """The C structs of primitives; they point into the arrays of ops."""
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
    columns : int
        Columns that the steps' arrays have numbers for: all are looked at.

    Raises
    ------
    NoKernelError
        If the kernel does not know the steps, or cannot shift by as much.
    """

    lanes = np.dtype(np.int64)

    def __init__(self, ops: tuple[OutputOp, ...], isa: str, columns: int = 0) -> None:
        self._ops, self._isa = ops, ISA_NUMBERS[isa]  # the structs point into ops
        self._steps = output_steps(ops)
        self.run(np.empty((0, columns), dtype=np.int64))

    def run(self, values: npt.NDArray[np.int64] | npt.NDArray[np.int32]) -> None:
        """Replace values (m, n), C-contiguous, by their output, which their dtype must hold."""
        m, n = values.shape
        if values.dtype == np.int32:
            run, at = lib.pqs_output_lanes_int32, pointer(values, "int32_t *")
        else:
            run, at = lib.pqs_output_lanes, pointer(values)
        _kernel_ran(run(self._isa, self._steps, len(self._ops), m, n, at))


class Int32Program:
    """Output steps of one chain in lanes of 32 bits, lowered once for all rows.

    Parameters
    ----------
    ops : tuple of OutputOp
        32 bits are proven to hold what they do (`pqs_output_int32_lower`).
    isa : str
    shape : (int, int)
        Rows that it is made for, if they are few; columns.

    Raises
    ------
    NoKernelError
        If the kernel does not know the steps.
    """

    lanes = np.dtype(np.int32)

    def __init__(self, ops: tuple[OutputOp, ...], isa: str, shape: tuple[int, int]) -> None:
        steps, size = output_steps(ops), ffi.new("size_t *")
        _kernel_ran(lib.pqs_output_int32_size(steps, len(ops), *shape, size))
        self._bytes = np.empty(size[0], dtype=np.uint8)
        self._at = pointer(self._bytes, "void *")
        _kernel_ran(lib.pqs_output_int32_lower(ISA_NUMBERS[isa], steps, len(ops), *shape, self._at))

    def run(self, values: npt.NDArray[np.int32]) -> None:
        """Replace values (m, n), C-contiguous, by their output."""
        check(lib.pqs_output_int32_run(self._at, len(values), pointer(values, "int32_t *")))


def _kernel_ran(status: int) -> None:
    if status == lib.PQS_ERROR_NO_KERNEL:
        raise NoKernelError
    check(status)


def output(
    ops: tuple[OutputOp, ...], values: Ints, *, step_first: int, m_first: int, n_first: int
) -> RawPlace | None:
    """Replace values (chains, m, n), C-contiguous, by their output; return the first trap.

    The trap's `position` is the index of its output step. After a merge only values[0] counts.
    """
    steps = output_steps(ops)
    trap = ffi.new("pqs_place *")
    chains, m, n = values.shape
    status = lib.pqs_output(
        steps, len(ops), step_first, chains, m, n, m_first, n_first, pointer(values), trap
    )
    check(status)
    return place(trap)
