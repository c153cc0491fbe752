"""A call made again with a shift of 63 or 64 raised the library's own NoKernelError.

The output kernel shifts by 62 at most, and was asked whether it knew the steps without any column
to see the shifts of. Found on reading.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("shift", [-64, -63, -62, -1])
def test_every_shift(shift: int) -> None:
    """One column of four has the shift."""
    datapath = qs.Datapath(
        reduce=(qs.Accumulate(20),), output=(qs.Requantize(qs.requantize.ShiftOnly()),)
    )
    b = np.array([[1, 2, 3, 4], [5, 6, 7, -8]], np.int8)
    factor = qs.parameters.PowerOfTwoFactor(np.array([-1, -2, shift, 0]))
    run = qs.plan(b, datapath)
    for _ in range(4):
        a = np.array([[9, -9], [100, 27]], np.int8)
        expected = qs.matmul(a, b, datapath, requantize=factor, kernel="reference")
        np.testing.assert_array_equal(run(a, requantize=factor), expected)
