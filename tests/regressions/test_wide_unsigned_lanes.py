"""An unsigned register wider than int32 was taken as exact by the lanes kernel.

int32 is proven to hold every sum, so such a register never overflows upwards; but below zero it
does, and SATURATE must clamp there. Found by the first run of lanes against the reference.
"""

from __future__ import annotations

import pytest

import pyqsim as qs


@pytest.mark.parametrize("bits", [31, 32, 40, 63])
def test_negative_sums_saturate_to_zero(bits: int) -> None:
    """-5 + 3: 0 at the first addition, then 3."""
    dp = qs.Datapath(reduce=(qs.Accumulate(bits, "saturate", signed=False),))
    a, b = [[-5, 3]] * 20, [[1], [1]]
    run = qs.plan(b, dp, kernel="lanes")
    y, events = run(a, events=True)
    assert y.tolist() == [[3]] * 20
    assert (events.overflows, events.first) == (20, (0, 0, 0, 0))
