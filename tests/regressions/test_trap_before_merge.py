"""An overflow trapped after Merge hid one that had been trapped in a chain before it.

Traps of one output are ordered by chain and step; what Merge makes was counted as chain 0, and so
came before the second chain's own steps. Found by the random case 6,012,441.
"""

from __future__ import annotations

import pytest

import pyqsim as qs
from pyqsim.testing import oracle


@pytest.mark.parametrize("matmul", [qs.matmul, oracle.matmul])
def test_the_chain_comes_first(matmul: object) -> None:
    """Chain 1 leaves 4 bits in output step 0; the merged sum leaves 4 bits in step 2."""
    dp = qs.Datapath(
        output=(qs.Narrow(bits=4, overflow="trap"), qs.Merge(), qs.AddBias(4, overflow="trap"))
    )
    a = qs.QTensor([[1, 9]], qs.Affine(8), group=1, group_axis=1)
    with pytest.raises(qs.errors.OverflowTrap) as caught:
        matmul(a, [[1], [1]], dp, bias=100)
    assert caught.value.place == (1, 0, 0, -1)
