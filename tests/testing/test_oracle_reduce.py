"""The oracle's reduce steps: published machines, direct loops, and hand calculations."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pyqsim.datapath import Accumulate, Datapath, Narrow
from pyqsim.modes import Rounding
from pyqsim.testing.oracle import matmul


def dot(a, b, *reduce, **data):
    """One dot product on a chain of reduce steps."""
    order = data.pop("order", None)
    y = matmul([a], [[value] for value in b], Datapath(reduce=reduce, order=order), **data)
    assert y.shape == (1, 1)
    return int(y[0, 0])


def total(values, *reduce, **data):
    return dot(values, [1] * len(values), *reduce, **data)


@pytest.mark.parametrize(
    ("bits", "overflow", "cast_first", "sum_only"),
    [(14, "saturate", -1, -8065), (15, "saturate", 127, 127), (10, "wrap", -382, -382)],
)
def test_two_machines_differ(bits, overflow, cast_first, sum_only):
    # As ap_fixed computes it: products 16129, 16129, -16256. 14 bits, sum only: 8191, 8191,
    # 8191 - 16256; cast first: 8191, 8191, -8192 -> 8191, 8191, -1.
    a, b = [127, 127, -128], [127, 127, 127]
    register = {"bits": bits, "overflow": overflow}
    assert dot(a, b, Narrow(**register), Accumulate(**register)) == cast_first
    assert dot(a, b, Accumulate(**register)) == sum_only


def test_vpdpbusds_saturates_once_a_group():
    chain = (Accumulate(group=4), Accumulate(32, "saturate", start="bias"))
    a, b = [255] * 4, [127, 127, -128, -128]
    # the four products give -510: 2147483637 - 510, though two products alone would saturate
    assert dot(a, b, *chain, bias=2147483637) == 2147483127
    # the sequential machine: 2147483637 + 64770 -> 2147483647, then - 65280
    assert dot(a, b, Accumulate(32, "saturate", start="bias"), bias=2147483637) == 2147418367
    # not the clamp of the exact total: +129540 saturates, then -130560 starts from the rail
    a, b = [255] * 8, [127] * 4 + [-128] * 4
    assert dot(a, b, *chain, bias=2147483637) == 2147483647 - 130560


def sat16(value):
    return min(max(value, -32768), 32767)


@pytest.mark.parametrize("pairs", [1, 3, 128])
@pytest.mark.parametrize("K", [1, 2, 255, 600])
def test_fbgemm_acc16(pairs, K):
    """matmul_u8i8acc16_ref as a loop: t = sat16(t + sat16(pair)); spill into int32."""
    rng = random.Random(pairs * 1000 + K)
    a = [rng.randint(0, 255) for _ in range(K)]
    b = [rng.choice([127, -128, rng.randint(-128, 127)]) for _ in range(K)]
    y = t = 0
    for k in range(0, K, 2):
        pair = sum(a[j] * b[j] for j in (k, k + 1) if j < K)
        t = sat16(t + sat16(pair))
        if (k // 2 + 1) % pairs == 0:
            y, t = y + t, 0
    y += t
    chain = (
        Accumulate(16, "saturate", group=2),
        Accumulate(16, "saturate", group=pairs),
        Accumulate(32, "wrap"),
    )
    assert dot(a, b, *chain) == y


def test_vpmaddubsw_checks_at_every_addition_of_the_pair():
    # 255*-128 = -32640; twice: -65280 -> -32768
    assert dot([255, 255], [-128, -128], Accumulate(16, "saturate", group=2)) == -32768


def test_the_first_addition_counts_too():
    # an 8-bit accumulator that receives 200: the rule acts at start + value
    assert total([200, -100], Accumulate(8, "saturate")) == 27
    assert total([200], Accumulate(8, "wrap")) == -56


def test_saturate_hold_keeps_the_rail_until_cleared():
    hold = Accumulate(8, "saturate_hold", group=3)
    # block 1: 100, 127 (held), 127; block 2 is a new accumulator: -50, -128 (held), -128
    assert total([100, 100, -90, -50, -100, 90], hold, Accumulate()) == 127 - 128
    assert total([100, 100, -90, -50, -100, 90], Accumulate(8, "saturate_hold")) == 127


def test_tree_is_steps_of_group_two():
    values = [60, 60, -60, -60, 5, 6, 7]
    pair = Accumulate(7, "saturate", group=2)
    # 63, -64, 11, 7 -> -1, 18 -> 17
    assert total(values, pair, pair, pair) == 17
    # in sequence: 60, 63, 3, -57, -52, -46, -39
    assert total(values, Accumulate(7, "saturate")) == -39


def test_order_decides_what_saturates():
    values = [100, 100, -100]
    assert total(values, Accumulate(8, "saturate")) == 27
    assert total(values, Accumulate(8, "saturate"), order=(0, 2, 1)) == 100
    assert total(values, Accumulate(8, "saturate"), order=(2, 1, 0)) == 100


def test_holes_fill_groups():
    values = [1, 10, 100]
    fingerprint = Accumulate(group=1, spill=Narrow(multiplier=1000))

    def groups(order=None):
        number = total(values, Accumulate(group=2), fingerprint, Narrow(divisor=1000), order=order)
        return f"{number:,}"

    assert groups() == "11,100"
    assert groups((0, -1, 1, 2)) == "1,110"
    assert groups((0, -1, 1, -1, 2)) == "1,010,100"
    assert groups((-1, 1, 0, -1, 2, -1, -1, -1)) == "10,001,100,000"
    jam = Narrow(shift=1, rounding="jam")  # 1 even where the value is 0: a hole is a value
    assert total([4, 4], jam, Accumulate()) == 6
    assert total([4, 4], jam, Accumulate(), order=(0, -1, 1)) == 7


def test_interleave_with_short_blocks():
    # blocks of 2*3 = 6: [1..6], then the short [7, 8, 9, 10]
    step = Accumulate(group=2, interleave=3)
    tag = Narrow(multiplier=10)
    # 1+4, 2+5, 3+6 = 5, 7, 9; then 7+10, 8, 9 = 17, 8, 9
    values = list(range(1, 11))
    assert total(values, step, tag, Accumulate()) == 550
    # which values meet, and in what order they leave, as the digits of a number in base 32
    fingerprint = Accumulate(group=1, spill=Narrow(multiplier=32))
    digits = [5, 7, 9, 17, 8, 9]
    assert total(values, step, fingerprint) == sum(
        digit * 32 ** (6 - index) for index, digit in enumerate(digits)
    )
    # accumulators that received nothing pass on their start value: 2 blocks of 4
    always = Narrow(shift=1, rounding=Rounding(0xFFFF))  # adds 1 to every value
    four = Accumulate(group=1, interleave=4)
    assert total([2, 2, 2, 2, 2], four, always, Accumulate()) == 5 * 2 + 3 * 1


def test_interleave_without_group():
    two = Accumulate(8, "saturate", interleave=2)
    # even: 100 + 100 -> 127, - 100 = 27; odd: -100 - 100 -> -128, + 100 = -28
    assert total([100, -100, 100, -100, -100, 100], two, Accumulate()) == -1


def test_empty_sequences():
    always = Narrow(shift=1, rounding=Rounding(0xFFFF))
    a, b = [[]], np.zeros((0, 1), dtype=np.int64)
    for reduce, expected in [
        ((Accumulate(),), 0),
        ((Accumulate(interleave=3), always, Accumulate()), 3),
        ((Accumulate(group=4, interleave=3), always, Accumulate()), 0),
        ((Accumulate(group=4, spill=always),), 0),
    ]:
        assert matmul(a, b, Datapath(reduce=reduce))[0, 0] == expected
    start = (Accumulate(start="bias"),)
    assert matmul(a, b, Datapath(reduce=start), bias=[[7]])[0, 0] == 7
    start = (Accumulate(group=2, spill=always, start="bias"),)
    assert matmul(a, b, Datapath(reduce=start), bias=[[7]])[0, 0] == 7
    # holes only: values that are 0
    assert matmul(a, b, Datapath(reduce=(always, Accumulate()), order=(-1, -1)))[0, 0] == 2


def test_start_bias_loads_the_first_accumulator_of_the_first_block():
    tag = Narrow(shift=1)  # floor of half: shows each value's parity
    values = [0, 0, 0, 0]
    step = Accumulate(group=1, interleave=2, start="bias")
    assert total(values, step, tag, Accumulate(), bias=8) == 4
    # 127 + 1 saturates at the first addition; the load itself is exact
    assert total([1, -1], Accumulate(8, "saturate", start="bias"), bias=127) == 126
    # only the first block: 3 blocks of 1, bias 1 each would be 3
    once = Accumulate(group=1, start="bias")
    assert total([0, 0, 0], once, Accumulate(), bias=1) == 1


def test_bias_in_a_saturating_start_is_not_an_added_bias():
    assert total([100, -100], Accumulate(8, "saturate", start="bias"), bias=50) == 27
    assert total([100, -100], Accumulate(8, "saturate")) + 50 == 50


def test_spill_by_hand():
    # G=2, 16-bit sum into an 8-bit memory: 300 -> 127; +100+100 = 327 -> 127; -50 -> 77
    spill = Narrow(bits=8, overflow="saturate")
    step = Accumulate(16, "saturate", group=2, spill=spill)
    assert total([150, 150, 100, 100, -50], step) == 77
    # the sum goes on from the result: shift right and left again drops low bits every 2 values
    coarse = (Narrow(shift=2), Narrow(shift=-2))
    # 7 -> 4; 4 + 2 + 1 = 7 -> 4; 4 + 3 = 7 -> 4
    assert total([3, 4, 2, 1, 3], Accumulate(group=2, spill=coarse)) == 4
    # no second spill after the last addition if it completed a group: 0 + 8, +1 each spill
    plus_one = Narrow(shift=1, rounding=Rounding(0xFFFF))
    assert total([8, 8], Accumulate(group=2, spill=plus_one)) == 9
    assert total([8, 8, 3], Accumulate(group=2, spill=plus_one)) == 7  # 9; (9 + 3) / 2 + 1


def test_hls_accumulator_with_a_rounding_type_is_spill_of_one():
    # acc += m, acc a multiple of 4 rounded half up: 0+5 -> 4, 4+6=10 -> 12, 12+1=13 -> 12
    rounds = (Narrow(shift=2, rounding="half_up"), Narrow(shift=-2))
    assert total([5, 6, 1], Accumulate(group=1, spill=rounds)) == 12


def test_hold_with_spill_is_never_cleared_but_the_spill_still_acts():
    # 8 bits: 100 + 100 -> 127 held; spill halves: 63; the 5s are not added; 31 after the next
    step = Accumulate(8, "saturate_hold", group=2, spill=Narrow(shift=1))
    assert total([100, 100, 5, 5], step) == 31


def test_in_memory_array_with_an_adc():
    # 64 rows of ones, then 36: (64+32)>>6 = 1; (36+32)>>6 = 1, wide ADC; 5 bits saturate at 15
    adc = Narrow(shift=6, rounding="half_up", bits=5, overflow="saturate")
    chain = (Accumulate(group=64), adc, Accumulate())
    assert total([1] * 100, *chain) == 2
    assert total([100] * 64 + [-1] * 31, *chain) == 15 + 0  # -31 + 32 = 1 -> 0
    assert total([100] * 64 + [-1] * 33, *chain) == 15 - 1  # -1 >> 6 = -1


def test_wrap_inner_16_outer_32_is_not_one_sum():
    values = [30000, 30000, 30000, 30000]
    chain = (Accumulate(16, group=2), Accumulate(32))
    assert total(values, *chain) == 2 * (60000 - 65536)
    assert total(values, Accumulate(32), Narrow(bits=16)) == 120000 - 2 * 65536


def test_unsigned_accumulator():
    assert total([5, -7, 1], Accumulate(4, "saturate", signed=False)) == 1
    assert total([5, -7, 1], Accumulate(4, "wrap", signed=False)) == 15


def test_wrap_needs_no_order():
    rng = random.Random(5)
    for _ in range(20):
        values = [rng.randint(-(2**20), 2**20) for _ in range(13)]
        expected = (sum(values) + 2**15) % 2**16 - 2**15
        for chain in (
            (Accumulate(16),),
            (Accumulate(16, group=3), Accumulate(16)),
            (Accumulate(24, interleave=4), Accumulate(16)),
            (Accumulate(16, group=2, spill=Narrow(bits=16)),),
        ):
            assert total(values, *chain) == expected


def test_random_chains_of_saturating_sums_against_a_loop():
    rng = random.Random(11)
    for _ in range(50):
        K, group = rng.randint(1, 20), rng.randint(1, 6)
        values = [rng.randint(-40, 40) for _ in range(K)]
        outer = 0
        for first in range(0, K, group):
            inner = 0
            for value in values[first : first + group]:
                inner = max(-32, min(31, inner + value))
            outer = max(-64, min(63, outer + inner))
        chain = (Accumulate(6, "saturate", group=group), Accumulate(7, "saturate"))
        assert total(values, *chain) == outer
