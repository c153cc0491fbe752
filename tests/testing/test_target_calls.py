"""Calls drawn for a target are such as the target takes: operands, K, bias and shifts."""

from __future__ import annotations

import numpy as np
import pytest

from pyqsim import targets
from pyqsim.errors import AccumulatorRangeError, OverflowTrap
from pyqsim.testing.choices import SeededChoices
from pyqsim.testing.random_calls import draw_call
from pyqsim.testing.random_data import DataRanges


def calls(target, count):
    ranges = DataRanges(target.bias, target.shifts)
    return [
        draw_call(
            SeededChoices((7, number)),
            target.datapath,
            a=target.a,
            b=target.b,
            k=target.k,
            ranges=ranges,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("name", targets.names())
def test_every_number_is_one_that_the_target_takes(name):
    """And the reference computes most of them.

    The others need more than int64 for a left shift, or leave a register where the target, as TOSA
    does, calls that an error.
    """
    target = targets.get(name)
    drawn = calls(target, 40)
    computed = 0
    shifts = set()
    for call in drawn:
        assert target.a.holds(call.a)
        assert target.b.holds(call.b)
        if target.k is not None:
            assert call.sizes[2] == target.k
        if "bias" in call.data:
            assert target.bias.holds(call.data["bias"])
        if target.shifts is not None:
            of_call = call.data["requantize"].shift
            assert target.shifts.holds(of_call)
            shifts |= set(np.ravel(of_call).tolist())
        try:
            computed += call.run().size
        except (AccumulatorRangeError, OverflowTrap):
            continue
    assert computed >= 100
    if target.shifts is not None:
        assert {target.shifts.low, target.shifts.high} <= shifts
        assert len(shifts) > 4
