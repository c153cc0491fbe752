"""A machine that only shifts has no reduce steps: the proof of its sums looked at the last one.

Found by the corners of the targets' ranges, the day matrix products in int32 lanes came.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_products_without_reduce_steps(rows: int) -> None:
    """One product an output, then an output step; int8 operands, which lanes like."""
    a, b = np.arange(rows, dtype=np.int8)[:, None], np.array([[1, -1, 2]], dtype=np.int8)
    machine = qs.Datapath(reduce=(), output=(qs.Narrow(1, rounding="half_up", bits=8),))
    expected = (a.astype(int) * b + 1) >> 1
    assert (qs.matmul(a, b, machine) == expected).all()
