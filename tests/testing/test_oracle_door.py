"""Calls that cannot be made: the oracle refuses them by name."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from testing.oracle_tensor import signed_table, tensor

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    CorrectZeroPoints,
    Datapath,
    Lookup,
    Merge,
    Multiply,
    Narrow,
    Shift,
    Thresholds,
)
from pyqsim.errors import CodeError, DatapathError, OperandError, ShapeError
from pyqsim.testing.oracle import matmul

NIBBLE = signed_table(4)
ROW, COLUMN = [[1, 2, 3]], [[1], [2], [3]]


@pytest.mark.parametrize(
    "reduce",
    [
        (),
        (Narrow(),),
        (Accumulate(group=2),),
        (Accumulate(interleave=2),),
        (Accumulate(), Accumulate(interleave=3)),
    ],
)
def test_reduce_must_leave_one_value(reduce):
    with pytest.raises(DatapathError, match="leaves"):
        matmul(ROW, COLUMN, Datapath(reduce=reduce))


def test_reduce_must_leave_one_value_in_every_scale_group():
    a = tensor([[1, 2, 3]], NIBBLE, group=2, group_axis=1)
    with pytest.raises(DatapathError, match="leaves 0 values of 0"):
        matmul(np.zeros((1, 0), int), np.zeros((0, 1), int), Datapath(reduce=Accumulate(group=2)))
    assert matmul(a, COLUMN, Datapath(reduce=Accumulate(group=2))).shape == (2, 1, 1)
    with pytest.raises(DatapathError, match="leaves"):
        matmul(a, COLUMN, Datapath(reduce=Accumulate(group=1)))


@pytest.mark.parametrize(
    ("steps", "data"),
    [
        ({}, {"bias": 1}),
        ({}, {"requantize": SimpleNamespace(shift=1)}),
        ({}, {"out_zero_point": 1}),
        ({}, {"merge": 1}),
        ({"output": AddBias()}, {}),
        ({"reduce": Accumulate(start="bias")}, {}),
        ({"output": AddZeroPoint()}, {}),
    ],
)
def test_data_unread_or_missing(steps, data):
    with pytest.raises(DatapathError, match=r"given|=None"):
        matmul(ROW, COLUMN, Datapath(**steps), **data)
    assert matmul(ROW, COLUMN, Datapath(output=Merge()))[0, 0] == 14  # merge may be missing


@pytest.mark.parametrize("order", [(0, 1), (0, 1, 2, 3), (-1,), ("kh", "kw", "c")])
def test_order_must_fit_k(order):
    with pytest.raises(DatapathError, match="order"):
        matmul(ROW, COLUMN, Datapath(order=order))


def test_order_must_fit_the_short_group_too():
    a = tensor([[1, 2, 3]], NIBBLE, group=2, group_axis=1)
    with pytest.raises(DatapathError, match="order"):
        matmul(a, COLUMN, Datapath(order=(1, 0)))


def test_shift_without_a_shifting_operand():
    with pytest.raises(DatapathError, match="no operand shifts"):
        matmul(ROW, COLUMN, Datapath(product=Shift()))
    b = tensor(COLUMN, NIBBLE, shifts=True, zero_point=1)
    with pytest.raises(DatapathError, match="zero point"):
        matmul(ROW, b, Datapath(product=Shift()))


def test_fold_needs_its_correction():
    fold = Multiply("fold")
    assert matmul(ROW, COLUMN, Datapath(product=fold))[0, 0] == 14
    a = tensor(ROW, NIBBLE, zero_point=1)
    with pytest.raises(DatapathError, match="CorrectZeroPoints"):
        matmul(a, COLUMN, Datapath(product=fold))
    assert matmul(a, COLUMN, Datapath(product=fold, output=CorrectZeroPoints()))[0, 0] == 8


def test_shapes():
    for a, b in ((ROW, ROW), ([1, 2, 3], COLUMN), (ROW, [[[1]]])):
        with pytest.raises(ShapeError):
            matmul(a, b, Datapath())
    with pytest.raises(ShapeError, match="bias"):
        matmul(ROW, COLUMN, Datapath(output=AddBias()), bias=[1, 2])
    with pytest.raises(ShapeError, match="Thresholds"):
        matmul(ROW, COLUMN, Datapath(output=Thresholds([[1], [2]])))
    with pytest.raises(ShapeError, match="Lookup"):
        matmul(ROW, COLUMN, Datapath(product=Lookup(np.zeros((2, 8, 8), int))))


@pytest.mark.parametrize(
    "fields",
    [
        {"zero_point": [1, 2]},
        {"zero_point": [1], "axis": 1},
        {"zero_point": [1]},
        {"zero_point": [1, 2, 3], "group": 2, "group_axis": 1},
        {"zero_point": 0, "group": 2, "group_axis": 0},
    ],
)
def test_zero_points_that_do_not_meet(fields):
    with pytest.raises(ShapeError):
        matmul(tensor(ROW, NIBBLE, **fields), COLUMN, Datapath())


def test_two_group_sizes():
    a = tensor(ROW, NIBBLE, group=2, group_axis=1)
    b = tensor(COLUMN, NIBBLE, group=3, group_axis=0)
    with pytest.raises(ShapeError, match="group"):
        matmul(a, b, Datapath())


@pytest.mark.parametrize(
    ("overflow", "bias"), [("wrap", 128), ("wrap", -129), ("saturate_symmetric", -128)]
)
def test_bias_outside_the_start_register(overflow, bias):
    dp = Datapath(reduce=Accumulate(8, overflow, start="bias"))
    with pytest.raises(CodeError, match="bias"):
        matmul(ROW, COLUMN, dp, bias=bias)


@pytest.mark.parametrize("a", [[[0, 1, 2]], [[0, -1, 1]]])
def test_lookup_codes_outside_the_table(a):
    with pytest.raises(CodeError, match="of a"):
        matmul(a, [[0], [1], [0]], Datapath(product=Lookup([[1, 2], [3, 4]])))


@pytest.mark.parametrize(
    "a", [[[1.0, 2, 3]], [[True, False, True]], [["1", 2, 3]], np.ones((1, 3))]
)
def test_only_integers(a):
    with pytest.raises(OperandError, match="integers"):
        matmul(a, COLUMN, Datapath())
