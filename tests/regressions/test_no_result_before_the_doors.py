"""A plan's short way made room for its result before it knew that it could run.

Activations of 2**40 rows that are one byte, read again and again, asked the system for 8 TiB. Where
that is refused, NumPy's error came in place of the plan's own; a sanitizer stopped the program.
"""

import tracemalloc

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import pyqsim as qs
from pyqsim.errors import ShapeError


def test_activations_beyond_all_memory() -> None:
    run = qs.plan([[1]], qs.Datapath())
    run(np.ones((2, 1), dtype=np.int8))
    a = as_strided(np.zeros(1, dtype=np.int8), (2**40, 1), (0, 0))
    tracemalloc.start()
    try:
        with pytest.raises(ShapeError):
            run(a)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
