"""Weights of sixteen integers, packed to 4 bits == the reference, on every instruction set here."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import pyqsim as qs
from pyqsim import _native

ISAS = [isa for isa in qs.ops.ISAS if isa != "auto"]
CASES = {1: 60, 2: 5_000}

HAS_INT4 = any(_native.isa_available(isa) for isa in ISAS if isa != "portable")

#: Kernels of those hold the sums of two products of 64 at most.
REACH_64 = ("avx2", "avx512bw")

#: M around tiles, the two rows with accumulators in turns; N around panels; K around words of 8.
ROWS = (1, 2, 3, 6, 7, 13)
COLUMNS = (1, 7, 8, 9, 16, 31, 32, 33, 65)
DEPTHS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 25, 64, 71, 129, 300)

TABLES = (
    range(-8, 8),
    range(16),
    range(112, 128),
    range(120, 128),
    range(-128, -112),
    (-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64),
    (-64, 64),
    (64, 65),
    (-128, 127, 5, 3),
    (-127, -100, -65, -64, -31, -9, -5, -3, 1, 7, 11, 63, 64, 66, 99, 127),  # none is 0
    (1,),
)

FORMATS = (
    qs.Affine(4),
    qs.Affine(4, signed=False),
    qs.LogQuant(3, signed=True),
    qs.PowerOfTwo(4),
    qs.APoT(4),
    qs.Ternary(),
    qs.Codebook((-90, -50, -31, -17, -9, -4, -1, 0, 2, 5, 10, 18, 33, 51, 70, 101)),
)


def kind_of(run: qs.ops.Plan) -> str:
    """The form that ran last: the word after "gemm, "."""
    return run.explain().split("gemm, ")[-1].split()[0]


def kind_for(isa: str, table: Any, k: int) -> str:
    """What is to run: an integer beyond the reach, or rows that are words of int8 alone."""
    if isa == "portable" or (isa in REACH_64 and np.abs(table).max() > 64):
        return "int16"
    no_int8 = isa in ("neon", *REACH_64)
    return "int8" if k % 8 == 4 and k < 1024 and not no_int8 else "int4"


def activations(rng: np.random.Generator, dtype: type, shape: tuple[int, int]) -> Any:
    """Uniform, or all at one end."""
    limits = np.iinfo(dtype)
    if rng.random() < 0.3:
        return np.full(shape, rng.choice([limits.min, limits.max]), dtype=dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{min(table)}..{max(table)}")
def test_any_sixteen_integers(isa: str, table: Any, level: int) -> None:
    """Edges of words, panels and tiles; zero points of a; a bias; registers that wrap."""
    rng = np.random.default_rng([abs(one) for one in table])
    for _ in range(CASES[level]):
        m, n, k = (int(rng.choice(sizes)) for sizes in (ROWS, COLUMNS, DEPTHS))
        a = activations(rng, rng.choice([np.uint8, np.int8]), (m, k))
        b = rng.choice(np.array(table), (k, n))
        b.flat[: len(table)] = table[: b.size]
        bits, signed = rng.choice([(9, True), (17, True), (32, True), (31, False)])
        step = qs.Accumulate(int(bits), signed=bool(signed), start="bias")
        machine = qs.Datapath(reduce=(step,))
        x = qs.QTensor(a, qs.Affine(8, signed=a.dtype == np.int8), 1.0, int(rng.integers(0, 128)))
        bias = rng.integers(0, 256, n)
        run = qs.plan(b, machine, kernel="gemm", isa=isa)
        expected = qs.matmul(x, b, machine, bias=bias, kernel="reference")
        np.testing.assert_array_equal(run(x, bias=bias), expected, err_msg=f"{m} {n} {k}")
        if b.size >= len(table) > 2:  # of two integers it may be bits
            assert kind_of(run) == kind_for(isa, table, k)


@pytest.mark.parametrize("weights", FORMATS, ids=repr)
def test_formats_of_four_bits(isa: str, weights: qs.Format) -> None:
    """Every code of theirs, as products and as exact shifts, alone and in one thread more."""
    rng = np.random.default_rng(4)
    codes = np.arange(weights.code_min, weights.code_max + 1)
    b = qs.QTensor(np.r_[codes, rng.choice(codes, 136 * 70 - len(codes))].reshape(136, 70), weights)
    products: list[qs.Product] = [qs.Multiply()]
    products += [qs.Shift()] if isinstance(weights, (qs.LogQuant, qs.PowerOfTwo, qs.APoT)) else []
    a = activations(rng, np.int8, (23, 136))
    expected = a.astype(np.int64) @ weights.decode(b.codes)
    for product in products:
        run = qs.plan(b, qs.Datapath(product=product, reduce=(qs.Accumulate(32),)), isa=isa)
        for threads in (1, 2):
            np.testing.assert_array_equal(run(a, threads=threads), expected)
        assert kind_of(run) == kind_for(isa, weights.integers(), 136)


def test_rows_wherever_they_stand(isa: str) -> None:
    """The short way, arrays with strides, rows between others, one row; nothing beside out."""
    rng = np.random.default_rng(6)
    for n, k in itertools.product((5, 32, 70), (64, 68, 71, 1028)):
        b = rng.integers(-8, 8, (k, n))
        run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),)), isa=isa)
        whole = rng.integers(-128, 128, (12, k + 6), dtype=np.int8)
        for a in (whole[:, 3:-3], whole[::3, 3:-3], whole[4:5, 3:-3].copy(), whole[:, 3:-3].copy()):
            around = np.full((len(a), n + 2), 7, np.int32)
            expected = a.astype(np.int64) @ b
            np.testing.assert_array_equal(run(a), expected)
            run(a, out=around[:, 1:-1])
            np.testing.assert_array_equal(around[:, 1:-1], expected)
            assert (around[:, [0, -1]] == 7).all()
        assert kind_of(run) == kind_for(isa, [8], k)


def test_zero_points_of_columns(isa: str) -> None:
    """Each column has sixteen integers of its own, somewhere in int8 or far from the next one's."""
    rng = np.random.default_rng(8)
    for m, n, k in ((1, 3, 9), (2, 33, 64), (7, 70, 301), (97, 5, 1201)):
        codes = rng.integers(0, 16, (k, n))
        codes[0], codes[-1] = 0, 15
        zero = rng.integers(0, 16, n)
        zero[:2] = 0, 15
        wide = codes + rng.integers(-400, 400, n)
        scaled = qs.QTensor(codes, qs.Affine(4, signed=False), np.ones(n), zero, axis=1)
        for dtype, b in itertools.product((np.uint8, np.int8), (scaled, wide)):
            step = qs.Accumulate(32, start="bias")
            a = qs.QTensor(
                activations(rng, dtype, (m, k)), qs.Affine(8, signed=dtype == np.int8), 1.0, 17
            )
            run = qs.plan(b, qs.Datapath(reduce=(step,)), isa=isa)
            bias = rng.integers(-4096, 4096, n)
            expected = qs.matmul(a, b, run.datapath, bias=bias, kernel="reference")
            np.testing.assert_array_equal(run(a, bias=bias), expected)
            assert kind_of(run) == kind_for(isa, [15], k)


def test_seventeen_integers_are_bytes() -> None:
    """In one column or between two of them: the first is not all of b."""
    b = np.stack([np.arange(-8, 9), np.arange(-8, 9) % 3, np.arange(-8, 9) // 3], axis=1)
    machine = qs.Datapath(reduce=(qs.Accumulate(32),))
    for columns, few in ((slice(0, 3), False), (slice(1, 3), True)):
        for rows in (slice(0, 17), slice(16, None, -1)):
            run = qs.plan(b[rows, columns], machine)
            a = np.arange(34, dtype=np.int8).reshape(2, 17)
            np.testing.assert_array_equal(run(a), a.astype(np.int64) @ b[rows, columns])
            assert (kind_of(run) == "int4") == (few and HAS_INT4)
    b[:, 0] = 100 * (np.arange(17) % 2)
    b[:, 1] = np.arange(17) * 5
    run = qs.plan(b, machine)
    np.testing.assert_array_equal(run(a), a.astype(np.int64) @ b)
    assert kind_of(run) != "int4"


@pytest.mark.skipif(not _native.isa_available("avx512vbmi"), reason="this CPU has no avx512vbmi")
@pytest.mark.parametrize("drop", [1, 3], ids=["two planes", "one plane"])
def test_tables_of_sixteen_places(drop: int) -> None:
    """Rows on both sides of the limit, K at the ends of words and parts, N of panels; a bias."""
    rng = np.random.default_rng(drop)
    weights = qs.LogQuant(3, signed=True)
    step = qs.Accumulate(24, start="bias")
    machine = qs.Datapath(product=qs.Shift(drop=drop), reduce=(step,))
    for n, k in itertools.product((1, 32, 33, 70), (1, 4, 7, 8, 9, 12, 64, 301)):
        b = qs.QTensor(rng.integers(weights.code_min, weights.code_max + 1, (k, n)), weights)
        run = qs.plan(b, machine, kernel="gemm")
        whole = rng.integers(-128, 128, (13, k), dtype=np.int8)
        bias = rng.integers(-99, 99, n)
        expected = qs.matmul(whole, b, machine, bias=bias, kernel="reference")
        for m in (0, 1, 2, 3, 6, 7, 13):
            np.testing.assert_array_equal(run(whole[:m], bias=bias), expected[:m])
        assert "gemm, table on avx512vbmi, up to 6 rows table4 on avx512vbmi" in run.explain()
