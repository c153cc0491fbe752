"""Left shifts were cut at 64 bits, right only while the divisor is small.

``narrow([1], shift=-100, divisor=2**62)`` gave 4 instead of 2**38: a large divisor brings a number
that was shifted far to the left back into int64. The cut is now where no divisor below 2**63 can.
"""

from __future__ import annotations

import pytest

import pyqsim as qs


@pytest.mark.parametrize(
    ("x", "shift", "divisor"),
    [(1, -100, 2**62), (-1, -100, 2**62), (3, -120, 2**62 + 1), (1, -124, 2**63 - 1)],
)
def test_exact_quotient(x: int, shift: int, divisor: int) -> None:
    """floor(x * 2**-shift / divisor), in Python integers."""
    assert qs.narrow([x], shift=shift, divisor=divisor).tolist() == [(x << -shift) // divisor]


def test_beyond_every_divisor() -> None:
    """Zero stays zero; everything else leaves int64."""
    assert qs.narrow([0], shift=-1000).tolist() == [0]
    with pytest.raises(qs.errors.AccumulatorRangeError):
        qs.narrow([1], shift=-1000, divisor=2**63 - 1)
