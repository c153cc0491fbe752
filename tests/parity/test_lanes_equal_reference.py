"""The lanes kernel == the reference on every instruction set that this CPU has."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from parity.outcomes import outcome
from parity.random_cases import Case, random_case

import pyqsim as qs

CASES = {1: 2_000, 2: 300_000}
ROWS = 40  # two blocks of lanes and a rest


def compare(case: Case, isa: str) -> str:
    """Run a case on both kernels; a difference fails with the case."""
    args, options = (case.a, case.b, case.datapath), {"events": True, "counts": True, **case.data}
    try:
        run = qs.plan(case.b, case.datapath, kernel="lanes", isa=isa)
        got = outcome(lambda: run(case.a, events=True, counts=True, **case.data))
    except qs.errors.DatapathError:
        return "refused"
    if got == ("DatapathError",):
        return "refused"
    expected = outcome(lambda: qs.matmul(*args, kernel="reference", **options))
    assert got == expected, f"{case}\n=> observed {got}\n   expected {expected}"
    return str(got[0])


def test_lanes_equal_reference(isa: str, level: int) -> None:
    """Seeded cases; those that the kernel refuses do not count."""
    kinds = Counter(compare(random_case(seed, ROWS), isa) for seed in range(CASES[level]))
    assert kinds["value"] > 0.1 * CASES[level], kinds
    assert kinds["trap"] > 0, kinds


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("m", [1, 15, 16, 17, 33])
def test_long_chains(isa: str, n: int, m: int) -> None:
    """K beyond the chunk of 64 values, groups that end inside and at the end of a chunk."""
    rng = np.random.Generator(np.random.PCG64(m))
    for k in (63, 64, 65, 200):
        a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
        for steps in (
            (qs.Accumulate(16, "saturate"),),
            (qs.Accumulate(16, "saturate", group=2), qs.Accumulate(20, "wrap")),
            (qs.Accumulate(group=16), qs.Accumulate(20, "saturate")),
            (qs.Accumulate(group=64), qs.Narrow(shift=3, rounding="half_even"), qs.Accumulate(18)),
            (qs.Narrow(shift=5, rounding="half_away", bits=8), qs.Accumulate(12, "wrap")),
            (qs.Accumulate(15, "trap", group=100), qs.Accumulate(24)),
        ):
            case = Case(a, b, qs.Datapath(reduce=steps))
            assert compare(case, isa) in ("value", "trap")


def test_threads_and_blocks_change_nothing() -> None:
    """The same bits and the same events for any thread count: M large enough for many blocks."""
    rng = np.random.Generator(np.random.PCG64(1))
    a = rng.integers(-128, 128, (1500, 40))
    b = rng.integers(-128, 128, (40, 20))
    for rounding in (qs.STOCHASTIC(7), qs.HALF_EVEN):
        steps = (
            qs.Narrow(shift=3, rounding=rounding),
            qs.Accumulate(9, "saturate", group=4),
            qs.Accumulate(11, "wrap"),
        )
        # Both reduced and output values draw random numbers, each with the row's own number.
        output = (qs.Narrow(shift=2, rounding=rounding),)
        run = qs.plan(b, qs.Datapath(reduce=steps, output=output))
        expected = outcome(lambda run=run: run(a, events=True, counts=True, threads=1))
        assert expected[5][0] > 0
        for threads in (2, 3, 7):
            got = outcome(lambda run=run, t=threads: run(a, events=True, counts=True, threads=t))
            assert got == expected


def test_explain_names_kernel_and_reason() -> None:
    """The user can always ask."""
    p = qs.plan([[1], [2], [5]], qs.Datapath())
    p([[3, 4, 6]] * 4)
    assert "gemm, int4 on" in p.explain()
    p([[3, 4, 6]] * 4, events=True)
    assert "lanes: int32 is proven" in p.explain()
    assert "no gemm: events are asked for" in p.explain()
    p([[3, 4, 6]], events=True)
    assert "reference (scalar C): M=1 is below" in p.explain()
    p([[2**40, 4, 6]] * 4)
    assert "not proven" in p.explain()
