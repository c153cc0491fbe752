"""A table over k was asked to cover the whole K, though k restarts in every scale group."""

from __future__ import annotations

import numpy as np

import pyqsim as qs


def test_one_table_for_both_groups() -> None:
    """table[k, a, b] = 4 k + 2 a + b: (0,0,0) + (1,1,1) and (0,1,1) + (1,0,0)."""
    a = qs.QTensor([[0, 1, 1, 0]], qs.Affine(1, signed=False), group=2, group_axis=1)
    dp = qs.Datapath(product=qs.Lookup(np.arange(8).reshape(2, 2, 2)))
    assert qs.matmul(a, [[0], [1], [1], [0]], dp).ravel().tolist() == [7, 7]
