"""Arrays whose elements lie across word boundaries were handed to C as they were.

A contiguous int64 view into a byte buffer need not be aligned; reading it through a pointer to
int64_t is undefined behaviour. The numbers were right on x86; the sanitizer build found it.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.checks import integer_array


def misaligned(values: np.ndarray) -> np.ndarray:
    """The same numbers, one byte off."""
    buffer = np.zeros(values.nbytes + 1, dtype=np.uint8)
    view = buffer[1:].view(values.dtype).reshape(values.shape)
    view[...] = values
    assert not view.flags.aligned
    return view


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint64])
def test_the_door_aligns(dtype: type) -> None:
    """A copy is made where it must be, and only there."""
    values = np.arange(12, dtype=dtype).reshape(3, 4)
    assert integer_array("x", values) is values
    taken = integer_array("x", misaligned(values))
    assert taken.flags.aligned
    assert (taken == values).all()


@pytest.mark.parametrize("kernel", ["reference", "lanes"])
def test_operands_and_data(kernel: str) -> None:
    """Operands, bias and zero point, on both kernels."""
    dp = qs.Datapath(output=(qs.AddBias(32), qs.AddZeroPoint()))
    a, b = np.arange(20).reshape(5, 4), np.arange(8).reshape(4, 2)
    bias, zero_point = np.array([[100, 200]]), np.array([1, 2])
    y = qs.matmul(
        misaligned(a), misaligned(b), dp, kernel=kernel,
        bias=misaligned(bias), out_zero_point=misaligned(zero_point),
    )  # fmt: skip
    assert (y == a @ b + bias + zero_point).all()
    assert qs.narrow(misaligned(a), shift=1).tolist() == (a >> 1).tolist()
