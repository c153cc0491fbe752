"""A pooling window wholly inside the padding gave the largest code there is (rank -1)."""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("pool", [qs.ops.max_pool2d, qs.ops.average_pool2d])
def test_refused(pool: object) -> None:
    """There is no number in such a window, so none is made up."""
    x = qs.QTensor(np.zeros((1, 2, 2, 1), int), qs.Affine(8))
    with pytest.raises(qs.errors.ShapeError, match="padding: 1 along H, allowed: at most 0"):
        pool(x, 1, padding=1)
