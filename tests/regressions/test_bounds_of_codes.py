"""A large saturating call made again took bounds of a's integers for bounds of its codes.

Codes of 7 that stand for 64 were looked up as codes of 64, which stand for 0: every sum was proven
to be 0, and the exact product stood for the saturating one. Found on reading.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("code", range(16))
def test_one_code_everywhere(code: int) -> None:
    """Products enough for a look at the operands, and a table that is no identity."""
    datapath = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),), output=(qs.AddBias(32),))
    a = qs.QTensor(np.full((16, 2048), code, np.uint8), qs.LogQuant(3, signed=True))
    b = np.full((2048, 64), 3, np.int8)
    expected = qs.matmul(a, b, datapath, bias=0, kernel="reference")
    run = qs.plan(b, datapath)
    for _ in range(4):
        np.testing.assert_array_equal(run(a, bias=0), expected)
    assert f"within {code}..{code}" in run.explain()
