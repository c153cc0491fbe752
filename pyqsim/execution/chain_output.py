"""Output steps of all chains by the kernels that work on many columns at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import MergeProgram, NoKernelError, OutputOp, OutputProgram

__all__ = ["ChainOutput"]

Ints = npt.NDArray[np.int64]


class ChainOutput:
    """Steps of each chain by itself, a merge of them, if any, and steps of what it leaves.

    Parameters
    ----------
    ops : sequence of OutputOp
        63 bits are proven to hold every sum and every numerator.
    chains, columns : int
    isa : str

    Raises
    ------
    NoKernelError
        If a kernel does not know its steps, or shifts of several differ from row to row.
    """

    lanes = np.dtype(np.int64)

    def __init__(self, ops: Sequence[OutputOp], chains: int, columns: int, isa: str) -> None:
        merges = [place for place, op in enumerate(ops) if op.kind == "merge"]
        if (merges or chains > 1) and any(_shifts_by_row(op) for op in ops):
            raise NoKernelError  # a shift too far shows in its row, when other steps have run
        (at,) = merges or (len(ops),)
        each, merge, merged = tuple(ops[:at]), ops[at : at + 1], tuple(ops[at + 1 :])
        self._each: list[OutputProgram] = []
        if each:
            own = [tuple(_of_chain(op, chain) for op in each) for chain in range(chains)]
            self._each = [OutputProgram(one, isa, columns) for one in own]
        self._merge = MergeProgram(merge[0], isa) if merge else None
        self._merged = OutputProgram(merged, isa, columns) if merged else None

    def run(self, values: Ints) -> None:
        """Replace values (chains, m, n), C-contiguous; a merge leaves those of chain 0 alone."""
        for program, own in zip(self._each, values, strict=False):
            program.run(own)
        if self._merge is not None:
            self._merge.run(values)
            if self._merged is not None:
                self._merged.run(values[0])

    def merge(self, sums: npt.NDArray[np.signedinteger[Any]], out: Ints) -> None:
        """What all steps, a merge among them, make of sums, each C-contiguous, into out (m, n)."""
        if self._each or self._merge is None or sums.dtype != np.int32:
            values = sums.astype(np.int64, order="C")
            self.run(values)
            out[...] = values[0]
            return
        self._merge.run_int32(sums, out)
        if self._merged is not None:
            self._merged.run(out)


def _shifts_by_row(op: OutputOp) -> bool:
    return op.shift_data is not None and op.shift_data.strides[-2] != 0


def _of_chain(op: OutputOp, chain: int) -> OutputOp:
    if op.data is None or op.data.ndim == 2:
        return op
    return replace(op, data=op.data[chain])
