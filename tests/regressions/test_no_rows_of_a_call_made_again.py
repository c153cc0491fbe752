"""Activations without rows raised ValueError once their kind of call was proven for all codes.

Blocks of rows were as high as there are rows: 0, and no range has that step.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("bits", [16, 32])
def test_a_plan_that_ran_before(bits: int) -> None:
    """The sums are the result itself, so that nothing else cut the rows into blocks."""
    run = qs.plan(np.ones((4, 3), np.int8), qs.Datapath(reduce=(qs.Accumulate(bits),)))
    form = qs.Affine(8, False)
    for m in (2, 2, 2, 0):
        codes = np.ones((m, 4), np.uint8)
        assert run(qs.QTensor(codes, form, 1.0, 3)).tolist() == [[-8] * 3] * m
