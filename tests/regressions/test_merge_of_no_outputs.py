"""A Merge of no rows or no columns raised ValueError from a reshape with -1.

How many chains there are cannot be inferred from an array without elements. Found by the
strategies' first layers with scale groups.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize(("m", "n"), [(0, 2), (2, 0), (0, 0), (2, 3)])
@pytest.mark.parametrize("k", [0, 5])
def test_no_rows_or_no_columns(m: int, n: int, k: int) -> None:
    machine = qs.Datapath(output=(qs.Merge(20, "saturate"),))
    a = qs.QTensor(np.ones((m, k), np.int64), qs.Affine(8), group=2, group_axis=1)
    b = qs.QTensor(np.ones((k, n), np.int64), qs.Affine(8), group=2, group_axis=0)
    for kernel in ("reference", "auto"):
        y, events = qs.matmul(a, b, machine, merge=1, kernel=kernel, events=True)
        assert y.shape == (m, n)
        assert (y == k).all()
        assert events.overflows == 0
    assert qs.testing.oracle.matmul(a, b, machine, merge=1).shape == (m, n)
