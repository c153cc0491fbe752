"""Matrix products in int32 lanes == the reference, on every instruction set that this CPU has."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity.random_cases import random_case

import pyqsim as qs
from pyqsim import _native

CASES = {1: 1_000, 2: 300_000}
EXACT = ("int4", "int8", "int16", "bits")

#: Every form of the kernels: sums mod 2**bits, saturation at the top of the lane, clamps.
REGISTERS = (
    qs.Accumulate(32),
    qs.Accumulate(31),
    qs.Accumulate(13, start="bias"),
    qs.Accumulate(9, signed=False),
    qs.Accumulate(32, "saturate"),
    qs.Accumulate(24, "saturate", start="bias"),
    qs.Accumulate(20, "saturate"),
    qs.Accumulate(17, "saturate_symmetric"),
    qs.Accumulate(16, "saturate"),
    qs.Accumulate(12, "saturate", start="bias"),
    qs.Accumulate(10, "saturate", signed=False),
)


def integers(rng: np.random.Generator, dtype: type, shape: tuple[int, int]) -> np.ndarray:
    """Uniform codes, or all at one end."""
    limits = np.iinfo(dtype)
    if rng.random() < 0.3:
        return np.full(shape, rng.choice([limits.min, limits.max]), dtype=dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def kind_of(run: qs.ops.Plan) -> str:
    """The form that ran last: the word after "gemm, "."""
    return run.explain().split("gemm, ")[-1].split()[0]


def test_random_calls(isa: str, level: int) -> None:
    """Seeded calls of the whole model; those that are no matrix product are refused."""
    kinds: Counter[str] = Counter()
    for seed in range(CASES[level]):
        case = random_case(seed, 13)
        try:
            run = qs.plan(case.b, case.datapath, kernel="gemm", isa=isa)
            got = run(case.a, **case.data)
        except qs.errors.PyqsimError:
            kinds["refused"] += 1
            continue
        expected = qs.matmul(case.a, case.b, case.datapath, kernel="reference", **case.data)
        assert got.dtype == expected.dtype
        assert got.tolist() == expected.tolist(), case
        kinds[kind_of(run)] += 1
    assert sum(kinds.values()) - kinds["refused"] > 0.02 * CASES[level], kinds
    assert kinds["int16"] > 0
    assert kinds["clamp"] > 0


@pytest.mark.parametrize("step", REGISTERS, ids=repr)
def test_every_form(isa: str, step: qs.Accumulate) -> None:
    """Edges of tiles, panels and words; operands of every width; zero points; bias."""
    rng = np.random.default_rng(7)
    sizes = [(m, n, k) for m in (1, 5, 6, 7, 13) for n, k in ((1, 3), (32, 4), (33, 9), (65, 18))]
    ran = 0
    for m, n, k in [*sizes, (0, 5, 3), (5, 0, 3), (97, 40, 1300)]:
        a_dtype, b_dtype = rng.choice([np.uint8, np.int8, np.int16], 2)
        a, b = integers(rng, a_dtype, (m, k)), integers(rng, b_dtype, (k, n))
        datapath = qs.Datapath(reduce=(step,))
        high = min(2000, step.register.maximum)
        bias = rng.integers(0, high, n) if step.start == "bias" else None
        if a_dtype == np.int8:
            zero_point = int(rng.integers(-128, 128))
            a = qs.QTensor(a, qs.Affine(8), 1.0, zero_point)
        try:
            got = qs.matmul(a, b, datapath, bias=bias, kernel="gemm", isa=isa)
        except qs.errors.DatapathError:
            continue
        expected = qs.matmul(a, b, datapath, bias=bias, kernel="reference")
        np.testing.assert_array_equal(got, expected)
        ran += 1
    assert ran >= 5


def test_forms_are_what_they_are_for(isa: str) -> None:
    """The fast forms are taken where the CPU has them."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(-128, 128, (64, 600)), rng.integers(-128, 128, (600, 64))
    vnni = isa in ("avx512vnni", "avx512vbmi", "avx512vpopcntdq", "avxvnni")
    bytes_ = vnni or isa == "dotprod"
    for step, dtype, kind in (
        (qs.Accumulate(32), np.int8, "int8" if bytes_ else "int16"),
        (qs.Accumulate(32), np.int16, "int16"),
        (qs.Accumulate(20, "saturate"), np.int8, "top" if vnni else "clamp"),
        (qs.Accumulate(16, "saturate"), np.uint8, "top_halves" if vnni else "clamp"),
        (qs.Accumulate(15, "saturate"), np.int8, "top_halves" if vnni else "clamp"),
        (qs.Accumulate(14, "saturate"), np.int8, "clamp"),
        (qs.Accumulate(27, "saturate"), np.int8, "int8" if bytes_ else "int16"),
        (qs.Accumulate(32, "trap"), np.int8, "int8" if bytes_ else "int16"),
    ):
        run = qs.plan(b.astype(np.int8), qs.Datapath(reduce=(step,)), isa=isa)
        for m in (1, 64):
            run(a[:m].astype(dtype))
            assert kind_of(run) == kind


# -- certificates --------------------------------------------------------------------------------


@st.composite
def edges(draw: st.DrawFn) -> tuple[np.ndarray, list[int], int]:
    """Columns b, the ends of a, and a width in whose range the largest subset sum just about is."""
    k = draw(st.integers(1, 12))
    b = np.array(draw(st.lists(st.integers(-128, 127), min_size=k, max_size=k)))
    low = draw(st.integers(-128, 0))
    return b, [low, draw(st.integers(0, 127))], draw(st.sampled_from([-1, 0, 1]))


@given(edges())
def test_subset_bound_is_reached_and_is_the_limit(case: tuple[np.ndarray, list[int], int]) -> None:
    """A saturating register that holds the bound is never left; one unit less, and it is.

    The largest sum of a subset stands in a row of its own: a = high where b > 0, low where b < 0.
    """
    b, (low, high), _ = case
    worst = np.where(b > 0, high, low)
    least = np.where(b > 0, low, high)
    top, bottom = int(worst @ b), int(least @ b)
    rows = np.stack([worst, least])
    bits = max(top.bit_length(), (-bottom - 1).bit_length(), 1) + 1
    for width, certified in ((bits, True), (bits - 1, False)):
        if width < 2:
            continue
        datapath = qs.Datapath(reduce=(qs.Accumulate(width, "saturate"),))
        run = qs.plan(b[:, None], datapath, kernel="auto")
        got = run(rows)
        expected, events = qs.matmul(rows, b[:, None], datapath, kernel="reference", events=True)
        assert got.tolist() == expected.tolist()
        assert (kind_of(run) in EXACT) == certified
        assert (events.overflows == 0) == certified


@given(edges())
def test_certificate_with_a_bias_at_the_rail(case: tuple[np.ndarray, list[int], int]) -> None:
    """The bias that just fits is proven safe, one more is not; results are right either way."""
    b, (low, high), delta = case
    worst = np.where(b > 0, high, low)
    rows = np.stack([worst, np.where(b > 0, low, high)])
    top = int(worst @ b)
    bits = 20
    bias = 2 ** (bits - 1) - 1 - top + delta
    if bias >= 2 ** (bits - 1):
        return
    datapath = qs.Datapath(reduce=(qs.Accumulate(bits, "saturate", start="bias"),))
    run = qs.plan(b[:, None], datapath)
    got = run(rows, bias=bias)
    args = (rows, b[:, None], datapath)
    expected, events = qs.matmul(*args, bias=bias, kernel="reference", events=True)
    assert got.tolist() == expected.tolist()
    assert (kind_of(run) in EXACT) == (delta <= 0)
    assert events.overflows == 0 or delta > 0


def test_a_chain_that_widens_is_no_sum() -> None:
    """Inner sums of 8 bits wrap before an outer one of 16 sees them."""
    a, b = np.full((5, 8), 127), np.full((8, 3), 127)
    for inner, outer, exact in ((8, 16, False), (16, 8, True), (8, 8, True)):
        steps = (qs.Accumulate(inner, group=4), qs.Accumulate(outer))
        run = qs.plan(b, qs.Datapath(reduce=steps))
        expected = qs.matmul(a, b, qs.Datapath(reduce=steps), kernel="reference")
        assert run(a).tolist() == expected.tolist()
        assert any(f"gemm, {kind}" in run.explain() for kind in EXACT) == exact


# -- doors ---------------------------------------------------------------------------------------


def test_out_threads_and_layouts() -> None:
    """Any layout of a and out, any number of threads: the same numbers."""
    rng = np.random.default_rng(3)
    a, b = rng.integers(-128, 128, (700, 300), dtype=np.int8), rng.integers(-128, 128, (300, 200))
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),)))
    expected = (a.astype(np.int64) @ b).astype(np.int32)
    for threads in (None, 1, 2, 5, 1000):
        np.testing.assert_array_equal(run(a, threads=threads), expected)
    for view in (np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2], a[::-1][::-1]):
        np.testing.assert_array_equal(run(view), expected)
    np.testing.assert_array_equal(run(a[::-3]), expected[::-3])
    out = np.zeros((200, 700), dtype=np.int32).T
    assert run(a, out=out) is out
    np.testing.assert_array_equal(out, expected)
    out = np.zeros((700, 200), dtype=np.int32)
    assert run(a, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_out_that_is_wrong_is_refused() -> None:
    run = qs.plan(np.ones((4, 3), np.int8), qs.Datapath(reduce=(qs.Accumulate(32),)))
    a = np.ones((2, 4), np.int8)
    locked = np.zeros((2, 3), np.int32)
    locked.flags.writeable = False
    for out, error in (
        (np.zeros((2, 3), np.int64), qs.errors.OperandError),
        (np.zeros((3, 2), np.int32), qs.errors.ShapeError),
        (locked, qs.errors.OperandError),
        ([[0, 0, 0]] * 2, qs.errors.OperandError),
    ):
        with pytest.raises(error):
            run(a, out=out)
    with pytest.raises(qs.errors.ShapeError):
        run(np.ones((2, 5), np.int8))
    with pytest.raises(qs.errors.PyqsimError):
        run(a, threads=0)


def test_out_may_share_memory_with_a() -> None:
    """The result is that of the operands as they were."""
    buffer = np.arange(64, dtype=np.int8)
    a, out = buffer[:16].reshape(4, 4), buffer.view(np.int32).reshape(4, 4)
    b = np.arange(16).reshape(4, 4)
    expected = a.astype(np.int64) @ b
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),)))
    np.testing.assert_array_equal(run(a, out=out), expected)


# -- tables ----------------------------------------------------------------------------------------

FEW = (qs.LogQuant(3, signed=True), qs.APoT(4), qs.PowerOfTwo(4), qs.LogQuant(4))
HAS_TABLES = _native.isa_available("avx512vbmi")


@pytest.mark.skipif(not HAS_TABLES, reason="this CPU has no avx512vbmi")
def test_truncating_shifts_and_lookups_from_tables(level: int) -> None:
    """Every rounding and place of the sign, one and two planes, K at the ends of words."""
    rng = np.random.default_rng(11)
    ran = 0
    for _ in range({1: 150, 2: 20_000}[level]):
        m, n = rng.integers(1, 14, 2)
        k = int(rng.choice([1, 2, 3, 4, 5, 8, 63]))
        dtype = rng.choice([np.int8, np.uint8])
        a = integers(rng, dtype, (m, k))
        bits = int(rng.integers(8, 33))
        if rng.random() < 0.3:
            product: qs.Lookup | qs.Shift = qs.Lookup(
                rng.integers(-16448, 16320, (256, 16)).tolist()
            )
            a, b = a.astype(np.uint8), rng.integers(0, 16, (k, n))
            machine, bias = qs.Datapath(product=product, reduce=(qs.Accumulate(bits),)), None
        else:
            weights = FEW[rng.integers(len(FEW))]
            b = qs.QTensor(rng.integers(weights.code_min, weights.code_max + 1, (k, n)), weights)
            a = qs.QTensor(a, qs.Affine(8, signed=dtype == np.int8), 1.0, int(rng.integers(0, 9)))
            product = qs.Shift(
                drop=int(rng.integers(1, 12)),
                rounding=rng.choice(["floor", "toward_zero", "half_even", "half_away"]),
                sign=rng.choice(["after", "before"]),
                per=rng.choice(["term", "sum"]),
            )
            step = qs.Accumulate(bits, start="bias")
            machine, bias = qs.Datapath(product=product, reduce=(step,)), rng.integers(-99, 99, n)
        run = qs.plan(b, machine, kernel="gemm")
        got = run(a, bias=bias)
        expected = qs.matmul(a, b, machine, bias=bias, kernel="reference")
        np.testing.assert_array_equal(got, expected)
        ran += kind_of(run) == "table"  # not where two tables do not hold the terms
    assert ran > 0.7 * {1: 150, 2: 20_000}[level]


@pytest.mark.skipif(not HAS_TABLES, reason="this CPU has no avx512vbmi")
def test_sums_of_table_entries_are_certified_by_what_occurs() -> None:
    """A trapping register is safe for small activations, and is left by large ones."""
    b = qs.QTensor(np.full((64, 2), 7), qs.LogQuant(3, signed=True))
    machine = qs.Datapath(product=qs.Shift(drop=3), reduce=(qs.Accumulate(16, "trap"),))
    run = qs.plan(b, machine)
    assert run(np.full((5, 64), 63, np.int8)).tolist() == [[63 * 8 * 64] * 2] * 5
    assert kind_of(run) == "table"
    with pytest.raises(qs.errors.OverflowTrap):
        run(np.full((5, 64), 64, np.int8))


# -- sums that are proven while they run ---------------------------------------------------------


def spikes(rng: np.random.Generator, m: int, n: int, k: int, bits: int) -> tuple[Any, Any]:
    """Quiet operands, and rows whose sum leaves `bits` somewhere inside K and comes back."""
    a = rng.integers(-8, 8, (m, k), dtype=np.int8)
    b = rng.integers(-128, 128, (k, n), dtype=np.int8)
    length = 2 ** (bits - 1) // 127**2 + 2
    for row in rng.choice(m, min(m, int(rng.integers(0, 4))), replace=False):
        column, first = int(rng.integers(n)), int(rng.integers(0, k - 2 * length))
        up, down = slice(first, first + length), slice(first + length, first + 2 * length)
        b[up, column], a[row, up] = 127, 127
        b[down, column], a[row, down] = 127, -127
    return a, b


@pytest.mark.parametrize("bits", [20, 21, 22])
def test_sums_that_leave_and_come_back_are_seen(isa: str, bits: int, level: int) -> None:
    """Rows around blocks of 96, excursions anywhere inside a part of k."""
    rng = np.random.default_rng(bits)
    kinds: Counter[str] = Counter()
    overflowed = 0
    for _ in range({1: 12, 2: 1_000}[level]):
        m, n = int(rng.choice([1, 7, 95, 96, 97, 200])), int(rng.integers(1, 40))
        k = int(rng.integers(2 * (2 ** (bits - 1) // 127**2 + 2) + 1, 700))
        a, b = spikes(rng, m, n, k, bits)
        step = qs.Accumulate(bits, "saturate", start="bias")
        bias = rng.integers(-(2 ** (bits - 2)), 2 ** (bits - 2), n)
        x = qs.QTensor(a, qs.Affine(8), 1.0, int(rng.integers(-3, 4)))
        machine = qs.Datapath(reduce=(step,))
        run = qs.plan(b, machine, isa=isa)
        got = run(x, bias=bias)
        expected, seen = qs.matmul(x, b, machine, bias=bias, kernel="reference", events=True)
        np.testing.assert_array_equal(got, expected)
        overflowed += seen.overflows > 0
        kinds["while" if "while sums are proven" in run.explain() else "other"] += 1
    assert overflowed > 0
    assert kinds["while"] > 0 or bits < 22


def test_a_proof_is_as_sharp_as_it_says() -> None:
    """A prefix that leaves exactly the room that the next part may need, and one unit less."""
    k, bits = 640, 22
    b = np.ones((k, 1), dtype=np.int8)
    b[::2] = -1
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(bits, "saturate", start="bias"),)))
    a = np.where(b[:, 0] > 0, 127, -128).astype(np.int8)
    rows = np.stack([a, -1 - a])
    reach = int(a.astype(np.int64) @ b[:, 0])
    for bias in range(2 ** (bits - 1) - reach - 2, 2 ** (bits - 1) - reach + 3):
        got = run(rows, bias=bias)
        machine = qs.Datapath(reduce=(qs.Accumulate(bits, "saturate", start="bias"),))
        expected = qs.matmul(rows, b, machine, bias=bias, kernel="reference")
        assert got.tolist() == expected.tolist()


@pytest.mark.parametrize("late", [0, 5000])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("zero_point", [0, 100, -100])
def test_what_lanes_hold_is_not_what_the_sum_is(
    isa: str, sign: int, zero_point: int, late: int
) -> None:
    """Lanes are off by a multiple of the sum of the weights so far: by a's offset and zero point.

    The sum leaves its register, where the lanes need not, and comes back; also late, in a part of k
    that other tiles begin with.
    """
    b = np.zeros((512 + late, 3), dtype=np.int8)
    b[late : late + 130, 1], b[late + 130 : late + 260, 1] = sign * 127, sign * -127
    machine = qs.Datapath(reduce=(qs.Accumulate(22, "saturate"),))
    run = qs.plan(b, machine, isa=isa)
    codes = np.full((200, len(b)), 127, dtype=np.int8)
    codes[100:] = -128
    a = qs.QTensor(codes, qs.Affine(8), 1.0, zero_point)
    expected = qs.matmul(a, b, machine, kernel="reference")
    for _ in range(3):
        np.testing.assert_array_equal(run(a), expected)
    assert "while sums are proven" in run.explain()


@pytest.mark.parametrize("zero_points", [False, True], ids=["unsigned", "zero points"])
def test_weights_beyond_int8(isa: str, zero_points: bool) -> None:
    """Columns of uint8, or of int8 less zero points: int8 products where the CPU has them.

    Edges of tiles and vectors; sums that wrap and that do not; a bias; a's zero point.
    """
    rng = np.random.default_rng(11)
    bytes_ = isa not in ("portable", "neon", "avx2", "avx512bw")
    steps = (qs.Accumulate(32, start="bias"), qs.Accumulate(12, start="bias", signed=False))
    for m, n, k in ((1, 3, 9), (6, 32, 64), (7, 33, 65), (13, 70, 300), (97, 5, 1201)):
        for step, dtype in itertools.product(steps, (np.uint8, np.int8)):
            kind = np.int8 if zero_points else np.uint8
            limits = np.iinfo(kind)
            b: Any = rng.integers(limits.min, limits.max, (k, n), kind, endpoint=True)
            b[0, 0] = limits.max
            if zero_points:
                zero = rng.integers(-128, 128, n)
                zero[0] = -128
                b = qs.QTensor(b, qs.Affine(8), np.ones(n), zero, axis=1)
            a = integers(rng, dtype, (m, k))
            spread = qs.Affine(8, signed=dtype == np.int8)
            operand = qs.QTensor(a, spread, 1.0, int(rng.integers(0, 128)))
            run = qs.plan(b, qs.Datapath(reduce=(step,)), isa=isa)
            bias = rng.integers(0, 4096, n)
            expected = qs.matmul(operand, b, run.datapath, bias=bias, kernel="reference")
            np.testing.assert_array_equal(run(operand, bias=bias), expected)
            assert kind_of(run) == ("int8" if bytes_ else "int16")
