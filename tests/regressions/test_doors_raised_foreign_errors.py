"""Garbage at the doors came out as numpy's or Python's own exceptions, not as the package's.

Found by tests/fuzz/test_doors.py. ``value in choices`` compares arrays element by element and has
no truth value; a ragged list makes numpy raise; `Codebook(None)` and `Planes(None)` iterated over
nothing; a complex or textual `FloatFactor` reached numpy's cast; a scale beyond float32 warned of
an overflow before it was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyqsim as qs

PAIR = np.array([[1, 2]])


@pytest.mark.parametrize(
    "door",
    [
        lambda: qs.Accumulate(start=PAIR),
        lambda: qs.Multiply(PAIR),
        lambda: qs.Shift(sign=PAIR),
        lambda: qs.Binary(PAIR),
        lambda: qs.PowerOfTwo(4, PAIR),
        lambda: qs.PiecewiseLinear(4, PAIR),
        lambda: qs.requantize.DoubleRounding(PAIR),
        lambda: qs.requantize.FloatScale(PAIR),
        lambda: qs.Lookup([None, []]),
        lambda: qs.Thresholds([None, []]),
        lambda: qs.requantize.Multiplier([None, []], 0),
        lambda: qs.requantize.PowerOfTwoFactor([[1], [1, 2]]),
        lambda: qs.requantize.FloatFactor(1j),
        lambda: qs.requantize.FloatFactor(""),
        lambda: qs.requantize.DoubleFactor([None, []]),
        lambda: qs.requantize.NvdlaOutput(None),
        lambda: qs.requantize.NvdlaOutput(12),
        lambda: qs.targets.get(PAIR),
        lambda: qs.QTensor([None, []], qs.Affine(8)),
        lambda: qs.Datapath(reduce=np.array(0)),
        lambda: qs.Codebook(None),
        lambda: qs.Codebook("12"),
        lambda: qs.Planes(None),
        lambda: qs.Planes([1, 2]),
        lambda: qs.requantize.FloatScale().encode(3.5e38),
    ],
)
def test_refused_with_a_name(door: Callable[[], Any]) -> None:
    with pytest.raises(qs.errors.PyqsimError, match="allowed"):
        door()
