"""The oracle's sums of logarithms: AddLogs, AccumulateLogs and FromLogs by hand."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from testing.oracle_tensor import signed_table, tensor

import pyqsim as qs
from pyqsim.datapath import (
    Accumulate,
    AccumulateLogs,
    AddBias,
    AddLogs,
    Clamp,
    Datapath,
    FromLogs,
    Merge,
    Narrow,
)
from pyqsim.errors import AccumulatorRangeError, DatapathError, OverflowTrap
from pyqsim.testing.oracle import matmul

#: N of [sign | c]: 0 and +-2**(c-1), c up to 31; pattern 32 is "-0".
MAGNITUDES = [0, *(1 << e for e in range(31))]
POWERS = [*MAGNITUDES, *(-n for n in MAGNITUDES)]
LOG8 = (AddLogs(8), AccumulateLogs(8))


def column(values):
    return [[value] for value in values]


def powers(rows, **keywords):
    """A tensor of integers that are 0 or +-2**e."""
    codes = [[POWERS.index(n) for n in row] for row in rows]
    return tensor(codes, POWERS, shifts=True, **keywords)


def total(numbers, product, *reduce, output=(), weights=None):
    """Sum of one row of powers of two; the weights are all 1 unless told."""
    b = powers(column([1] * len(numbers) if weights is None else weights))
    dp = Datapath(product=product, reduce=reduce, output=output)
    return int(matmul(powers([numbers]), b, dp)[0, 0])


def run(values, *reduce, output=(), **keywords):
    """Value and events of steps that get any integers as their terms (products with 1)."""
    dp = Datapath(reduce=reduce, output=output, **keywords)
    y, events = matmul([values], column([1] * len(values)), dp, counts=True)
    return int(y[0, 0]), events


# ---------------------------------------------------------------------------------------------
# AddLogs


@pytest.mark.parametrize(
    ("a", "b", "positive", "negative"),
    [
        (8, 4, 5 * 256, -1),
        (-8, -4, 5 * 256, -1),
        (-8, 4, -1, 5 * 256),
        (8, -4, -1, 5 * 256),
        (1, 1, 0, -1),
        (1, -1, -1, 0),
        (2**30, 2**30, 60 * 256, -1),
        (0, 4, -1, -1),
        (-4, 0, -1, -1),
        (0, 0, -1, -1),
    ],
)
def test_a_term_is_the_sum_of_exponents_where_the_sign_is_asked_for(a, b, positive, negative):
    for sign, expected in (("positive", positive), ("negative", negative)):
        term = total([a], AddLogs(8, sign), AccumulateLogs(8), weights=[b])
        assert term == expected
        # the same term in a plain sum of one
        assert total([a], AddLogs(8, sign), Accumulate(), weights=[b]) == expected


def test_guard_bits_are_the_fraction():
    assert total([8], AddLogs(0), Accumulate(), weights=[4]) == 5
    assert total([8], AddLogs(2), Accumulate(), weights=[4]) == 20
    assert total([8], AddLogs(32), Accumulate(), weights=[4]) == 5 * 2**32


def test_a_negative_zero_is_zero():
    a = tensor([[32]], POWERS, shifts=True)
    for sign in ("positive", "negative"):
        dp = Datapath(AddLogs(sign=sign), AccumulateLogs())
        assert matmul(a, powers([[1]]), dp)[0, 0] == -1
        assert matmul(powers([[-1]]), a, dp)[0, 0] == -1


def test_both_operands_must_be_single_powers_of_two():
    good, dp = powers([[1]]), Datapath(*LOG8)
    assert matmul(good, good, dp)[0, 0] == 0
    bad = [
        [[1]],  # no format
        tensor([[1]], POWERS),  # no shifts
        tensor([[1]], [0, 1, 2, 3], shifts=True),  # 3, though no element is 3
        tensor([[1]], [0, 1, 2, -6], shifts=True),
        tensor([[1]], [[0, 1], [0, 3]], shifts=True),  # in the second plane
        qs.QTensor([[1]], qs.APoT(4)),
        qs.QTensor([[1]], qs.LogQuant(2, base="sqrt2")),
    ]
    for operand in bad:
        with pytest.raises(DatapathError, match="AddLogs: operand a"):
            matmul(operand, good, dp)
        with pytest.raises(DatapathError, match="AddLogs: operand b"):
            matmul(good, operand, dp)


def test_the_signed_table_of_two_bits_is_all_powers():
    # -2, -1, 0, 1: any format that shifts by one power will do
    a = tensor([[2, 3, 1]], signed_table(2), shifts=True)
    assert matmul(a, powers(column([-1, -1, 1])), Datapath(*LOG8))[0, 0] == 256 + 128 + 128


def test_a_hole_would_be_the_logarithm_zero():
    with pytest.raises(DatapathError, match="hole"):
        matmul(powers([[1]]), powers([[1]]), Datapath(*LOG8, order=(0, -1)))
    dp = Datapath(*LOG8, order=(1, 0))
    assert matmul(powers([[8, 2]]), powers([[1], [1]]), dp)[0, 0] == 3 * 256 + 64


@pytest.mark.parametrize(
    "fmt",
    [qs.LogQuant(3, signed=True), qs.PowerOfTwo(4), qs.PowerOfTwo(4, "deepshift_q")],
    ids=str,
)
def test_law_a_single_term_back_is_multiply(fmt):
    codes = np.arange(1 << fmt.code_bits)
    a, b = qs.QTensor(codes[:, None], fmt), qs.QTensor(codes[None, :], fmt)
    for G in (0, 3, 8):
        halves = [
            matmul(a, b, Datapath(AddLogs(G, sign), AccumulateLogs(G), FromLogs(G)))
            for sign in ("positive", "negative")
        ]
        assert (halves[0] - halves[1]).tolist() == (matmul(a, b, Datapath()) * 2**G).tolist()


# ---------------------------------------------------------------------------------------------
# AccumulateLogs


@pytest.mark.parametrize(
    ("G", "numbers", "expected"),
    [
        (8, [8, 8], 3 * 256 + 256),  # exactly 16
        (8, [8, 2], 3 * 256 + 64),
        (8, [2, 8], 3 * 256 + 64),
        (8, [8, 4], 3 * 256 + 128),
        (8, [1, 2, 8], 3 * 256 + 64),  # 0; 256 + 128; from 1.5 to 3 again d = 2
        (8, [8, 2, 1], 3 * 256 + 64 + 32),  # the order matters
        (8, [8, 8, 8], 4 * 256 + 128),  # d = 4 - 3
        (8, [8, 4, 4], 4 * 256),  # 3.5 and 2: d = 1
        (8, [256, 1], 8 * 256 + 1),  # d = 8: the last guard bit
        (8, [512, 1], 9 * 256),  # d = 9
        (8, [2**30, 1], 30 * 256),
        (8, [0, 8, 0, 0, 2, 0], 3 * 256 + 64),
        (8, [0, 0], -1),
        (8, [-8, 8, -8], 3 * 256),  # only the positive term
        (2, [8, 8], 4 * 4),
        (2, [8, 2], 3 * 4 + 1),
        (2, [8, 1], 3 * 4),  # drops out
        (2, [8] + [1] * 100, 3 * 4),  # however many there are
        (0, [8, 8], 4),
        (0, [8, 4], 3),
        (32, [1, 1], 2**32),
        (32, [2**30, 1], 30 * 2**32 + 4),
    ],
)
def test_sums_by_hand(G, numbers, expected):
    assert total(numbers, AddLogs(G), AccumulateLogs(G)) == expected


def test_the_negative_terms_have_their_own_sum():
    # +8 -2 -4*2
    a, b = [8, -2, 4], [1, 1, -2]
    assert total(a, AddLogs(8), AccumulateLogs(8), weights=b) == 3 * 256
    assert total(a, AddLogs(8, "negative"), AccumulateLogs(8), weights=b) == 3 * 256 + 64
    back = FromLogs(8)
    plus = total(a, AddLogs(8), AccumulateLogs(8), output=back, weights=b)
    minus = total(a, AddLogs(8, "negative"), AccumulateLogs(8), output=back, weights=b)
    assert (plus - minus) == (8 - 10) * 256


def test_only_the_integer_parts_give_the_distance():
    # 1.99 and 2.0 are neighbours in value, one apart in floor
    assert run([511, 512], AccumulateLogs(8))[0] == 512 + 128
    assert run([256, 511], AccumulateLogs(8))[0] == 511 + 256
    assert run([384, 384], AccumulateLogs(8))[0] == 384 + 256


def test_any_negative_value_is_nothing():
    assert run([-1, -300], AccumulateLogs(8))[0] == -1  # never -300
    assert run([-300, 7, -(2**40)], AccumulateLogs(8))[0] == 7
    no_a, no_b = (tensor(np.zeros(s, int), POWERS, shifts=True) for s in ((1, 0), (0, 1)))
    assert matmul(no_a, no_b, Datapath(*LOG8)).tolist() == [[-1]]
    assert matmul(no_a, no_b, Datapath(*LOG8, FromLogs(8))).tolist() == [[0]]


def test_groups():
    pairs = AccumulateLogs(8, group=2)
    # [0, 0] -> 256, [256, 256] -> 512, [0] -> 0; 512 + 128, then d = 2
    value, events = run([0, 0, 256, 256, 0], pairs, AccumulateLogs(8))
    assert value == 512 + 128 + 64
    assert (events.steps[0].minimum, events.steps[0].maximum) == (0, 512)
    # a block of nothing is -1; nothing counts as a value of its group
    assert run([-1, 0, -1, -9, 0, -1], pairs, Accumulate())[0] == 0 - 1 + 0
    assert run([0, -1, 0], pairs, Accumulate())[0] == 0
    assert run([0, 0], pairs)[0] == 256
    with pytest.raises(DatapathError, match="leaves 2 values of 3"):
        run([0, 0, 0], pairs)
    empty = np.zeros((1, 0), int), np.zeros((0, 1), int)
    with pytest.raises(DatapathError, match="leaves 0 values of 0"):
        matmul(*empty, Datapath(reduce=pairs))


def test_a_hole_is_the_value_zero_under_other_products():
    assert run([512, 512], AccumulateLogs(8, group=2), Accumulate(), order=(0, -1, 1))[0] == (
        512 + 64 + 512
    )


def test_scale_groups_are_summed_by_merge():
    a = powers([[8, 8, 2]], group=2, group_axis=1)
    b = powers(column([1, 1, -1]))
    logs = matmul(a, b, Datapath(*LOG8))
    assert logs.tolist() == [[[4 * 256]], [[-1]]]
    dp = Datapath(*LOG8, output=(FromLogs(8), Merge()))
    assert matmul(a, b, dp).tolist() == [[16 * 256]]


# ---------------------------------------------------------------------------------------------
# the range rule


def test_saturating_by_hand():
    # 10 bits: 256 + 256 = 512 -> 511; 511 + 256 = 767 -> 511; nothing; 600 + 128 = 728 -> 511
    value, events = run([256, 256, 256, -1, 600], AccumulateLogs(8, 10, "saturate"))
    assert value == 511
    assert (events.overflows, events.first) == (3, (0, 0, 0, 1))
    assert (events.minimum, events.maximum) == (256, 767)
    assert events.counts.tolist() == [[3]]


def test_wrapping_below_zero_leaves_nothing():
    # 512 in 10 bits is -512: the next value takes its place
    assert run([256, 256], AccumulateLogs(8, 10, "wrap"))[0] == -512
    value, events = run([256, 256, 3], AccumulateLogs(8, 10, "wrap"))
    assert (value, events.overflows, events.minimum, events.maximum) == (3, 1, 3, 512)
    assert run([256, 256, -1], AccumulateLogs(8, 10, "wrap"))[0] == -512
    assert run([256, 256], AccumulateLogs(8, 9, signed=False))[0] == 0


def test_the_first_value_goes_through_the_rule():
    value, events = run([-1, 600], AccumulateLogs(8, 10, "saturate"))
    assert (value, events.overflows, events.first) == (511, 1, (0, 0, 0, 1))
    assert (events.minimum, events.maximum) == (600, 600)


def test_nothing_is_neither_seen_nor_outside():
    value, events = run([-1, 5, -100, -1], AccumulateLogs(8, 4, "trap", signed=False))
    assert (value, events.overflows, events.minimum, events.maximum) == (5, 0, 5, 5)
    value, events = run([-100, -1], AccumulateLogs(8, 4, "saturate", signed=False))
    assert (value, events.overflows, events.first) == (-1, 0, None)
    assert (events.minimum, events.maximum) == (None, None)


def test_trap_names_its_place():
    with pytest.raises(OverflowTrap) as caught:
        run([256, -1, 255, 0, 0], AccumulateLogs(8, 10, "trap"), order=(1, 0, 3, 2, 4))
    # nothing; 256; 0: 256 + 128; 255: 384 + 128 = 512, at slot 3, which holds k = 2
    assert caught.value.place == (0, 0, 0, 2)
    assert "AccumulateLogs" in str(caught.value)
    chain = (AccumulateLogs(8, 10, "saturate"), Narrow(bits=8, overflow="trap"))
    with pytest.raises(OverflowTrap) as caught:
        run([256, 256], *chain)
    assert caught.value.place == (1, 0, 0, 1)


# ---------------------------------------------------------------------------------------------
# events


def test_nothing_moves_the_position():
    chain = (AccumulateLogs(8, group=2), Narrow(bits=8, overflow="saturate"), Accumulate())
    _, events = run([600, -1, -1, 700], *chain)
    assert events.steps[1].first == (1, 0, 0, 1)
    # accumulators {0, 2} and {1} arrive as slots 2 and 1: nothing came first, from slot 2
    sums = Accumulate(group=2, interleave=2)
    _, events = run([-5, 100, 0], sums, AccumulateLogs(8, 7, "saturate"))
    assert events.steps[1].first == (1, 0, 0, 2)
    _, events = run([10, 100, 0], sums, AccumulateLogs(8, 8, "saturate"))
    assert (events.steps[1].first, events.steps[1].maximum) == ((1, 0, 0, 2), 356)


def test_a_value_of_holes_has_k_minus_one():
    # a hole under Multiply is the value 0 at no position
    chain = (Narrow(multiplier=1), AccumulateLogs(8, 8, "saturate"))
    _, events = run([0], *chain, order=(-1, -1, 0))
    assert (events.overflows, events.first) == (2, (1, 0, 0, -1))  # 256; 127 + 256


def test_extremes_are_those_of_the_last_accumulate():
    _, events = run([3, 4], Accumulate(group=1), AccumulateLogs(8))
    assert (events.minimum, events.maximum) == (3, 4)
    assert (events.steps[1].minimum, events.steps[1].maximum) == (3, 260)
    _, events = run([3, 4], AccumulateLogs(8), Accumulate(), Narrow(multiplier=9))
    assert (events.minimum, events.maximum) == (260, 260)
    # an Accumulate that saw nothing is one all the same
    empty = np.zeros((0, 2), int), column([1, 1])
    found = matmul(*empty, Datapath(reduce=(Accumulate(), AccumulateLogs())), events=True)[1]
    assert (found.minimum, found.maximum) == (None, None)


def test_extremes_without_an_accumulate_are_those_of_the_last_accumulate_logs():
    _, events = run([0, 0, 5], AccumulateLogs(8, group=2), AccumulateLogs(8), Narrow(multiplier=9))
    assert (events.steps[0].minimum, events.steps[0].maximum) == (0, 256)
    assert (events.minimum, events.maximum) == (256, 256 + 128)
    _, events = run([3], Narrow())
    assert (events.minimum, events.maximum) == (None, None)


def test_counts_are_by_output():
    dp = Datapath(AddLogs(8), AccumulateLogs(8, 10, "saturate"))
    a, b = powers([[1, 2], [2, 2]]), powers([[1, 0], [1, 2]])
    y, events = matmul(a, b, dp, counts=True)
    # 0, 256 | -, 512 and 256, 256 | -, 512
    assert y.tolist() == [[384, 511], [511, 511]]
    assert events.counts.tolist() == [[0, 1], [1, 1]]
    assert events.first == (0, 0, 1, 1)


# ---------------------------------------------------------------------------------------------
# FromLogs


def back(v, G, *after, **data):
    dp = Datapath(output=(FromLogs(G), *after))
    return int(matmul([[v]], [[1]], dp, **data)[0, 0])


def test_from_logs_by_hand():
    quarters = [4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32]
    assert [back(v, 2) for v in range(13)] == quarters
    assert [back(v, 0) for v in range(5)] == [1, 2, 4, 8, 16]
    assert back(3 * 256 + 64, 8) == 10 * 256
    assert back(4 * 256, 8) == 16 * 256
    assert back(1, 32) == 2**32 + 1
    assert [back(v, 8) for v in (-1, -256, -(2**62))] == [0, 0, 0]


def test_from_logs_is_followed_by_other_steps():
    assert back(3 * 256 + 64, 8, Narrow(shift=8), AddBias(), Clamp(0, 12), bias=5) == 12
    assert back(-1, 8, AddBias(), bias=5) == 5


def test_what_int64_does_not_hold():
    assert back(55 * 256 - 1, 8) == 511 << 54
    assert back(62, 0) == 2**62
    for v, G in ((55 * 256, 8), (63, 0), (31 << 32, 32), (2**62, 0)):
        with pytest.raises(AccumulatorRangeError, match="FromLogs"):
            back(v, G, Clamp(0, 1))


# ---------------------------------------------------------------------------------------------
# how good it is


def log_errors(G, codes):
    """Error of log2 of the sum of every row of LogQuant(4) codes."""
    fmt = qs.LogQuant(4)
    dp = Datapath(AddLogs(G), AccumulateLogs(G))
    ones = qs.QTensor(np.ones((codes.shape[1], 1), int), fmt)
    logs = matmul(qs.QTensor(codes, fmt), ones, dp)[:, 0]
    exact = fmt.integers()[codes].sum(axis=1)
    return np.array([int(v) / 2**G - log2(int(x)) for v, x in zip(logs, exact, strict=True)])


def normal_codes():
    """24 positive numbers a row, the magnitudes of a normal distribution."""
    x = np.abs(np.random.default_rng(7).normal(size=(400, 24))) / 4
    return np.maximum(qs.LogQuant(4).encode(x, scale=1.0), 1).astype(int)


def uniform_codes():
    """24 terms a row, exponents uniform in 0..14."""
    return np.random.default_rng(7).integers(1, 16, (400, 24))


def test_eight_guard_bits_over_24_terms():
    # the published remark: mean error 0.06 to 0.09, largest about 0.5.
    # measured: mean 0.0695, largest 0.344
    error = np.abs(log_errors(8, normal_codes()))
    assert 0.05 < error.mean() < 0.10
    assert error.max() < 0.6
    # exponents spread evenly over 15 octaves are harder: mean 0.132, largest 0.523
    error = np.abs(log_errors(8, uniform_codes()))
    assert error.mean() < 0.15
    assert error.max() < 0.6


def test_two_guard_bits_lose_the_small_terms():
    # measured: mean 0.717, largest 1.258, every sum too small; uniform: mean error 0.227
    error = log_errors(2, normal_codes())
    assert error.max() < 0
    assert 0.5 < -error.mean() < 0.9
    uniform = uniform_codes()
    assert np.abs(log_errors(2, uniform)).mean() > np.abs(log_errors(8, uniform)).mean()
