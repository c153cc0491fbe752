"""The short way of a plan: one array of integers in, one of sums out, nothing in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Gemm
from pyqsim.execution.shares import even_shares, run_shares, thread_count
from pyqsim.execution.two_gemms import TwoGemms

__all__ = ["DirectGemm"]

_THREADED = 1 << 25  # products below which one thread does it all

# Looked up once: calls of a microsecond notice.
_INT32 = np.dtype(np.int32)
_empty = np.empty


class DirectGemm:
    """A product that every array of one dtype may go to, its integers within proven bounds.

    Parameters
    ----------
    gemm : Gemm or TwoGemms
    explanation : tuple of str
        Lines of `Runner.explain`.
    dtype : dtype
        Of the result: int32, or int64 that int32 holds.
    """

    __slots__ = ("_dtype", "_k", "_n", "_run_rows", "_threaded_rows", "explanation", "gemm")

    def __init__(
        self, gemm: Gemm | TwoGemms, explanation: tuple[str, ...], dtype: np.dtype[Any]
    ) -> None:
        self.gemm, self.explanation, self._dtype = gemm, explanation, dtype
        self._n: int = gemm.shape[0]
        self._k: int = gemm.shape[1]
        self._run_rows = gemm.run_contiguous if dtype == _INT32 else self._run_wide
        self._threaded_rows = _THREADED // max(self._n * self._k, 1)

    def run(
        self, a: npt.NDArray[Any], out: Any, threads: int | None
    ) -> npt.NDArray[np.signedinteger[Any]] | None:
        """The result, in `out` where that is given; None: this call needs the long way."""
        shape, flags = a.shape, a.flags
        if len(shape) != 2 or shape[1] != self._k or not (flags.c_contiguous and flags.aligned):
            return None
        if out is None:
            out = _empty((shape[0], self._n), self._dtype)
        elif not self._takes(out, (shape[0], self._n)):
            return None
        if shape[0] <= self._threaded_rows or threads == 1:
            return out if self._run_rows(a, out) else None
        if np.may_share_memory(a, out):
            return None  # one share's results would be another one's codes
        workers, run = thread_count(threads), self._run_rows
        shares = even_shares(shape[0], workers)
        done = run_shares(lambda rows: run(a[rows], out[rows]), shares, workers)
        return out if all(done) else None

    def _takes(self, out: Any, shape: tuple[int, int]) -> bool:
        return (
            type(out) is np.ndarray
            and out.dtype == self._dtype
            and out.shape == shape
            and out.flags.carray
        )

    def _run_wide(self, a: npt.NDArray[Any], out: npt.NDArray[np.int64]) -> bool:
        sums = np.empty(out.shape, dtype=np.int32)
        done = self.gemm.run_contiguous(a, sums)
        if done:  # else the long way reads a, which may be where out is
            out[...] = sums
        return done
