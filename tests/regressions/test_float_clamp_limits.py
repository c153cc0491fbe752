"""The float clamp's limits ``min - zero_point`` overflowed int64 in C: undefined behaviour."""

from __future__ import annotations

import pyqsim as qs


def test_limits_wider_than_int64() -> None:
    """max - zero_point = 2**63; 1 and 5, less one."""
    scheme = qs.requantize.FloatScale("before")
    factor = qs.requantize.FloatFactor(1.0)
    y = scheme.apply([1, 5], factor, zero_point=-1, clamp=(-(2**31), 2**63 - 1))
    assert y.tolist() == [0, 4]
