"""conv2d(x, weight, None) raised AttributeError.

Since convolutions have plans, the weights are looked at before the images, and the first look at
the datapath asked it for its order. The fuzzer of the doors found it: whatever is no Datapath is
refused by name.
"""

import numpy as np
import pytest

import pyqsim as qs


@pytest.mark.parametrize("datapath", [None, 3, "datapath", qs.Accumulate()])
def test_refused_by_name(datapath):
    for call in (
        lambda: qs.ops.conv2d(np.ones((1, 2, 2, 1), int), np.ones((1, 1, 1, 1), int), datapath),
        lambda: qs.ops.plan_conv2d(np.ones((1, 1, 1, 1), int), datapath),
    ):
        with pytest.raises(qs.errors.DatapathError, match="allowed: a Datapath"):
            call()
