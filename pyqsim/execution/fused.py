"""Calls proven once for all operands of a kind: passes over a, then the output steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.bounds import Interval
from pyqsim.execution.call import Call
from pyqsim.execution.call_data import CallData
from pyqsim.execution.chain_output import ChainOutput
from pyqsim.execution.operand import Operand, Patches
from pyqsim.execution.output import Program
from pyqsim.execution.passes import Pass
from pyqsim.execution.shares import even_shares, run_shares, thread_count
from pyqsim.parameters import Parameters

__all__ = ["FusedCall", "data_key", "operand_key"]

_THREADED = 1 << 22  # products below which one thread does it all
_BLOCK_OUTPUTS = 3 << 16  # sums that stay in the caches until the output steps have seen them
_TILE = 6  # rows that kernels take at a time
_BLOCK_CODES = 1 << 18  # codes that windows are gathered to at a time
_FEW = 1 << 16  # numbers that are compared to find a call again


@dataclass(frozen=True, eq=False, slots=True)
class FusedCall:
    """Chains that matrix products stand for, and output steps that do not ask for the row.

    Attributes
    ----------
    passes : tuple of Pass
    shape : (int, int, int)
        Chains, N and K.
    output : Program, ChainOutput or None
        None: the sums are the result.
    leading : tuple of int
        Of the result's shape, before (M, N).
    dtype : dtype
        Of the result.
    explanation : tuple of str
        Lines of `Runner.explain`.
    """

    passes: tuple[Pass, ...]
    shape: tuple[int, int, int]
    output: Program | ChainOutput | None
    leading: tuple[int, ...]
    dtype: np.dtype[Any]
    explanation: tuple[str, ...]

    @classmethod
    def of(cls, call: Call, what: str) -> FusedCall | None:
        """What does the same as a call of `AnyRows`; None: the call is no such one."""
        parts = call.fused_parts()
        if parts is None:
            return None
        passes, output = parts
        arrays = {passes[0].kernel.dtype, call.result.dtype}
        if output is not None and output.lanes == np.int32 and output.lanes not in arrays:
            return None
        lines = call.explanation() if len(call.chains) > 1 else (passes[0].kernel.explanation,)
        why = [f"{what}: {line}" for line in lines]
        if output is not None:
            why.append(f"output steps in {output.lanes} lanes")
        shape = (len(call.chains), call.shape[1], call.k)
        return cls(passes, shape, output, call.leading, call.result.dtype, tuple(why))

    @property
    def is_ordered(self) -> bool:
        """Whether sums saturate on the way: bounds of a may make it a faster one."""
        return any(one.kernel.is_ordered for one in self.passes)

    def run(self, a: Operand, threads: int | None) -> npt.NDArray[np.signedinteger[Any]]:
        """The result, (M, N), of chains that are not merged (..., M, N)."""
        chains, n, k = self.shape
        m = len(a.codes)
        result = np.empty(
            (1 if isinstance(self.output, ChainOutput) else chains, m, n), dtype=self.dtype
        )
        workers = 1 if m * n * k < _THREADED else thread_count(threads)
        if workers == 1:
            self._run_rows(a, slice(0, m), result)
        else:
            shares = even_shares(m, workers)
            run_shares(lambda rows: self._run_rows(a, rows, result), shares, workers)
        return result.reshape(*self.leading, m, n)

    def _run_rows(self, a: Operand, rows: slice, result: npt.NDArray[Any]) -> None:
        chains, n, k = self.shape
        height, dtype = max(rows.stop - rows.start, 1), self.passes[0].kernel.dtype
        in_place = self.dtype == dtype and not isinstance(self.output, ChainOutput)
        if self.output is not None or not in_place:
            height = _even(height, _BLOCK_OUTPUTS // max(chains * n, 1))
        if isinstance(a.codes, Patches):
            height = _even(height, _BLOCK_CODES // k)
        buffer = None if in_place else np.empty((chains, height, n), dtype=dtype)
        for first in range(rows.start, rows.stop, height):
            block = slice(first, min(first + height, rows.stop))
            parts = result[:, block]
            sums = parts if buffer is None else buffer[:, : block.stop - first]
            for one in self.passes:
                one.run(a, block, sums)
            self._finish(sums, parts)

    def _finish(self, sums: npt.NDArray[Any], result: npt.NDArray[Any]) -> None:
        """From the sums of some rows, which may be the result's own, to their results."""
        if isinstance(self.output, ChainOutput):
            is_wide = self.dtype == np.int64
            merged = result[0] if is_wide else np.empty(result.shape[1:], dtype=np.int64)
            self.output.merge(sums, merged)
            if not is_wide:
                result[0] = merged
            return
        in_sums = self.output is not None and self.output.lanes == sums.dtype
        if in_sums:
            self._run_output(sums)
        if sums is not result:
            result[...] = sums
        if not in_sums:
            self._run_output(result)

    def _run_output(self, chains: npt.NDArray[Any]) -> None:
        if isinstance(self.output, Program):
            for values in chains:
                self.output.run(values)


def _even(rows: int, most: int) -> int:
    """The height of blocks of about `most` rows, or fewer, that leave no few rows over."""
    blocks = -(-rows // max(most, 1))
    return max(-(-rows // max(blocks * _TILE, 1)) * _TILE, 1)


def operand_key(a: Operand, bounds: Interval | None) -> tuple[object, ...] | None:
    """What a proof about an operand depends on but for its codes; None: too much."""
    if a.group is not None:
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
