"""The short way of a plan: one array of integers in, one array of int32 out, nothing in between."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Gemm
from pyqsim.execution.checked import CheckedGemm

__all__ = ["DirectGemm", "even_rows"]

_THREADED = 1 << 25  # products below which one thread does it all

_INT32 = np.dtype(np.int32)


@dataclass(frozen=True, eq=False, slots=True)
class DirectGemm:
    """A product that every array of one dtype may go to.

    Attributes
    ----------
    gemm : Gemm or CheckedGemm
    explanation : tuple of str
        Lines of `Runner.explain`.
    largest_work : int or None
        Products up to which this is the best way; None: always.
    """

    gemm: Gemm | CheckedGemm
    explanation: tuple[str, ...]
    largest_work: int | None = None

    def run(
        self, a: npt.NDArray[Any], out: Any, threads: int | None
    ) -> npt.NDArray[np.int32] | None:
        """The result, in `out` where that is given; None: this call needs the long way."""
        n, k = self.gemm.shape
        if a.ndim != 2 or a.shape[1] != k or not a.flags.c_contiguous or not a.flags.aligned:
            return None
        m = len(a)
        work = m * n * k
        if self.largest_work is not None and work > self.largest_work:
            return None
        result: npt.NDArray[np.int32]
        if out is None:
            result = np.empty((m, n), dtype=np.int32)
        elif type(out) is np.ndarray and out.dtype == _INT32 and out.shape == (m, n):
            result = out
        else:
            return None
        if not result.flags.carray:
            return None
        workers = 1 if work < _THREADED else threads or os.cpu_count() or 1
        if workers == 1:
            return result if self.gemm.run_contiguous(a, result) else None
        blocks = even_rows(m, workers)
        with ThreadPoolExecutor(len(blocks)) as pool:
            done = pool.map(lambda rows: self.gemm.run_contiguous(a[rows], result[rows]), blocks)
            return result if all(done) else None


def even_rows(m: int, count: int) -> list[slice]:
    """At most `count` blocks of rows, as even as may be."""
    height = max(1, -(-m // count))
    return [slice(start, min(start + height, m)) for start in range(0, m, height)]
