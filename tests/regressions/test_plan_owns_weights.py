"""A plan kept a view of Fortran-ordered weights: changing the array changed later results."""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("dtype", [np.int8, np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_later_changes_do_not_show(order: str, dtype: type) -> None:
    """[1, 1] times the weights as they were."""
    b = np.array([[1, 2], [3, 4]], dtype=dtype, order=order)
    p = qs.plan(b, qs.Datapath())
    b[:] = 0
    assert p([[1, 1]]).tolist() == [[4, 6]]
    b[:] = 7
    assert p([[1, 1]]).tolist() == [[4, 6]]
