"""Laws that hold for every datapath, or say for which they do not: found broken by hypothesis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import pyqsim as qs
from pyqsim import bounds
from pyqsim.bounds import Interval
from pyqsim.modes import ROUNDINGS

settings.register_profile("laws", max_examples=120, deadline=None, derandomize=True)
LAWS = settings.get_profile("laws")
FEW = settings(LAWS, max_examples=12)

S8 = qs.Affine(8)
SUMMING = [qs.WRAP, qs.SATURATE, qs.SATURATE_SYMMETRIC, qs.SATURATE_HOLD]
NARROWING = [qs.WRAP, qs.SATURATE, qs.SATURATE_SYMMETRIC, qs.SATURATE_ZERO]
sizes = st.integers(1, 4)
lengths = st.integers(0, 12)
codes = st.integers(-128, 127)


def matrices(m: int, n: int) -> Any:
    return arrays(np.int64, (m, n), elements=codes)


@st.composite
def operands(draw: Any) -> tuple[Any, Any]:
    """A pair (M, K), (K, N) of small matrices of int8 values."""
    m, k, n = draw(sizes), draw(lengths), draw(sizes)
    return draw(matrices(m, k)), draw(matrices(k, n))


@st.composite
def narrows(draw: Any) -> qs.Narrow:
    return qs.Narrow(
        shift=draw(st.integers(-2, 8)),
        divisor=draw(st.sampled_from([1, 1, 3, 10])),
        rounding=draw(st.sampled_from(ROUNDINGS)),
        bits=draw(st.none() | st.integers(2, 20)),
        overflow=draw(st.sampled_from(NARROWING)),
    )


@st.composite
def accumulates(draw: Any, *, last: bool) -> qs.Accumulate:
    return qs.Accumulate(
        bits=draw(st.none() | st.integers(2, 20)),
        overflow=draw(st.sampled_from(SUMMING)),
        group=None if last else draw(st.integers(1, 5)),
        interleave=1 if last else draw(st.integers(1, 3)),
    )


@st.composite
def chains(draw: Any) -> tuple[Any, ...]:
    """Reduce steps that leave one value."""
    steps = draw(st.lists(narrows() | accumulates(last=False), max_size=3))
    tail = draw(st.lists(narrows(), max_size=1))
    return (*steps, draw(accumulates(last=True)), *tail)


def run(a: Any, b: Any, steps: Any, **arguments: Any) -> Any:
    return qs.matmul(a, b, qs.Datapath(reduce=steps), **arguments)


def wrapped(v: Any, bits: int) -> Any:
    return (v + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


@LAWS
@given(operands(), st.integers(2, 40), st.randoms(use_true_random=False), st.integers(0, 3))
def test_wrap_is_exact_modulo_in_any_order(pair: Any, bits: int, random: Any, holes: int) -> None:
    """One WRAP accumulator, terms in any order, holes anywhere: the exact sum mod 2**bits."""
    a, b = pair
    order = [*range(a.shape[1]), *[-1] * holes]
    random.shuffle(order)
    datapath = qs.Datapath(reduce=qs.Accumulate(bits), order=tuple(order))
    assert qs.matmul(a, b, datapath).tolist() == wrapped(a @ b, bits).tolist()


@LAWS
@given(operands(), st.integers(2, 12), st.integers(0, 10), st.integers(1, 5), st.integers(1, 3))
def test_wrap_chain_whose_widths_do_not_grow(
    pair: Any, last: int, extra: int, group: int, interleave: int
) -> None:
    """Inner sums may wrap too, while no later width exceeds an earlier one."""
    a, b = pair
    inner = qs.Accumulate(last + extra, group=group, interleave=interleave)
    y = run(a, b, (inner, qs.Narrow(shift=-1, bits=last + extra), qs.Accumulate(last)))
    assert y.tolist() == wrapped(2 * (a @ b), last).tolist()


@LAWS
@given(operands(), st.randoms(use_true_random=False), st.sampled_from([None, 19, 30]))
def test_permutation(pair: Any, random: Any, bits: int | None) -> None:
    """Where no partial sum can leave its range (12 * 2**14 fits 19 bits), order is free."""
    a, b = pair
    permutation = list(range(a.shape[1]))
    random.shuffle(permutation)
    for overflow in (qs.WRAP, qs.SATURATE, qs.SATURATE_HOLD, qs.TRAP):
        steps = (qs.Accumulate(bits, overflow, group=4), qs.Accumulate(bits, overflow))
        permuted = run(a[:, permutation], b[permutation], steps)
        assert permuted.tolist() == run(a, b, steps).tolist() == (a @ b).tolist()


@LAWS
@given(operands(), st.data())
def test_linear_while_exact(pair: Any, data: Any) -> None:
    """Sums and multiples of operands, on either side."""
    a, b = pair
    more, factor = data.draw(matrices(*a.shape)), data.draw(st.integers(-1000, 1000))
    exact = qs.Accumulate()
    assert (run(a + more, b, exact) == run(a, b, exact) + run(more, b, exact)).all()
    assert (run(a * factor, b, exact) == factor * run(a, b, exact)).all()
    assert (run(a, b * factor, exact) == factor * run(a, b, exact)).all()
    assert (run(b.T, a.T, exact) == run(a, b, exact).T).all()


@LAWS
@given(operands(), chains(), st.integers(2, 20), st.sampled_from([*SUMMING, qs.SATURATE_ZERO]))
def test_result_is_in_its_register(pair: Any, chain: Any, bits: int, overflow: Any) -> None:
    """Whatever came before, the last register holds the result."""
    last = qs.Narrow(bits=bits, overflow=overflow) if overflow in NARROWING else None
    steps = (*chain, last or qs.Accumulate(bits, overflow))
    register = steps[-1].register
    y = run(*pair, steps)
    assert ((register.minimum <= y) & (y <= register.maximum)).all()


@LAWS
@given(operands(), chains(), st.integers(-100, 100))
def test_bounds_hold_everything_seen(pair: Any, chain: Any, bias: int) -> None:
    """Interval arithmetic contains the result, and all that an exact step or a Narrow saw."""
    a, b = pair
    first = next(i for i, step in enumerate(chain) if isinstance(step, qs.Accumulate))
    chain = (*chain[:first], replace(chain[first], start="bias"), *chain[first + 1 :])
    low, high = chain[first].register.minimum, chain[first].register.maximum
    assume(low is None or low <= bias <= high)
    y, events = run(a, b, chain, events=True, bias=bias)
    k = a.shape[1]
    term = bounds.product(qs.Multiply(), *(bound_of(x) for x in pair))
    final = bounds.reduce(chain, term, k, Interval(bias, bias))
    assert final.low <= y.min()
    assert y.max() <= final.high
    for index, (step, seen) in enumerate(zip(chain, events.steps, strict=True)):
        if seen.minimum is None or (isinstance(step, qs.Accumulate) and step.bits is not None):
            continue
        steps = (*chain[:index], replace(step, bits=None))
        interval = bounds.reduce(steps, term, k, Interval(bias, bias))
        assert interval.low <= seen.minimum
        assert seen.maximum <= interval.high


def bound_of(x: Any) -> Interval:
    return Interval(int(x.min()), int(x.max())) if x.size else Interval(0, 0)


@LAWS
@given(operands(), st.data())
def test_fold_is_subtract_while_exact(pair: Any, data: Any) -> None:
    """Zero points before the product or after the sum, one or one a channel."""
    a, b = pair
    za = data.draw(arrays(np.int64, (a.shape[0],), elements=codes))
    zb = data.draw(arrays(np.int64, (b.shape[1],), elements=codes))
    left = qs.QTensor(a, S8, 1.0, za, axis=0)
    right = qs.QTensor(b, S8, 1.0, zb, axis=1)
    fold = qs.Datapath(product=qs.Multiply("fold"), output=qs.CorrectZeroPoints())
    expected = (a - za[:, None]) @ (b - zb)
    assert qs.matmul(left, right, fold).tolist() == expected.tolist()
    assert qs.matmul(left, right, qs.Datapath()).tolist() == expected.tolist()


@LAWS
@given(operands(), chains(), st.data())
def test_parts_are_parts_of_the_whole(pair: Any, chain: Any, data: Any) -> None:
    """Some rows of a, some columns of b: the same outputs, events of the parts add up."""
    a, b = pair
    row, column = data.draw(st.integers(0, len(a))), data.draw(st.integers(0, b.shape[1]))
    y, events = run(a, b, chain, events=True)
    rows = [run(part, b, chain, events=True) for part in (a[:row], a[row:])]
    columns = [run(a, part, chain, events=True) for part in (b[:, :column], b[:, column:])]
    assert np.concatenate([r for r, _ in rows]).tolist() == y.tolist()
    assert np.concatenate([r for r, _ in columns], axis=1).tolist() == y.tolist()
    for parts in (rows, columns):
        assert sum(e.overflows for _, e in parts) == events.overflows
        seen = [e.minimum for _, e in parts if e.minimum is not None]
        assert min(seen, default=None) == events.minimum


@LAWS
@given(operands(), st.integers(0, 2**64 - 1), st.data())
def test_random_numbers_belong_to_places(pair: Any, seed: int, data: Any) -> None:
    """STOCHASTIC: leading rows alone draw the same; columns do, told their first number."""
    a, b = pair
    steps = (qs.Narrow(shift=6, rounding=qs.STOCHASTIC(seed)), qs.Accumulate())
    row, column = data.draw(st.integers(0, len(a))), data.draw(st.integers(0, b.shape[1]))
    y = run(a, b, steps)
    assert run(a[:row], b, steps).tolist() == y[:row].tolist()
    assert run(a, b[:, column:], steps, n_first=column).tolist() == y[:, column:].tolist()
    floor = (a[:, :, None] * b >> 6).sum(axis=1)
    assert ((floor <= y) & (y <= floor + a.shape[1])).all()


def test_random_numbers_differ_between_places() -> None:
    """The exception to the law of parts is real: the second row alone draws other numbers."""
    a, b = np.full((2, 64), 7), np.full((64, 2), 5)
    steps = (qs.Narrow(shift=6, rounding=qs.STOCHASTIC(1)), qs.Accumulate())
    y = run(a, b, steps)
    assert len(set(y.ravel().tolist())) > 1
    assert run(a[1:], b, steps).tolist() != y[1:].tolist()
    assert run(a, b[:, 1:], steps).tolist() != y[:, 1:].tolist()


@LAWS
@given(operands(), chains())
def test_first_is_the_smallest_place_and_counts_add_up(pair: Any, chain: Any) -> None:
    """Against one call an output: each tells its own overflows and its own first."""
    a, b = pair
    _, events = run(a, b, chain, events=True, counts=True)
    counts = np.zeros((len(a), b.shape[1]), dtype=int)
    places = []
    for m, n in np.ndindex(counts.shape):
        _, own = run(a[m : m + 1], b[:, n : n + 1], chain, events=True)
        counts[m, n] = own.overflows
        if own.first is not None:
            step, _, _, k = own.first
            places.append((step, m, n, k))
    assert events.counts.tolist() == counts.tolist()
    assert events.counts.sum() == events.overflows == sum(s.overflows for s in events.steps)
    assert events.first == (places[0] if places else None)
    firsts = [step.first for step in events.steps if step.first is not None]
    assert (events.first in firsts) == bool(firsts)
    assert all(events.first[1:3] <= first[1:3] for first in firsts)
    assert all(first[0] == i for i, s in enumerate(events.steps) for first in [s.first] if first)


@FEW
@given(chains(), st.integers(0, 2**32), st.integers(2, 9))
def test_threads_change_nothing(chain: Any, seed: int, threads: int) -> None:
    """Enough rows for several blocks: values, events and counts."""
    rng = np.random.Generator(np.random.PCG64(seed))
    a, b = rng.integers(-128, 128, (1500, 36)), rng.integers(-128, 128, (36, 20))
    y, events = run(a, b, chain, events=True, counts=True, threads=1)
    z, others = run(a, b, chain, events=True, counts=True, threads=threads)
    assert (y == z).all()
    assert (events.counts == others.counts).all()
    assert replace(events, counts=None) == replace(others, counts=None)


@LAWS
@given(operands(), chains())
def test_trap_is_saturates_first(pair: Any, chain: Any) -> None:
    """With every register a TRAP, the call fails exactly where it would first have overflowed."""
    trapping = tuple(
        replace(step, overflow=qs.TRAP) if step.bits is not None else step for step in chain
    )
    saturating = tuple(
        replace(step, overflow=qs.SATURATE) if step.bits is not None else step for step in chain
    )
    y, events = run(*pair, saturating, events=True)
    if events.first is None:
        assert run(*pair, trapping).tolist() == y.tolist()
        return
    with pytest.raises(qs.errors.OverflowTrap) as trap:
        run(*pair, trapping)
    assert trap.value.place == events.first
