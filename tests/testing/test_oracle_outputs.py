"""The oracle's output steps, result dtype and shape, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from testing.oracle_tensor import tensor

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    Clamp,
    Datapath,
    Lookup,
    Merge,
    Narrow,
    Thresholds,
)
from pyqsim.errors import AccumulatorRangeError, CodeError, OverflowTrap
from pyqsim.testing.oracle import matmul


def after(values, *output, **data):
    """Output steps on a column of values."""
    dp = Datapath(output=output)
    return matmul([[v] for v in values], [[1]], dp, **data)[:, 0].tolist()


def test_bias_zero_point_clamp_in_the_order_written():
    steps = (AddBias(8, "saturate"), Narrow(shift=1), AddZeroPoint(), Clamp(0, 60))
    # 120 + 10 -> 127 -> 63 + 3 = 66 -> 60; -5 + 10 = 5 -> 2 + 3 = 5; -100 + 10 = -90 -> -42 -> 0
    assert after([120, -5, -100], *steps, bias=10, out_zero_point=3) == [60, 5, 0]


def test_data_broadcast():
    dp = Datapath(output=AddBias())
    zeros = np.zeros((2, 1), int), np.zeros((1, 3), int)
    assert matmul(*zeros, dp, bias=[1, 2, 3]).tolist() == [[1, 2, 3], [1, 2, 3]]
    assert matmul(*zeros, dp, bias=[[1], [2]]).tolist() == [[1, 1, 1], [2, 2, 2]]


def test_lookup_by_pattern_signed_or_unsigned():
    table = Lookup([10, 11, 12, 13])  # 2-bit patterns
    assert after([-2, -1, 0, 1, 2, 3], table) == [12, 13, 10, 11, 12, 13]
    for outside in (-3, 4):
        with pytest.raises(CodeError, match="Lookup"):
            after([outside], table)
    assert after([0], Lookup([5])) == [5]


def test_thresholds_count_reached_ones():
    assert after([-1, 0, 1, 4, 5, 9], Thresholds([0, 4, 4])) == [0, 1, 1, 3, 3, 3]
    dp = Datapath(output=Thresholds([[0, 1], [10, 20]]))
    assert matmul([[5]], [[1, 3]], dp).tolist() == [[2, 1]]


TWO_PLANES = [[0, 100, 0, 100], [0, 0, 100, 100]]


def test_merge_rule_at_every_addition():
    a = tensor([[3]], TWO_PLANES)
    b = tensor([[3]], [[0, 1, 0, 1], [0, 0, -1, -1]])
    # chains in order (i, j): 100, -100, 100, -100
    assert matmul(a, b, Datapath(output=Merge()))[0, 0] == 0
    scale = np.array([[1, 1], [2, 1]]).reshape(2, 2, 1, 1, 1)  # 100, -100, 200, -100
    assert matmul(a, b, Datapath(output=Merge(8, "saturate")), merge=scale)[0, 0] == 27
    assert matmul(a, b, Datapath(output=Merge(8, "saturate_hold")), merge=scale)[0, 0] == 127
    assert matmul(a, b, Datapath(output=Merge(8, "wrap")), merge=scale)[0, 0] == 100


def test_steps_before_merge_act_on_each_chain():
    a = tensor([[3]], TWO_PLANES)
    dp = Datapath(output=(AddBias(), Narrow(bits=8, overflow="saturate"), Merge(), Narrow(shift=1)))
    assert matmul(a, [[1]], dp, bias=20)[0, 0] == (120 + 120) // 2
    assert matmul(a, [[1]], dp, bias=50)[0, 0] == (127 + 127) // 2


def test_every_chain_loads_the_bias():
    a = tensor([[3]], TWO_PLANES)
    dp = Datapath(reduce=Accumulate(8, "saturate", start="bias"))
    assert matmul(a, [[1]], dp, bias=20).reshape(-1).tolist() == [120, 120]


def test_result_dtype_and_range():
    assert matmul([[1]], [[1]], Datapath()).dtype == np.int64
    assert matmul([[1]], [[1]], Datapath(reduce=Accumulate(32))).dtype == np.int32
    assert matmul([[1]], [[1]], Datapath(reduce=Accumulate(32, signed=False))).dtype == np.int64
    assert matmul([[1]], [[1]], Datapath(reduce=Accumulate(33))).dtype == np.int64
    with pytest.raises(AccumulatorRangeError, match="int32"):
        matmul([[1]], [[1]], Datapath(reduce=Accumulate(32), output=AddBias()), bias=2**31 - 1)
    with pytest.raises(AccumulatorRangeError, match="int64"):
        matmul([[2**62, 2**62]], [[1], [1]], Datapath())
    # Python integers in between
    halved = Datapath(output=Narrow(shift=2))
    assert matmul([[2**62, 2**62]], [[1], [1]], halved)[0, 0] == 2**61


def test_output_trap_names_the_smallest_place():
    dp = Datapath(
        reduce=(Narrow(), Accumulate()), output=(AddBias(), Narrow(bits=8, overflow="trap"))
    )
    with pytest.raises(OverflowTrap) as caught:
        matmul([[1], [500]], [[1, 1, 200]], dp, bias=0)
    assert caught.value.place == (3, 0, 2, -1)


def test_empty_matrices():
    assert (
        matmul(np.zeros((2, 0), int), np.zeros((0, 3), int), Datapath()).tolist() == [[0] * 3] * 2
    )
    assert matmul(np.zeros((0, 2), int), np.zeros((2, 3), int), Datapath()).shape == (0, 3)
