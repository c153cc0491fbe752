"""The oracle's products: Multiply, Shift and Lookup by hand, and the laws that join them."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from testing.oracle_tensor import signed_table, tensor

from pyqsim.datapath import Accumulate, CorrectZeroPoints, Datapath, Lookup, Merge, Multiply, Narrow
from pyqsim.datapath import Shift as ShiftProduct
from pyqsim.modes import ROUNDINGS
from pyqsim.testing.oracle import matmul, narrow

BYTE = signed_table(8)
LEAVE_ZERO_ALONE = [r for r in ROUNDINGS if r.name not in ("JAM", "TRUNCATE_MAGNITUDE")]


def one(a, b, product):
    return int(matmul([[a]], b, Datapath(product=product))[0, 0])


def shifting(N):
    return tensor([[N]], BYTE, shifts=True)


def test_zero_points_subtracted_a_row_and_a_column():
    a = tensor([[1, 2], [3, 4]], BYTE, zero_point=[1, -2], axis=0)
    b = tensor([[5, 6], [7, 8]], BYTE, zero_point=[3, 4], axis=1)
    # rows - za: [0, 1], [5, 6]; columns - zb: [2, 4], [2, 4]
    assert matmul(a, b, Datapath()).tolist() == [[0 * 2 + 1 * 4, 4], [5 * 2 + 6 * 4, 34]]


def test_plain_integers_have_no_zero_point():
    a = np.array([[255, 0]], dtype=np.uint8)
    b = np.array([[-128], [1]], dtype=np.int8)
    assert matmul(a, b, Datapath())[0, 0] == 255 * -128


@pytest.mark.parametrize("K", [1, 2, 7])
def test_fold_with_correction_equals_subtract_while_nothing_overflows(K):
    rng = np.random.default_rng(K)
    a = tensor(rng.integers(-128, 128, (3, K)), BYTE, zero_point=[5, -7, 0], axis=0)
    b = tensor(rng.integers(-128, 128, (K, 2)), BYTE, zero_point=[-3, 100], axis=1)
    fold = Datapath(product=Multiply("fold"), output=CorrectZeroPoints())
    assert matmul(a, b, fold).tolist() == matmul(a, b, Datapath()).tolist()
    holes = Datapath(
        product=Multiply("fold"), output=CorrectZeroPoints(), order=(-1, *range(K), -1)
    )
    assert matmul(a, b, holes).tolist() == matmul(a, b, Datapath()).tolist()


def test_fold_differs_from_subtract_in_a_narrow_sum():
    # raw 100*1 + 100*1 = 200 saturates at 127; the correction -1*200 + ... follows it
    a = tensor([[100, 100]], BYTE)
    b = tensor([[1], [1]], BYTE, zero_point=1)
    eight = (Accumulate(8, "saturate"),)
    assert matmul(a, b, Datapath(reduce=eight))[0, 0] == 0
    fold = Datapath(product=Multiply("fold"), reduce=eight, output=CorrectZeroPoints())
    assert matmul(a, b, fold)[0, 0] == 127 - 200
    # one rule on the whole correction: 127 - 200 in 7 bits wraps to 55
    fold = Datapath(product=Multiply("fold"), reduce=eight, output=CorrectZeroPoints(7))
    assert matmul(a, b, fold)[0, 0] == 55


def test_shift_by_hand():
    floor = {"drop": 2, "rounding": "floor"}
    # x = 5, N = -3 = -(1 + 2): powers give 5/4 and 10/4
    assert one(5, shifting(-3), ShiftProduct(**floor)) == -(1 + 2)
    assert one(5, shifting(-3), ShiftProduct(**floor, sign="before")) == -2 - 3
    assert one(5, shifting(-3), ShiftProduct(**floor, per="sum")) == -4  # -15/4 = -3.75
    assert one(-5, shifting(3), ShiftProduct(**floor)) == -2 - 3  # x keeps its own sign
    assert one(-5, shifting(-3), ShiftProduct(**floor)) == 2 + 3
    assert one(-5, shifting(-3), ShiftProduct(**floor, sign="before")) == 1 + 2


def test_shift_half_up_by_hand():
    # x = 3, N = -2: 6/4 = 1.5 -> 2; after -2, before: -1.5 -> -1
    assert one(3, shifting(-2), ShiftProduct(2, "half_up")) == -2
    assert one(3, shifting(-2), ShiftProduct(2, "half_up", sign="before")) == -1


def test_the_shifting_operand_may_be_a():
    a = tensor([[-3]], BYTE, shifts=True)
    b = tensor([[5]], BYTE, zero_point=0)
    dp = Datapath(product=ShiftProduct(2))
    assert matmul(a, b, dp)[0, 0] == -(1 + 2)
    shifted_b = tensor([[6]], BYTE, zero_point=1)
    assert matmul(a, shifted_b, dp)[0, 0] == -3
    assert matmul(tensor([[6]], BYTE, zero_point=1), shifting(-3), dp)[0, 0] == -3


def test_two_shifting_operands_by_hand():
    a, b = tensor([[-3]], BYTE, shifts=True), shifting(5)  # powers 0, 1 and 0, 2: 1 4 2 8
    before = ShiftProduct(1, "floor", sign="before")  # -1/2 -4/2 -2/2 -8/2
    assert matmul(a, b, Datapath(product=before))[0, 0] == -1 - 2 - 1 - 4
    after = ShiftProduct(1, "floor")  # x is the sign of a, s that of b = +1: the same
    assert matmul(a, b, Datapath(product=after))[0, 0] == -8
    a, b = tensor([[3]], BYTE, shifts=True), shifting(-5)  # s = -1 outside: 0 2 1 4
    assert matmul(a, b, Datapath(product=after))[0, 0] == -7
    assert matmul(a, b, Datapath(product=ShiftProduct(1, per="sum")))[0, 0] == -8  # -7.5


@pytest.mark.parametrize("rounding", ["jam", "half_up"])
@pytest.mark.parametrize("per", ["term", "sum"])
@pytest.mark.parametrize("sign", ["after", "before"])
def test_a_zero_code_gives_zero_whatever_the_rounding(rounding, per, sign):
    product = ShiftProduct(3, rounding, sign, per)
    assert one(77, shifting(0), product) == 0
    zero = tensor([[0]], BYTE, shifts=True)
    assert matmul(zero, shifting(7), Datapath(product=product))[0, 0] == 0
    assert matmul(shifting(7), zero, Datapath(product=product))[0, 0] == 0
    # x = 0 is no zero code: jam makes 1 of each shifted 0
    if rounding == "jam" and per == "term" and sign == "after":
        assert one(0, shifting(-7), product) == -3


@pytest.mark.parametrize("sign", ["after", "before"])
@pytest.mark.parametrize("per", ["term", "sum"])
def test_law_drop_zero_is_multiply(sign, per):
    rng = np.random.default_rng(3)
    a = tensor(rng.integers(-128, 128, (3, 9)), BYTE, zero_point=3)
    b = tensor(rng.integers(-128, 128, (9, 4)), BYTE, shifts=True)
    both = tensor(rng.integers(-128, 128, (3, 9)), BYTE, shifts=True)
    for rounding in ROUNDINGS:
        shift = Datapath(product=ShiftProduct(0, rounding, sign, per))
        for left in (a, both):
            assert matmul(left, b, shift).tolist() == matmul(left, b, Datapath()).tolist()


@pytest.mark.parametrize("rounding", LEAVE_ZERO_ALONE, ids=repr)
def test_law_one_power_before_and_per_sum_are_multiply_then_narrow(rounding):
    powers = [0, *(s * 2**e for e in range(6) for s in (1, -1))]
    for drop, x in itertools.product((1, 3), (-77, -8, -4, -1, 0, 2, 4, 12, 99)):
        step = Narrow(shift=drop, rounding=rounding)
        for N in powers:
            assert one(x, shifting(N), ShiftProduct(drop, rounding, "before")) == narrow(
                x * N, step
            )
        for N in (0, 3, -5, 100, -77):
            for sign in ("before", "after"):
                product = ShiftProduct(drop, rounding, sign, "sum")
                assert one(x, shifting(N), product) == narrow(x * N, step)


def test_lookup_takes_bit_patterns():
    table = np.arange(256).reshape(16, 16)  # entry = 16 a + b
    nibble = signed_table(4)
    a = tensor([[-1, 2]], nibble, zero_point=3)  # patterns 15, 2
    b = tensor([[-8], [7]], nibble)  # patterns 8, 7
    assert matmul(a, b, Datapath(product=Lookup(table)))[0, 0] == 15 * 16 + 8 + 2 * 16 + 7
    assert matmul([[15, 2]], [[8], [7]], Datapath(product=Lookup(table)))[0, 0] == 287


def test_lookup_by_k_restarts_in_a_scale_group():
    table = np.array([[[1]], [[10]], [[100]]])
    dp = Datapath(product=Lookup(table), order=(2, 0, -1, 1), reduce=(Accumulate(8, "saturate"),))
    zeros = [[0, 0, 0]]
    assert matmul(zeros, [[0]] * 3, dp)[0, 0] == 111
    a = tensor([[0] * 5], BYTE, group=3, group_axis=1)
    y = matmul(a, [[0]] * 5, Datapath(product=Lookup(table)))
    assert y.tolist() == [[[111]], [[11]]]


def test_lookup_of_an_approximate_multiplier_is_multiply_of_its_table():
    rng = random.Random(1)
    table = [[x * y for y in range(8)] for x in range(8)]
    a = [[rng.randrange(8) for _ in range(6)] for _ in range(2)]
    b = [[rng.randrange(8) for _ in range(2)] for _ in range(6)]
    lookup = Datapath(product=Lookup(table))
    assert matmul(a, b, lookup).tolist() == matmul(a, b, Datapath()).tolist()


def test_planes_and_groups_are_chains_of_their_own():
    two_bits = [0, 1, 2, 3]
    planes = [[x % 2 for x in two_bits], [x // 2 for x in two_bits]]
    a = tensor([[3, 2, 1]], planes, group=2, group_axis=1)
    b = tensor([[1], [2], [3]], two_bits)
    y = matmul(a, b, Datapath())
    # low bits 1 0 | 1, high bits 1 1 | 0
    assert y.shape == (2, 2, 1, 1)
    assert y[..., 0, 0].tolist() == [[1, 3], [3, 0]]
    merged = Datapath(output=Merge())
    assert matmul(a, b, merged).tolist() == [[7]]
    scale = np.array([1, 2]).reshape(2, 1, 1, 1, 1)
    assert matmul(a, b, merged, merge=scale).tolist() == [[3 * 1 + 2 * 2 + 1 * 3]]


def test_leading_axes_of_length_one_are_dropped():
    a = tensor([[3]], [[0, 1, 0, 1], [0, 0, 1, 1]])
    assert matmul(a, [[5]], Datapath()).shape == (2, 1, 1)
    b = tensor([[3]], [[0, 1, 0, 1], [0, 0, 1, 1]])
    assert matmul([[5]], b, Datapath()).shape == (2, 1, 1)
    assert matmul(a, b, Datapath()).shape == (2, 2, 1, 1)
    assert matmul([[5]], [[5]], Datapath()).shape == (1, 1)
    assert matmul(np.zeros((0, 3), int), np.zeros((3, 2), int), Datapath()).shape == (0, 2)


def test_zero_points_by_group_and_channel():
    a = tensor([[1, 2, 3]], BYTE, zero_point=[10, 20], group=2, group_axis=1)
    ones = [[1], [1], [1]]
    assert matmul(a, ones, Datapath()).reshape(-1).tolist() == [3 - 20, 3 - 20]
    b = tensor(
        [[1, 2], [3, 4], [5, 6]], BYTE, zero_point=[[1, 2], [3, 4]], axis=1, group=2, group_axis=0
    )
    y = matmul([[1, 1, 1]], b, Datapath())
    assert y.tolist() == [[[1 + 3 - 2, 2 + 4 - 4]], [[5 - 3, 6 - 4]]]
    both = matmul(a, b, Datapath(product=Multiply("fold"), output=CorrectZeroPoints()))
    assert both.tolist() == matmul(a, b, Datapath()).tolist()


def test_an_order_inside_groups():
    a = tensor([[100, -100, 100, 100, -100, 100]], BYTE, group=3, group_axis=1)
    dp = Datapath(reduce=(Accumulate(8, "saturate"),), order=(0, 2, -1, 1))
    # group 1: 100, 127, 27; group 2 (100, -100, 100): 100, 127, 27
    assert matmul(a, [[1]] * 6, dp).reshape(-1).tolist() == [27, 27]
