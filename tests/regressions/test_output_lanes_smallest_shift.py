"""The output kernel negated a data shift of -2**63: undefined, where the reference cuts it to -64.

Found by tests/fuzz/fuzz_output.c. `Multiplier` and `PowerOfTwoFactor` hold shifts of few bits, so
no call of `matmul` could reach it; a caller of the C function could.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs
from pyqsim import _native


@pytest.mark.parametrize("shift", [-(2**63), -(2**63) + 1, -65, -64, -3, 0])
@pytest.mark.parametrize("part", ["all", "right", "left"])
def test_same_as_the_reference(shift: int, part: str) -> None:
    given = np.array([[5, -5, 2**20, -(2**20)]], dtype=np.int64)
    op = _native.OutputOp(
        "narrow",
        0,
        narrow=qs.Narrow(rounding="half_even", bits=32, overflow="saturate"),
        shift_part=part,
        shift_data=np.full(given.shape, shift, dtype=np.int64),
    )
    expected = given[None].copy()
    _native.output((op,), expected, step_first=0, m_first=0, n_first=0)
    values = given.copy()
    try:
        _native.OutputProgram((op,), "auto").run(values)
    except _native.NoKernelError:
        assert values.tolist() == given.tolist()
        return
    assert values.tolist() == expected[0].tolist()
