"""A held accumulator that spills was bounded as if every addition brought it back into its range.

Found by the 1,093,908th random case: SATURATE_HOLD makes no additions after the first overflow, so
spill steps that enlarge the value (here 3 * 1000 * 8 / 14 each time) act on it again and again. The
bound clipped the value to the register once a round, so 32-bit double rounding was thought safe and
got a number of 37 bits.
"""

from __future__ import annotations

import pytest

import pyqsim as qs
from pyqsim.testing import oracle

GROW = (qs.Narrow(multiplier=3, divisor=7, shift=1), qs.Narrow(shift=-3, multiplier=1000))
DATAPATH = qs.Datapath(reduce=(qs.Accumulate(16, "saturate_hold", group=1, spill=GROW),))
A, B = [[200, 1, 1]], [[200], [1], [1]]


def test_value_leaves_the_register() -> None:
    """The first addition overflows to 32767; then floor(3 v / 14) * 8000, three times."""
    value = 32767
    for _ in range(3):
        value = value * 3 // 14 * 8000
    wide = qs.Datapath(reduce=DATAPATH.reduce, output=(qs.Clamp(-(2**62), 2**62), qs.AddBias(64)))
    assert oracle.matmul(A, B, wide, bias=0).tolist() == [[value]]
    assert qs.matmul(A, B, wide, bias=0).tolist() == [[value]]


def test_requantize_refuses_it() -> None:
    """The scheme takes int32: the call must refuse what may be wider."""
    scheme = qs.requantize.DoubleRounding()
    datapath = qs.Datapath(reduce=DATAPATH.reduce, output=(qs.Requantize(scheme),))
    with pytest.raises(qs.errors.AccumulatorRangeError, match="input"):
        qs.matmul(A, B, datapath, requantize=scheme.encode(0.5))
