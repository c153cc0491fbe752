"""An `out` that lay where the activations are was written before all of them were read.

Threads wrote the results of one share of rows over the codes of another; and sums in int64 were
copied to `out` even where the short way had refused the call and the long one was yet to read a.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


def overlapping(m: int, n: int, a_bytes: int, out_dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Bytes for a, and an array (m, n) that begins where they do."""
    size = m * n * np.dtype(out_dtype).itemsize
    buffer = np.zeros(max(a_bytes, size), dtype=np.uint8)
    return buffer[:a_bytes], buffer[:size].view(out_dtype).reshape(m, n)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("bits", [32, 40])
def test_shares_of_threads(bits: int, threads: int) -> None:
    """2**26 products are shared out; int32 and int64 results."""
    m, k, n = 1024, 256, 256
    rng = np.random.default_rng(bits)
    datapath = qs.Datapath(reduce=(qs.Accumulate(bits),))
    b = rng.integers(-8, 8, (k, n))
    run = qs.plan(b, datapath)
    codes, out = overlapping(m, n, m * k, datapath.result_dtype)
    a = codes.view(np.int8).reshape(m, k)
    for _ in range(3):
        a[:] = rng.integers(-128, 128, (m, k))
        expected = a.astype(np.int64) @ b
        assert np.array_equal(run(a, out=out, threads=threads), expected)


def test_refused_by_the_short_way() -> None:
    """Every second code of a row is no contiguous array."""
    m, k, n = 7, 20, 16
    rng = np.random.default_rng(1)
    b = rng.integers(-8, 8, (k, n))
    run = qs.plan(b, qs.Datapath())
    codes, out = overlapping(m, n, m * 2 * k, np.int64)
    a = codes.view(np.int8).reshape(m, 2 * k)[:, ::2]
    a[:] = rng.integers(-128, 128, (m, k))
    expected = a.astype(np.int64) @ b
    assert np.array_equal(run(a, out=out), expected)
