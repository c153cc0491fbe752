"""A plan whose activations came with scale groups of another size gave wrong sums, and read beyond.

What was packed of the weights for a group was found again by the group's number alone, whatever
part of K it had been. Found by a fuzz of plans called with operands of several formats.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("kernel", ["reference", "lanes", "gemm", "auto"])
def test_one_plan_for_groups_of_several_sizes(kernel: str) -> None:
    """Every group's sum; without groups that of all."""
    rng = np.random.default_rng(5)
    k, form = 12, qs.Affine(8, True)
    b = rng.integers(-8, 8, (k, 3))
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(24),)), kernel=kernel)
    for group in (4, None, 6, 4, 3, None):
        a = rng.integers(-128, 128, (5, k))
        x = qs.QTensor(a, form) if group is None else qs.QTensor(a, form, group=group, group_axis=1)
        parts = [slice(start, start + (group or k)) for start in range(0, k, group or k)]
        expected = np.stack([a[:, ks] @ b[ks] for ks in parts])
        np.testing.assert_array_equal(np.reshape(run(x), expected.shape), expected)
