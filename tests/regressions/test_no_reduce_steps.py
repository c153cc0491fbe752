"""A machine that only shifts has no reduce steps, and one product a result.

The proof that lets an exact GEMM stand for a chain looked at the last accumulator's register before
it asked whether there is one: every such call ended in an IndexError.
"""

from __future__ import annotations

import numpy as np

import pyqsim as qs
from pyqsim.testing import oracle


def test_one_product_without_steps() -> None:
    a, b = np.array([[5], [-7], [127]]), np.array([[3, -128]])
    bare = qs.Datapath(reduce=())
    assert qs.matmul(a, b, bare).tolist() == [[15, -640], [-21, 896], [381, -16256]]
    shift = qs.Datapath(reduce=(), output=(qs.Narrow(4, rounding="half_up"),))
    assert (qs.matmul(a, b, shift) == oracle.matmul(a, b, shift)).all()
