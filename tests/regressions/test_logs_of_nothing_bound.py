"""The bound of an unsigned AccumulateLogs forgot -1, the logarithm of nothing.

No register rule acts on it, so it leaves the step whatever the register holds; a wrapping sum
behind it then made 2**63 - 1 of it, and FromLogs was thought safe. Random case 7,005,778 found it.
"""

from __future__ import annotations

import pytest

import pyqsim as qs


def test_nothing_leaves_an_unsigned_register() -> None:
    """-1 into 63 wrapping bits is 2**63 - 1, whose power of two no word holds."""
    a = qs.QTensor([[0]], qs.LogQuant(2))
    steps = (qs.AccumulateLogs(8, bits=2, signed=False), qs.Accumulate(63, "wrap", signed=False))
    product = qs.AddLogs(8)
    y = qs.matmul(a, a, qs.Datapath(product=product, reduce=steps))
    assert y.tolist() == [[2**63 - 1]]
    with pytest.raises(qs.errors.AccumulatorRangeError, match="FromLogs"):
        qs.matmul(a, a, qs.Datapath(product=product, reduce=steps, output=(qs.FromLogs(8),)))
