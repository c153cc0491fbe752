"""A merge of chains, many columns at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pyqsim._native.output import OutputOp, output_steps
from pyqsim._native.values import ISA_NUMBERS, NoKernelError, check, lib, pointer

__all__ = ["MergeProgram"]

Ints = npt.NDArray[np.int64]


class MergeProgram:
    """A Merge as a C struct.

    Parameters
    ----------
    op : OutputOp
        63 bits are proven to hold every sum.
    isa : str

    Raises
    ------
    NoKernelError
        If the kernel does not know the register, or there is no chain.
    """

    def __init__(self, op: OutputOp, isa: str) -> None:
        assert op.data is not None
        multipliers = _by_columns(op.data)
        op = replace(op, data=multipliers)
        self._op, self._isa = op, ISA_NUMBERS[isa]  # the struct points into op
        self._step = output_steps((op,))
        self.run(np.empty((len(multipliers), 0, 0), dtype=np.int64))

    def run(self, values: npt.NDArray[np.int64]) -> None:
        """Merge values (chains, m, n), C-contiguous, into those of chain 0."""
        chains, m, n = values.shape
        _check(lib.pqs_merge_lanes(self._isa, self._step, chains, m, n, pointer(values)))

    def run_int32(self, sums: npt.NDArray[np.int32], out: npt.NDArray[np.int64]) -> None:
        """Merge sums (chains, m, n), each chain C-contiguous, into out (m, n), likewise."""
        chains, m, n = sums.shape
        status = lib.pqs_merge_lanes_int32(
            self._isa, self._step, chains, m, n,
            pointer(sums, "int32_t *"), sums.strides[0] // 4, pointer(out),
        )  # fmt: skip
        _check(status)


def _by_columns(multipliers: Ints) -> Ints:
    """(chains, m, n), a number for each column, the rows as they are."""
    if multipliers.strides[2] or multipliers.shape[2] < 2:
        return multipliers
    rows = multipliers if multipliers.strides[1] else multipliers[:, :1]
    return np.broadcast_to(np.ascontiguousarray(rows), multipliers.shape)


def _check(status: int) -> None:
    if status == lib.PQS_ERROR_NO_KERNEL:
        raise NoKernelError
    check(status)
