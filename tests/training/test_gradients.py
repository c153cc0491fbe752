"""What all training functions share: sums over shared parameters, checks at the door."""

import numpy as np
import pytest

from pyqsim.errors import QuantizationError, ShapeError
from pyqsim.training.gradients import (
    check_broadcast,
    check_inside,
    parameter_array,
    sum_to,
    upstream_array,
)


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (3, 4), (2, 1, 1), (1, 3, 1), (2, 3, 4)])
def test_sum_to_is_the_transpose_of_broadcasting(shape):
    rng = np.random.default_rng(1)
    gradient = rng.integers(-9, 9, (2, 3, 4)).astype(float)
    parameter = rng.integers(-9, 9, shape).astype(float)
    summed = sum_to(gradient, shape)
    assert summed.shape == shape
    # <g, broadcast(p)> == <sum_to(g), p>, exactly: small integers
    assert (gradient * parameter).sum() == (summed * parameter).sum()


def test_sum_to_of_nothing():
    assert sum_to(np.zeros((0, 3)), (3,)).tolist() == [0, 0, 0]


def test_parameters_are_read_only_copies():
    source = np.array([1.0, 2.0])
    parameter = parameter_array("alpha", source)
    source[0] = 9
    assert parameter.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        parameter[0] = 3


def test_messages():
    with pytest.raises(QuantizationError, match=r"alpha\[1\]=nan, allowed: finite numbers"):
        parameter_array("alpha", [1.0, np.nan])
    with pytest.raises(QuantizationError, match=r"alpha\[1\]=1.0, allowed: > 0.0, < 1.0"):
        check_inside("alpha", np.array([0.5, 1.0]), 0.0, 1.0)
    with pytest.raises(ShapeError, match=r"beta.shape=\(3,\), allowed: broadcastable to \(2,\)"):
        check_broadcast((2,), alpha=np.ones(2), beta=np.ones(3))
    with pytest.raises(ShapeError, match=r"beta.shape=\(4, 2\), allowed: broadcastable to \(2,\)"):
        check_broadcast((2,), beta=np.ones((4, 2)))
    with pytest.raises(ShapeError, match=r"upstream.shape=\(2,\), allowed: a scalar or \(3,\)"):
        upstream_array(np.ones(2), (3,))
