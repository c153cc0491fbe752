"""What the oracle says overflowed: counts, the first place, extremes, and TRAP's place."""

from __future__ import annotations

import numpy as np
import pytest
from testing.oracle_tensor import signed_table, tensor

from pyqsim.datapath import Accumulate, Datapath, Narrow
from pyqsim.errors import OverflowTrap
from pyqsim.testing.oracle import matmul


def events(a, b, *reduce, order=None, **data):
    return matmul(a, b, Datapath(reduce=reduce, order=order), counts=True, **data)[1]


def column(values):
    return [[value] for value in values]


def test_a_saturating_sum_by_hand():
    # 127 seen as 100, 200 (over), 127+50 = 177 (over), 127-300 = -173 (over), -128+1 = -127
    found = events([[100, 100, 50, -300, 1]], column([1] * 5), Accumulate(8, "saturate"))
    assert found.overflows == 3
    assert found.first == (0, 0, 0, 1)
    assert (found.minimum, found.maximum) == (-173, 200)
    assert found.counts.tolist() == [[3]]


def test_start_values_are_not_seen():
    found = events([[1]], [[1]], Accumulate(8, start="bias"), bias=100)
    assert (found.minimum, found.maximum) == (101, 101)


def test_narrow_sees_the_rounded_value_in_every_step():
    chain = (Narrow(shift=1, rounding="half_up", bits=4, overflow="saturate"), Accumulate())
    found = events([[15, -3, 4]], column([1] * 3), *chain)
    narrow, total = found.steps
    assert (narrow.overflows, narrow.first) == (1, (0, 0, 0, 0))
    assert (narrow.minimum, narrow.maximum) == (-1, 8)
    assert (total.overflows, total.first, total.minimum, total.maximum) == (0, None, 6, 8)
    assert (found.minimum, found.maximum) == (6, 8)  # of the last Accumulate
    assert found.overflows == 1


def test_only_the_last_accumulate_gives_the_extremes():
    found = events([[3, 4]], column([1, 1]), Accumulate(), Narrow(multiplier=100))
    assert (found.minimum, found.maximum) == (3, 7)
    found = events([[9, -9, 4]], column([1] * 3), Accumulate(group=2), Accumulate())
    assert (found.steps[0].minimum, found.steps[0].maximum) == (0, 9)
    assert (found.minimum, found.maximum) == (0, 4)
    found = events([[9, 9, -30]], column([1] * 3), Accumulate(group=2), Accumulate())
    assert (found.minimum, found.maximum) == (-12, 18)
    assert (found.steps[0].minimum, found.steps[0].maximum) == (-30, 18)
    found = events([[3]], [[1]], Narrow(multiplier=100))
    assert (found.minimum, found.maximum) == (None, None)
    assert (found.steps[0].minimum, found.steps[0].maximum) == (300, 300)


def test_nothing_seen():
    found = events(np.zeros((0, 2), int), column([1, 1]), Accumulate(8))
    assert (found.overflows, found.first, found.minimum, found.counts.shape) == (
        0,
        None,
        None,
        (0, 1),
    )


def test_first_is_by_output_then_position_then_step():
    # step 0 overflows at k = 2, step 1 (sum) at k = 1
    chain = (Narrow(bits=8, overflow="saturate"), Accumulate(8, "saturate"))
    found = events([[100, 100, 200]], column([1] * 3), *chain)
    assert found.steps[0].first == (0, 0, 0, 2)
    assert found.steps[1].first == (1, 0, 0, 1)
    assert found.first == (1, 0, 0, 1)
    # at the same position the earlier step is first
    found = events([[100, 200]], column([1] * 2), *chain)
    assert found.first == (0, 0, 0, 1)
    # a smaller m wins whatever the position
    found = events([[0, 0, 200], [200, 0, 0]], column([1] * 3), *chain)
    assert found.first == (0, 0, 0, 2)
    assert found.counts.tolist() == [[1], [1]]


def test_position_is_the_slot_and_k_the_index():
    # order 2, 0, 1: the sum overflows at slot 1, which holds k = 0
    found = events([[100, 1, 100]], column([1] * 3), Accumulate(8, "saturate"), order=(2, 0, 1))
    assert found.first == (0, 0, 0, 0)
    assert found.overflows == 2


def test_holes_do_not_move_the_position():
    pair = Accumulate(group=2)
    narrow = Narrow(bits=8, overflow="saturate")
    found = events([[200, 200]], column([1, 1]), pair, narrow, Accumulate(), order=(0, -1, -1, 1))
    assert found.steps[1].first == (1, 0, 0, 0)
    assert found.steps[1].overflows == 2


def test_a_value_without_terms_has_k_minus_one():
    # unsigned 1-bit register: start 0 passes; the jam makes 3 of an empty accumulator's 2
    bias = Accumulate(start="bias", group=1)
    found = events(
        [[0, 5]], column([1, 1]), bias, Narrow(bits=2), Accumulate(), order=(-1, 0, 1), bias=2
    )
    assert found.first == (1, 0, 0, -1)
    assert found.steps[1].overflows == 2


def test_interleaved_sums_report_their_own_last_term():
    step = Accumulate(8, "saturate", interleave=2)
    found = events([[100, 0, 0, 0, 100, 1]], column([1] * 6), step, Accumulate())
    assert found.first == (0, 0, 0, 4)


def test_a_sum_of_sums_holds_the_maximum_of_its_positions():
    # accumulators 0 and 1 hold slots {0, 2} and {1}: the second addition is at slot 2
    step = Accumulate(group=2, interleave=2)
    found = events([[100, 100, 0]], column([1] * 3), step, Accumulate(8, "saturate"))
    assert found.first == (1, 0, 0, 2)


def test_hold_does_not_see_or_count_later_additions():
    found = events([[100, 100, 500, -900]], column([1] * 4), Accumulate(8, "saturate_hold"))
    assert (found.overflows, found.minimum, found.maximum) == (1, 100, 200)


def test_a_term_sent_to_a_held_accumulator_counts_as_inside():
    # the rail 127 leaves with k = 3, though 5, 6 and 0 were not added
    chain = (Accumulate(8, "saturate_hold", group=4), Narrow(bits=7, overflow="saturate"))
    found = events([[200, 5, 6, 0]], column([1] * 4), *chain)
    assert found.steps[0].first == (0, 0, 0, 0)
    assert found.steps[1].first == (1, 0, 0, 3)
    assert found.steps[0].maximum == 200


def test_spill_counts_in_its_accumulate():
    step = Accumulate(group=2, spill=(Narrow(bits=8, overflow="saturate"),))
    found = events([[100, 100, 100]], column([1] * 3), step)
    # additions 100, 200, 227; spills 200 (over), 227 (over)
    (one,) = found.steps
    assert (one.overflows, one.first, one.minimum, one.maximum) == (2, (0, 0, 0, 1), 100, 227)


def test_chains_come_before_positions_and_k_is_of_the_whole():
    byte = signed_table(8)
    a = tensor([[0, 100, 100, 100]], byte, group=2, group_axis=1)
    narrow = (Accumulate(8, "saturate"),)
    found = events(a, column([1] * 4), *narrow)
    assert found.first == (0, 0, 0, 3)  # group 1 starts at k = 2
    planes = tensor([[1, 1]], [[0, 0], [0, 100]])
    found = events(planes, column([1, 1]), *narrow)
    assert found.first == (0, 0, 0, 1)
    a = tensor([[0, 0, 1, 1, 1, 1]], [[0, 100]], group=4, group_axis=1)
    b = column([1, 1, 1, 1, 2, 1])
    found = events(a, b, *narrow)  # group 0 at position 3, group 1 at position 0
    assert found.first == (0, 0, 0, 3)
    assert found.overflows == 3


def test_trap_names_the_first_overflow_of_a_trap_step():
    # step 0 saturates at k = 0 (no trap); the trapping sum overflows at k = 1
    chain = (Narrow(bits=8, overflow="saturate"), Accumulate(8, "trap"))
    with pytest.raises(OverflowTrap) as caught:
        events([[1, 1], [200, 100]], column([1, 1]), *chain)
    assert caught.value.place == (1, 1, 0, 1)
    assert "Accumulate" in str(caught.value)


def test_trap_is_the_smallest_place_not_the_first_met():
    # the first step sweeps all values before the second acts, but the place decides
    chain = (Narrow(bits=8, overflow="trap"), Accumulate(8, "trap"))
    with pytest.raises(OverflowTrap) as caught:
        events([[100, 100, 200]], column([1] * 3), *chain)
    assert caught.value.place == (1, 0, 0, 1)


def test_a_trap_in_reduce_comes_before_one_in_output():
    dp = Datapath(reduce=Accumulate(8, "trap"), output=Narrow(bits=4, overflow="trap"))
    with pytest.raises(OverflowTrap) as caught:
        matmul([[100], [300]], [[1]], dp)
    assert caught.value.place == (0, 1, 0, 0)
    with pytest.raises(OverflowTrap) as caught:
        matmul([[7], [100]], [[1]], dp)
    assert caught.value.place == (1, 1, 0, -1)


def test_a_trapping_spill():
    step = Accumulate(group=2, spill=Narrow(bits=8, overflow="trap"))
    with pytest.raises(OverflowTrap) as caught:
        events([[100, 1, 100]], column([1] * 3), step)
    assert caught.value.place == (0, 0, 0, 2)


def test_events_do_not_change_values_and_counts_are_asked_for():
    dp = Datapath(reduce=Accumulate(8, "saturate"))
    y, found = matmul([[100, 100]], column([1, 1]), dp, events=True)
    assert y.tolist() == matmul([[100, 100]], column([1, 1]), dp).tolist() == [[127]]
    assert found.counts is None
