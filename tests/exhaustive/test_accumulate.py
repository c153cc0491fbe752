"""Accumulate: every short sequence in a 3-bit register, every length of grouped sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as pairs
from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import limits, register, rounded
from exhaustive.kernels import lanes_took_it, on_each_kernel

import pyqsim as qs

RULES = ("WRAP", "SATURATE", "SATURATE_SYMMETRIC", "SATURATE_HOLD")
VALUES = range(-3, 4)


class Loop:
    """One accumulator: the overflow rule at every addition, and what it saw."""

    def __init__(self, bits: int, rule: str, signed: bool = True, start: int = 0) -> None:
        self.bits, self.rule, self.signed = bits, rule, signed
        self.value, self.held = start, False
        self.seen: list[int] = []
        self.overflows: list[int] = []  # index of every addition that overflowed
        self.count = 0

    def add(self, value: int) -> None:
        self.count += 1
        if self.held:
            return
        total = self.value + value
        low, high = limits(self.bits, self.rule, self.signed)
        self.seen.append(total)
        if not low <= total <= high:
            self.overflows.append(self.count - 1)
            self.held = self.rule == "SATURATE_HOLD"
        self.value = register(total, self.bits, self.rule, self.signed)


def looped(sequence: Sequence[int], *args: Any, **kwargs: Any) -> Loop:
    loop = Loop(*args, **kwargs)
    for value in sequence:
        loop.add(int(value))
    return loop


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("rule", RULES)
def test_every_short_sequence(rule: str, signed: bool) -> None:
    """All sequences of at most four numbers of -3..3: values, counts, first place, extremes."""
    if rule == "SATURATE_SYMMETRIC" and not signed:
        return
    datapath = qs.Datapath(reduce=qs.Accumulate(3, rule.lower(), signed=signed))
    for length in range(5):
        a = np.array(list(pairs(VALUES, repeat=length)), dtype=int).reshape(7**length, length)
        b = np.ones((length, 1), dtype=int)
        loops = [looped(row, 3, rule, signed) for row in a]
        for kernel, result in on_each_kernel(a, b, datapath, events=True, counts=True):
            check_against_loops(f"{kernel} {rule}", a, *result, loops)


def check_against_loops(what: str, a: Any, y: Any, events: qs.Events, loops: list[Loop]) -> None:
    """Every row's value, count and extremes, and the first place of all."""
    for row, observed, loop in zip(a, y[:, 0], loops, strict=True):
        assert observed == loop.value, (
            f"{what} {row.tolist()}: observed {observed}, expected {loop.value}"
        )
    assert events.counts is not None
    assert events.counts[:, 0].tolist() == [len(loop.overflows) for loop in loops], what
    seen = [value for loop in loops for value in loop.seen]
    assert events.minimum == min(seen, default=None), what
    assert events.maximum == max(seen, default=None), what
    places = [(0, m, 0, loop.overflows[0]) for m, loop in enumerate(loops) if loop.overflows]
    assert events.first == (places[0] if places else None), what
    assert events.overflows == sum(len(loop.overflows) for loop in loops), what


def test_every_short_sequence_traps_at_its_place() -> None:
    """TRAP fails where the plain loop first leaves the range, and nowhere else."""
    datapath = qs.Datapath(reduce=qs.Accumulate(3, "trap"))
    for length in range(4):
        ones = np.ones((length, 1), dtype=int)
        for row in pairs(VALUES, repeat=length):
            a = np.array([row], dtype=int).reshape(1, length)
            loop = looped(row, 3, "SATURATE")
            if not loop.overflows:
                assert qs.matmul(a, ones, datapath)[0, 0] == loop.value, row
                continue
            with pytest.raises(qs.errors.OverflowTrap) as trap:
                qs.matmul(a, ones, datapath)
            assert trap.value.place == (0, 0, 0, loop.overflows[0]), row


@pytest.mark.parametrize("rule", RULES)
def test_every_start(rule: str) -> None:
    """Each bias that the register holds is where the sum starts."""
    datapath = qs.Datapath(reduce=qs.Accumulate(3, rule.lower(), start="bias"))
    low, high = limits(3, rule, True)
    a = np.array(list(pairs(VALUES, repeat=3)))
    for bias in range(low, high + 1):
        expected = [looped(row, 3, rule, start=bias).value for row in a]
        for kernel, y in on_each_kernel(a, np.ones((3, 1), int), datapath, bias=bias):
            assert y[:, 0].tolist() == expected, f"{kernel} {rule} bias={bias}"
    for bias in (low - 1, high + 1):
        with pytest.raises(
            qs.errors.CodeError, match=f"bias: value {bias}, allowed: {low}..{high}"
        ):
            qs.matmul(a, np.ones((3, 1), int), datapath, bias=bias)


# -- groups, interleaving, spilling ----------------------------------------------------------------


def blocks_passed_on(
    values: Sequence[int], bits: int, rule: str, group: int | None, interleave: int, bias: int
) -> list[int]:
    """The prose of Accumulate's docstring, as written."""
    size = len(values) if group is None else group * interleave
    starts = [0] if group is None else list(range(0, len(values), size))
    passed = []
    for start in starts:
        accumulators = [
            Loop(bits, rule, start=bias if start == 0 and i == 0 else 0) for i in range(interleave)
        ]
        for i, value in enumerate(values[start : start + size]):
            accumulators[i % interleave].add(int(value))
        passed += [accumulator.value for accumulator in accumulators]
    return passed


def digits(values: Sequence[int]) -> int:
    """4-bit values as digits of base 17: every order gives another number."""
    total = 0
    for value in values:
        total = (total + value) * 17
    return total


def saturated(values: Sequence[int]) -> int:
    return looped(values, 5, "SATURATE").value


#: Steps that show which values came in which order: all of it, and what fast kernels know.
COLLAPSES = (
    (qs.Accumulate(64, group=1, spill=qs.Narrow(multiplier=17)), digits),
    (qs.Accumulate(5, "saturate"), saturated),
)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("group", [None, 1, 2, 3, 4, 5])
def test_blocks(rule: str, group: int | None) -> None:
    """All lengths 0..12, interleaved 1..4 ways, with and without a bias, order included."""
    rng = np.random.Generator(np.random.PCG64(11))
    for length, interleave, bias in pairs(range(13), range(1, 5), (None, -7, 5)):
        a = rng.integers(-7, 8, (20, length))
        start = "zero" if bias is None else "bias"
        step = qs.Accumulate(4, rule.lower(), group, interleave, start)
        data = {} if bias is None else {"bias": bias}
        passed = [blocks_passed_on(row, 4, rule, group, interleave, bias or 0) for row in a]
        assert len(passed[0]) == step.output_count(length)
        for last, collapse in COLLAPSES:
            expected = [collapse(values) for values in passed]
            datapath = qs.Datapath(reduce=(step, last))
            for kernel, y in on_each_kernel(a, np.ones((length, 1), int), datapath, **data):
                assert y[:, 0].tolist() == expected, f"{kernel} {step} {a.tolist()}"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("group", [1, 2, 3, 4, 5])
def test_spill(rule: str, group: int) -> None:
    """All lengths 0..12: one accumulator, never cleared, narrowed after each group and the last."""
    rng = np.random.Generator(np.random.PCG64(12))
    spill = (qs.Narrow(shift=1, rounding="half_up"), qs.Narrow(bits=3, overflow="wrap"))
    for length, bias in pairs(range(13), (None, -7, 5)):
        a = rng.integers(-7, 8, (20, length))
        start = "zero" if bias is None else "bias"
        step = qs.Accumulate(4, rule.lower(), group, 1, start, spill)
        data = {} if bias is None else {"bias": bias}
        ones, datapath = np.ones((length, 1), int), qs.Datapath(reduce=step)
        expected = [spilled(row, rule, group, bias or 0) for row in a]
        for kernel, y in on_each_kernel(a, ones, datapath, **data):
            assert y[:, 0].tolist() == expected, f"{kernel} {step} length={length} {a.tolist()}"


def spilled(values: Sequence[int], rule: str, group: int, start: int) -> int:
    loop = Loop(4, rule, start=start)
    for i, value in enumerate(values):
        loop.add(int(value))
        if (i + 1) % group == 0 or i + 1 == len(values):
            halved = int(rounded(np.array(loop.value), 2, "HALF_UP"))
            loop.value = register(halved, 3, "WRAP", True)
    return loop.value


def test_tree() -> None:
    """A tree of width 8 is three steps of group=2: pairs, then pairs of pairs, saturating each."""
    rng = np.random.Generator(np.random.PCG64(13))
    tree = tuple(qs.Accumulate(5 + i, "saturate", group=2) for i in range(3))
    a = rng.integers(-16, 16, (200, 8))
    level = a
    for bits in (5, 6, 7):
        half = 2 ** (bits - 1)
        level = np.clip(level[:, ::2] + level[:, 1::2], -half, half - 1)
    for kernel, y in on_each_kernel(a, np.ones((8, 1), int), qs.Datapath(reduce=tree)):
        assert y.tolist() == level.tolist(), kernel
    assert (level[:, 0] != a.sum(axis=1)).any()


def test_order_with_holes() -> None:
    """Groups count holes: permutations of four terms and two holes, groups of two to four."""
    rng = np.random.Generator(np.random.PCG64(14))
    slots = [0, 1, 2, 3, -1, -1]
    a = rng.integers(-7, 8, (20, 4))
    for _ in range(60):
        order = rng.permutation(slots).tolist()
        laid = np.where(np.array(order) < 0, 0, a[:, order])
        for group, rule, (last, collapse) in pairs((2, 3, 4), RULES, COLLAPSES):
            reduce = (qs.Accumulate(4, rule.lower(), group), last)
            datapath = qs.Datapath(reduce=reduce, order=tuple(order))
            passed = [blocks_passed_on(row, 4, rule, group, 1, 0) for row in laid]
            expected = [collapse(values) for values in passed]
            for kernel, y in on_each_kernel(a, np.ones((4, 1), int), datapath):
                assert y[:, 0].tolist() == expected, f"{kernel} {order} {group} {rule}"


def test_fast_kernels_ran() -> None:
    """The tests above are about more than the reference (which alone holds a rail)."""
    ones = np.ones((4, 1), int)
    for rule in RULES[:3]:
        last = qs.Accumulate(5, "saturate")
        datapath = qs.Datapath(reduce=(qs.Accumulate(4, rule.lower(), 2), last))
        assert lanes_took_it(np.ones((20, 4), int), ones, datapath), rule
