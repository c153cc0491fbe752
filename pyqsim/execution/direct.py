"""The short way of a plan: one array of integers in, one of sums out, nothing in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Gemm
from pyqsim.execution.shares import even_shares, run_shares, thread_count
from pyqsim.execution.two_gemms import TwoGemms

__all__ = ["DirectGemm"]

_THREADED = 1 << 25  # products below which one thread does it all

_INT32 = np.dtype(np.int32)
_empty = np.empty


@dataclass(frozen=True, eq=False, slots=True)
class DirectGemm:
    """A product that every array of one dtype may go to, its integers within proven bounds.

    Attributes
    ----------
    gemm : Gemm or TwoGemms
    explanation : tuple of str
        Lines of `Runner.explain`.
    dtype : dtype
        Of the result: int32, or int64 that int32 holds.
    """

    gemm: Gemm | TwoGemms
    explanation: tuple[str, ...]
    dtype: np.dtype[Any]

    def run(
        self, a: npt.NDArray[Any], out: Any, threads: int | None
    ) -> npt.NDArray[np.signedinteger[Any]] | None:
        """The result, in `out` where that is given; None: this call needs the long way."""
        n, k = self.gemm.shape
        flags = a.flags
        if a.ndim != 2 or not flags.c_contiguous or not flags.aligned:
            return None
        m, own_k = a.shape
        if own_k != k:
            return None
        if out is None:
            out = _empty((m, n), self.dtype)
        elif not self._takes(out, (m, n)):
            return None
        run = self.gemm.run_contiguous if self.dtype is _INT32 else self._run_wide
        if m * n * k < _THREADED or threads == 1:
            return out if run(a, out) else None
        workers = thread_count(threads)
        done = run_shares(lambda rows: run(a[rows], out[rows]), even_shares(m, workers), workers)
        return out if all(done) else None

    def _takes(self, out: Any, shape: tuple[int, int]) -> bool:
        return (
            type(out) is np.ndarray
            and out.dtype == self.dtype
            and out.shape == shape
            and out.flags.carray
        )

    def _run_wide(self, a: npt.NDArray[Any], out: npt.NDArray[np.int64]) -> bool:
        sums = np.empty(out.shape, dtype=np.int32)
        done = self.gemm.run_contiguous(a, sums)
        out[...] = sums
        return done
