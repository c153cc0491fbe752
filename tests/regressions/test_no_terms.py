"""K = 0 crashed where a shape was guessed from sizes, or a zero point looked for in no group."""

from __future__ import annotations

import numpy as np

import pyqsim as qs


def test_operators() -> None:
    """An empty sum is 0."""
    dp = qs.Datapath()
    assert qs.ops.linear(np.zeros((2, 3, 0), int), np.zeros((0, 4), int), dp).shape == (2, 3, 4)
    y = qs.ops.conv2d(np.zeros((1, 2, 2, 0), int), np.zeros((1, 1, 0, 3), int), dp)
    assert y.tolist() == np.zeros((1, 2, 2, 3), int).tolist()
    assert qs.ops.conv2d(np.ones((1, 2, 2, 1), int), np.ones((1, 1, 1, 0), int), dp).size == 0


def test_groups_of_no_terms() -> None:
    """No group has a zero point; there is one empty chain all the same."""
    a = qs.QTensor(np.zeros((2, 0), int), qs.Affine(8), group=2, group_axis=1)
    b = qs.QTensor(np.zeros((0, 3), int), qs.Affine(8), group=2)
    for left, right in ((a, np.zeros((0, 3), int)), (np.zeros((2, 0), int), b), (a, b)):
        assert qs.matmul(left, right, qs.Datapath()).tolist() == [[0, 0, 0], [0, 0, 0]]
