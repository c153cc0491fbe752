"""Grouped convolutions took what belongs to a group for what belongs to the whole."""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


def test_thresholds_are_cut_to_the_group() -> None:
    """Four rows for four channels were refused, two rows were used twice."""
    x, w = np.full((1, 1, 1, 2), 3), np.ones((1, 1, 1, 4), int)
    rows = qs.Datapath(output=(qs.Thresholds([[1], [2], [3], [4]]),))
    assert qs.ops.conv2d(x, w, rows, groups=2).ravel().tolist() == [1, 1, 1, 0]
    with pytest.raises(qs.errors.ShapeError, match="2 rows, allowed: N=4"):
        qs.ops.conv2d(x, w, qs.Datapath(output=(qs.Thresholds([[1], [9]]),)), groups=2)


def test_a_reduce_trap_comes_before_an_output_trap() -> None:
    """The second group traps while summing, the first only in its output."""
    dp = qs.Datapath(
        reduce=(qs.Accumulate(8, "trap"),), output=(qs.Narrow(bits=4, overflow="trap"),)
    )
    with pytest.raises(qs.errors.OverflowTrap) as caught:
        qs.ops.conv2d([[[[10, 100]]]], [[[[1, 2]]]], dp, groups=2)
    assert caught.value.place == (0, 0, 1, 0)


def test_no_padding_needs_no_zero() -> None:
    """A format without a code of zero is fine where nothing is padded."""
    x = qs.QTensor(np.zeros((1, 2, 2, 1), int), qs.Planes([[-1, 1]]))
    y = qs.ops.conv2d(x, np.ones((1, 1, 1, 1), int), qs.Datapath())
    assert y.ravel().tolist() == [-1, -1, -1, -1]


def test_planes_lead() -> None:
    """Without Merge the planes stand before (B, OH, OW, N), as in linear."""
    x = qs.QTensor(np.ones((1, 2, 2, 1), int), qs.Planes([[0, 1, 2, 3], [0, 5, 0, 1]]))
    y = qs.ops.conv2d(x, np.ones((1, 1, 1, 1), int), qs.Datapath())
    assert y.shape == (2, 1, 2, 2, 1)
    assert y[:, 0, 0, 0, 0].tolist() == [1, 5]
