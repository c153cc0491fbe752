"""Calls proven once for all operands of a kind: a kernel in int32, then the output steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import NoKernelError, OutputProgram
from pyqsim.bounds import Interval
from pyqsim.execution.call import Call
from pyqsim.execution.call_data import CallData
from pyqsim.execution.gemm import ChainKernel
from pyqsim.execution.operand import Operand, Patches
from pyqsim.execution.shares import even_shares, run_shares, thread_count
from pyqsim.execution.telemetry import Chain
from pyqsim.parameters import Parameters

__all__ = ["FusedCall", "data_key", "operand_key"]

_THREADED = 1 << 22  # products below which one thread does it all
_BLOCK_OUTPUTS = 1 << 16  # sums that stay in the caches until the output steps have seen them
_BLOCK_CODES = 1 << 18  # codes that windows are gathered to at a time
_FEW = 1 << 16  # numbers that are compared to find a call again


@dataclass(frozen=True, eq=False, slots=True)
class FusedCall:
    """One chain that a kernel in int32 lanes runs, and output steps that do not ask for the row.

    Attributes
    ----------
    kernel : ChainKernel
    chain : Chain
    output : OutputProgram or None
        None: the sums are the result.
    dtype : dtype
        Of the result.
    explanation : tuple of str
        Lines of `Runner.explain`.
    """

    kernel: ChainKernel
    chain: Chain
    output: OutputProgram | None
    dtype: np.dtype[Any]
    explanation: tuple[str, ...]

    @classmethod
    def of(cls, call: Call, isa: str, what: str) -> FusedCall | None:
        """What does the same as a call of `AnyRows`; None: the call is no such one."""
        parts = call.fused_parts()
        if parts is None:
            return None
        kernel, ops = parts
        try:
            output = OutputProgram(ops, isa, call.shape[1]) if ops else None
        except NoKernelError:
            return None
        why = (f"{what}: {kernel.explanation}",)
        return cls(kernel, call.chains[0], output, call.result.dtype, why)

    def run(self, a: Operand, threads: int | None) -> npt.NDArray[np.signedinteger[Any]]:
        """The result, (M, N)."""
        n, k = self.kernel.shape
        m = len(a.codes)
        result = np.empty((m, n), dtype=self.dtype)
        workers = 1 if m * n * k < _THREADED else thread_count(threads)
        shares = even_shares(m, workers)
        run_shares(lambda rows: self._run_rows(a, rows, result), shares, workers)
        return result

    def _run_rows(self, a: Operand, rows: slice, result: npt.NDArray[Any]) -> None:
        n, k = self.kernel.shape
        height, is_narrow = rows.stop - rows.start, self.dtype == np.int32
        if self.output is not None or not is_narrow:
            height = min(height, _BLOCK_OUTPUTS // max(n, 1))
        if isinstance(a.codes, Patches):
            height = min(height, _BLOCK_CODES // k)
        height = max(height, 1)
        buffer = None if is_narrow else np.empty((height, n), dtype=np.int32)
        for first in range(rows.start, rows.stop, height):
            block = slice(first, min(first + height, rows.stop))
            part = result[block]
            sums = part if buffer is None else buffer[: len(part)]
            self.kernel.run(a, self.chain, block, sums)
            if buffer is not None:
                part[...] = sums
            if self.output is not None:
                self.output.run(part)


def operand_key(a: Operand, bounds: Interval | None) -> tuple[object, ...] | None:
    """What a proof about an operand depends on but for its codes; None: too much."""
    if a.planes > 1 or a.group is not None:
        return None
    zero_points = None
    if a.zero_points is not None:
        if a.zero_points.size != 1:
            return None
        zero_points = int(a.zero_points.flat[0])
    tables = None if a.tables is None else a.tables.tobytes()
    return a.codes.dtype, bounds, zero_points, tables, a.shifts


def data_key(data: CallData) -> tuple[object, ...] | None:
    """What tells one call's data from another's, by value; None: too many, or not arrays."""
    keys = [_key(data.bias), _key(data.out_zero_point), _key(data.merge)]
    if None in keys:
        return None
    if data.requantize is not None and not isinstance(data.requantize, Parameters):
        return None
    return (*keys, data.requantize)  # frozen: the object itself, which the key keeps alive


def _key(value: npt.ArrayLike | None) -> object:
    if value is None or type(value) is int:
        return "number", value
    if type(value) is np.ndarray and value.size <= _FEW:
        return value.dtype.str, value.shape, value.tobytes()
    return None
