"""Accumulate: every short sequence in a 3-bit register, every length of grouped sums."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as pairs
from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import limits, register, rounded

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
@pytest.mark.parametrize("kernel", ["reference", "auto"])
def test_every_short_sequence(rule: str, signed: bool, kernel: str) -> None:
    """All sequences of at most four numbers of -3..3: values, counts, first place, extremes."""
    if rule == "SATURATE_SYMMETRIC" and not signed:
        return
    datapath = qs.Datapath(reduce=qs.Accumulate(3, rule.lower(), signed=signed))
    for length in range(5):
        a = np.array(list(pairs(VALUES, repeat=length)), dtype=int).reshape(7**length, length)
        b = np.ones((length, 1), dtype=int)
        y, events = qs.matmul(a, b, datapath, events=True, counts=True, kernel=kernel)
        loops = [looped(row, 3, rule, signed) for row in a]
        for row, observed, loop in zip(a, y[:, 0], loops, strict=True):
            assert observed == loop.value, (
                f"{rule} {row.tolist()}: observed {observed}, expected {loop.value}"
            )
        assert events.counts[:, 0].tolist() == [len(loop.overflows) for loop in loops]
        seen = [value for loop in loops for value in loop.seen]
        assert events.minimum == min(seen, default=None)
        assert events.maximum == max(seen, default=None)
        places = [(0, m, 0, loop.overflows[0]) for m, loop in enumerate(loops) if loop.overflows]
        assert events.first == (places[0] if places else None)
        assert events.overflows == sum(len(loop.overflows) for loop in loops)


def test_every_short_sequence_traps_at_its_place() -> None:
    """TRAP fails where the plain loop first leaves the range, and nowhere else."""
    datapath = qs.Datapath(reduce=qs.Accumulate(3, "trap"))
    for length in range(4):
        ones = np.ones((length, 1), dtype=int)
        for row in pairs(VALUES, repeat=length):
            a = np.array([row], dtype=int).reshape(1, length)
            loop = looped(row, 3, "SATURATE")
            try:
                observed = int(qs.matmul(a, ones, datapath)[0, 0])
            except qs.errors.OverflowTrap as trap:
                assert loop.overflows, f"{row}: trapped, expected {loop.value}"
                assert trap.place == (0, 0, 0, loop.overflows[0]), row
            else:
                assert not loop.overflows, f"{row}: observed {observed}, expected a trap"
                assert observed == loop.value


@pytest.mark.parametrize("rule", RULES)
def test_every_start(rule: str) -> None:
    """Each bias that the register holds is where the sum starts."""
    datapath = qs.Datapath(reduce=qs.Accumulate(3, rule.lower(), start="bias"))
    low, high = limits(3, rule, True)
    a = np.array(list(pairs(VALUES, repeat=3)))
    for bias in range(low, high + 1):
        expected = [looped(row, 3, rule, start=bias).value for row in a]
        observed = qs.matmul(a, np.ones((3, 1), int), datapath, bias=bias)[:, 0]
        assert observed.tolist() == expected, f"{rule} bias={bias}"
    for bias in (low - 1, high + 1):
        with pytest.raises(qs.errors.CodeError, match=f"bias: value {bias}, allowed: {low}..{high}"):
            qs.matmul(a, np.ones((3, 1), int), datapath, bias=bias)


# -- groups, interleaving, spilling ----------------------------------------------------------------


def blocks_passed_on(
    values: Sequence[int], bits: int, rule: str, group: int | None, interleave: int, bias: int
) -> list[int]:
    """The prose of design.md section 3.2, as written."""
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


#: Sums a sequence of 4-bit values so that every order gives another number: digits of base 17.
DIGITS = qs.Accumulate(64, group=1, spill=qs.Narrow(multiplier=17))


def digits(values: Sequence[int]) -> int:
    total = 0
    for value in values:
        total = (total + value) * 17
    return total


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("group", [None, 1, 2, 3, 4, 5])
def test_blocks(rule: str, group: int | None) -> None:
    """All lengths 0..12, interleaved 1..4 ways, with and without a bias, order included."""
    rng = np.random.Generator(np.random.PCG64(11))
    for length, interleave, bias in pairs(range(13), range(1, 5), (None, -7, 5)):
        a = rng.integers(-7, 8, (20, length))
        start = "zero" if bias is None else "bias"
        step = qs.Accumulate(4, rule.lower(), group, interleave, start)  # type: ignore[arg-type]
        data = {} if bias is None else {"bias": bias}
        datapath = qs.Datapath(reduce=(step, DIGITS))
        observed = qs.matmul(a, np.ones((length, 1), int), datapath, **data)[:, 0]
        passed = [blocks_passed_on(row, 4, rule, group, interleave, bias or 0) for row in a]
        assert len(passed[0]) == step.output_count(length)
        expected = [digits(values) for values in passed]
        assert observed.tolist() == expected, f"{step} length={length} {a.tolist()}"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("group", [1, 2, 3, 4, 5])
def test_spill(rule: str, group: int) -> None:
    """All lengths 0..12: one accumulator, never cleared, narrowed after every group and the last."""
    rng = np.random.Generator(np.random.PCG64(12))
    spill = (qs.Narrow(shift=1, rounding="half_up"), qs.Narrow(bits=3, overflow="wrap"))
    for length, bias in pairs(range(13), (None, -7, 5)):
        a = rng.integers(-7, 8, (20, length))
        start = "zero" if bias is None else "bias"
        step = qs.Accumulate(4, rule.lower(), group, 1, start, spill)  # type: ignore[arg-type]
        data = {} if bias is None else {"bias": bias}
        ones = np.ones((length, 1), int)
        observed = qs.matmul(a, ones, qs.Datapath(reduce=step), **data)[:, 0].tolist()
        expected = [spilled(row, rule, group, bias or 0) for row in a]
        assert observed == expected, f"{step} length={length} {a.tolist()}"


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
    observed = qs.matmul(a, np.ones((8, 1), int), qs.Datapath(reduce=tree))[:, 0]
    level = a
    for bits in (5, 6, 7):
        half = 2 ** (bits - 1)
        level = np.clip(level[:, ::2] + level[:, 1::2], -half, half - 1)
    assert observed.tolist() == level[:, 0].tolist()
    assert (observed != a.sum(axis=1)).any()


def test_order_with_holes() -> None:
    """Groups count holes: every permutation of four terms and two holes, groups of two and three."""
    rng = np.random.Generator(np.random.PCG64(14))
    slots = [0, 1, 2, 3, -1, -1]
    a = rng.integers(-7, 8, (20, 4))
    for _ in range(100):
        order = rng.permutation(slots).tolist()
        laid = np.where(np.array(order) < 0, 0, a[:, order])
        for group, rule in pairs((2, 3, 4), RULES):
            reduce = (qs.Accumulate(4, rule.lower(), group), DIGITS)
            datapath = qs.Datapath(reduce=reduce, order=tuple(order))
            observed = qs.matmul(a, np.ones((4, 1), int), datapath)[:, 0].tolist()
            passed = [blocks_passed_on(row, 4, rule, group, 1, 0) for row in laid]
            assert observed == [digits(values) for values in passed], f"{order} {group} {rule}"
