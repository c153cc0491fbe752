"""Philox4x32-10 against the known answers of Random123 (kat_vectors), and where it is drawn."""

from __future__ import annotations

import pytest
from testing.oracle_tensor import signed_table, tensor

from pyqsim.datapath import Accumulate, Datapath, Narrow, Shift
from pyqsim.modes import STOCHASTIC
from pyqsim.testing.oracle import matmul, narrow, philox4x32_10

PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (PI, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_known_answers(counter, key, expected):
    assert philox4x32_10(counter, key) == expected


SEED = 0x1234_5678_9ABC_DEF0
KEY = (0x9ABCDEF0, 0x12345678)  # low word first


def drawn(shift, position, n, m, step, term):
    """R spelled out: word 1 is the upper half, the top `shift` bits are taken."""
    word0, word1, _, _ = philox4x32_10((position & ONES, n, m, 256 * step + term), KEY)
    return (word1 * 2**32 + word0) // 2 ** (64 - shift)


def test_reduce_narrow_draws_by_place():
    # one product a term, 40 bits dropped of 2^39 times it: a coin flip each
    a = [[1, 1, 1], [1, 1, 1]]
    b = [[2**39] * 2] * 3
    step = Narrow(shift=40, rounding=STOCHASTIC(SEED))
    keep_k = (Narrow(multiplier=3), step, Accumulate(group=1), Accumulate())
    y = matmul(a, b, Datapath(reduce=keep_k))
    for m in range(2):
        for n in range(2):
            terms = [(3 * 2**39 + drawn(40, k, n, m, 1, 0)) >> 40 for k in range(3)]
            assert y[m, n] == sum(terms)


def test_order_decides_the_position_not_k():
    step = Narrow(shift=40, rounding=STOCHASTIC(SEED))
    a, b = [[2**39 + k for k in range(20)]], [[1]] * 20
    order = (*range(19, 9, -1), -1, *range(10))
    y = matmul(a, b, Datapath(reduce=(step, Accumulate()), order=order))
    by_slot = {slot: a[0][k] for slot, k in enumerate(order) if k >= 0}
    assert y[0, 0] == sum((v + drawn(40, s, 0, 0, 0, 0)) >> 40 for s, v in by_slot.items())
    shift = Datapath(product=Shift(drop=40, rounding=STOCHASTIC(SEED)), order=order)
    ones = tensor([[1] * 8] * 20, signed_table(8), shifts=True)
    y = matmul(a * 3, ones, shift)
    for m in range(3):
        for n in range(8):
            flips = [(v + drawn(40, s, n, m, 255, 0)) >> 40 for s, v in by_slot.items()]
            assert y[m, n] == sum(flips)


def test_a_sum_draws_at_its_last_real_term_and_output_steps_at_minus_one():
    step = Narrow(shift=33, rounding=STOCHASTIC(SEED))
    a, b = [[2**32 + 12345, 2**31 + 777, -(2**33) + 5]], [[1], [1], [1]]
    dp = Datapath(reduce=(Accumulate(group=2), step, Accumulate()), order=(0, 1, 2, -1))
    pairs = [(2**32 + 2**31 + 13122, 1), (-(2**33) + 5, 2)]
    assert matmul(a, b, dp)[0, 0] == sum((v + drawn(33, p, 0, 0, 1, 0)) >> 33 for v, p in pairs)

    values = [[9 * m + 1] for m in range(20)]
    for extra in (0, 1):  # the step number counts on from the reduce steps
        outputs = (Narrow(),) * extra + (Narrow(shift=3, rounding=STOCHASTIC(SEED)),)
        y = matmul(values, [[1]], Datapath(reduce=(Accumulate(),), output=outputs))
        expected = [(v[0] + drawn(3, -1, 0, m, 1 + extra, 0)) >> 3 for m, v in enumerate(values)]
        assert y[:, 0].tolist() == expected


def test_spill_terms_are_the_index_inside_spill():
    rule = STOCHASTIC(SEED)
    # half of what is dropped stays: R's upper bits show in the result
    spill = (Narrow(shift=4, rounding=rule), Narrow(multiplier=77), Narrow(shift=5, rounding=rule))
    dp = Datapath(reduce=(Accumulate(group=2, spill=spill),))
    a = [[1000 * k + 13 for k in range(1, 32)]]
    y = matmul(a, [[1] * 10] * 31, dp)
    for n in range(10):
        value = 0
        for first in range(0, 31, 2):
            last = min(first + 1, 30)
            value = (value + sum(a[0][first : first + 2]) + drawn(4, last, n, 0, 0, 0)) >> 4
            value = (value * 77 + drawn(5, last, n, 0, 0, 2)) >> 5
        assert y[0, n] == value


def test_shift_product_draws_at_step_255_a_term_a_power():
    rule = STOCHASTIC(SEED)
    eight = signed_table(8)
    b = tensor([[-11]], eight, shifts=True)  # 11 = 2^0 + 2^1 + 2^3
    x = 123456789
    parts = [(x * 2**e + drawn(20, 0, 0, 0, 255, t)) >> 20 for t, e in enumerate((0, 1, 3))]
    dp = Datapath(product=Shift(drop=20, rounding=rule))
    assert matmul([[x]], b, dp)[0, 0] == -sum(parts)
    whole = Datapath(product=Shift(drop=20, rounding=rule, per="sum"))
    assert matmul([[x]], b, whole)[0, 0] == (-11 * x + drawn(20, 0, 0, 0, 255, 0)) >> 20


def test_two_shifting_operands_count_a_outer_b_inner():
    rule = STOCHASTIC(SEED)
    eight = signed_table(8)
    a = tensor([[-6]], eight, shifts=True)  # 2^1 + 2^2
    b = tensor([[-9]], eight, shifts=True)  # 2^0 + 2^3
    exponents = (1 + 0, 1 + 3, 2 + 0, 2 + 3)
    for sign, signs, outer in (("after", -1, -1), ("before", 1, 1)):
        dp = Datapath(product=Shift(drop=6, rounding=rule, sign=sign))
        parts = [(signs * 2**e + drawn(6, 0, 0, 0, 255, t)) >> 6 for t, e in enumerate(exponents)]
        assert matmul(a, b, dp)[0, 0] == outer * sum(parts)


def test_scalar_narrow_draws_at_position_minus_one_step_zero():
    step = Narrow(shift=40, rounding=STOCHASTIC(SEED))
    assert narrow(2**39, step) == (2**39 + drawn(40, -1, 0, 0, 0, 0)) >> 40


def test_planes_and_groups_draw_the_same_numbers():
    eight = signed_table(8)
    a = tensor([[77, 77]], [eight, eight], group=1, group_axis=1)
    step = Narrow(shift=8, rounding=STOCHASTIC(SEED))
    y = matmul(a, [[1], [1]], Datapath(reduce=(step,)))
    assert y.shape == (2, 2, 1, 1)
    assert len(set(y.reshape(-1).tolist())) == 1
