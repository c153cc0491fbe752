"""Terms from tables == the reference, on every instruction set that this CPU has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import pyqsim as qs

CASES = {1: 200, 2: 20_000}

#: Sizes around vectors and panels of columns, steps of k, and the k that 16 bits sum bytes of.
COLUMNS = (1, 7, 63, 64, 65, 129, 192, 193, 256, 257, 321)
DEPTHS = (1, 2, 3, 4, 5, 8, 63, 255, 256, 257, 300, 517)

SHIFTED = (
    qs.LogQuant(3, signed=True),
    qs.LogQuant(4, signed=True),
    qs.LogQuant(5),
    qs.PowerOfTwo(5),
    qs.PowerOfTwo(6),
    qs.APoT(5),
    qs.APoT(6),
    qs.APoT(7),
    qs.APoT(8),
)
RULES = ("wrap", "saturate", "saturate_symmetric")


@dataclass(frozen=True)
class Case:
    """Operands and a machine."""

    a: Any
    b: Any
    machine: qs.Datapath
    bias: Any = None


def kind_of(run: qs.ops.Plan) -> str:
    """The form that ran last: the word after "gemm, "."""
    return run.explain().split("gemm, ")[-1].split()[0]


def register(rng: np.random.Generator) -> qs.Accumulate:
    """Any rule, any width, signed or not."""
    rule = str(rng.choice(RULES))
    return qs.Accumulate(
        int(rng.choice([2, 5, 8, 12, 15, 16, 17, 24, 29, 30, 31, 32])),
        rule,
        signed=rule == "saturate_symmetric" or bool(rng.random() < 0.8),
        start="bias" if rng.random() < 0.5 else "zero",
    )


def bias_for(rng: np.random.Generator, step: qs.Accumulate, n: int) -> Any:
    """Anywhere in the register, or at one of its ends."""
    if step.start == "zero":
        return None
    low, high = step.register.minimum, step.register.maximum
    assert low is not None
    assert high is not None
    if rng.random() < 0.3:
        return rng.choice([low, high], n)
    return rng.integers(low, high, n, endpoint=True)


def entries(rng: np.random.Generator, rows: int, places: int, bits: int) -> Any:
    """Entries of a few bits, of many, or those next to a rail of the register or of 16 bits."""
    edges = [0, 1, -1]
    for edge in (2**bits, 2 ** (bits - 1), 2**15, 2**16, 2**31):
        edges += [edge, edge - 1, edge + 1, -edge, -edge - 1, -edge + 1]
    if rng.random() < 0.3:
        return rng.choice(edges, (rows, places))
    reach = 2 ** int(rng.choice([2, 7, 8, 14, 15, 16, 20, 31, 33]))
    low = int(rng.choice([-reach, 0, -1]))
    return rng.integers(low, reach, (rows, places))


def lookup(rng: np.random.Generator, m: int, n: int, k: int) -> Case:
    """A table of any size; all codes, or those of a corner."""
    rows = int(rng.choice([1, 16, 100, 256]))
    places = int(rng.choice([1, 2, 16, 17, 64, 65, 128, 129, 255, 256]))
    step = register(rng)
    assert step.bits is not None
    product = qs.Lookup(entries(rng, rows, places, step.bits).tolist())
    a, b = rng.integers(0, rows, (m, k)), rng.integers(0, places, (k, n))
    dtype = np.uint8 if rng.random() < 0.7 else np.int16
    machine = qs.Datapath(product=product, reduce=(step,))
    return Case(a.astype(dtype), b, machine, bias_for(rng, step, n))


def shift(rng: np.random.Generator, m: int, n: int, k: int) -> Case:
    """Weights of shifts; activations of 8 bits with a zero point, or of shifts, too."""
    weights = SHIFTED[rng.integers(len(SHIFTED))]
    b = qs.QTensor(rng.integers(weights.code_min, weights.code_max + 1, (k, n)), weights)
    if rng.random() < 0.4:
        logs = qs.LogQuant(int(rng.integers(2, 5)), signed=bool(rng.random() < 0.5))
        a = qs.QTensor(rng.integers(logs.code_min, logs.code_max + 1, (m, k)), logs)
    else:
        affine = qs.Affine(8, signed=bool(rng.random() < 0.5))
        codes = rng.integers(affine.code_min, affine.code_max + 1, (m, k))
        a = qs.QTensor(codes, affine, 1.0, int(rng.integers(0, 9)))
    product = qs.Shift(
        drop=int(rng.integers(0, 12)),
        rounding=rng.choice(["floor", "toward_zero", "half_even", "half_away"]),
        sign=rng.choice(["after", "before"]),
        per=rng.choice(["term", "sum"]),
    )
    step = register(rng)
    return Case(a, b, qs.Datapath(product=product, reduce=(step,)), bias_for(rng, step, n))


def test_any_function_of_two_codes(isa: str, level: int) -> None:
    """Every kind of kernel runs here, and leaves what the reference leaves."""
    rng = np.random.default_rng(5)
    kinds: Counter[str] = Counter()
    for _ in range(CASES[level]):
        m, n, k = int(rng.integers(1, 9)), int(rng.choice(COLUMNS)), int(rng.choice(DEPTHS))
        case = (lookup if rng.random() < 0.6 else shift)(rng, m, n, k)
        run = qs.plan(case.b, case.machine, kernel="gemm", isa=isa)
        try:
            got = run(case.a, bias=case.bias)
        except qs.errors.DatapathError as error:  # wider than int32, or shifts beyond 64 bits
            kinds[f"refused: {str(error)[-40:]}"] += 1
            continue
        expected = qs.matmul(case.a, case.b, case.machine, bias=case.bias, kernel="reference")
        np.testing.assert_array_equal(got, expected, err_msg=f"{case.machine} {run.explain()}")
        kinds[kind_of(run)] += 1
    vbmi = isa in ("avx512vbmi", "avx512vpopcntdq")
    wanted = ("table", "permute", "permute_clamp") if vbmi else ("gather", "gather_clamp")
    assert min(kinds[kind] for kind in wanted) > 0.03 * CASES[level], kinds
    refused = sum(count for kind, count in kinds.items() if kind.startswith("refused"))
    assert refused < 0.35 * CASES[level], kinds


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_sums_of_the_largest_bytes(isa: str, bits: int) -> None:
    """Less the smallest, every byte of every term is 255: as many as 16 bits hold, and more."""
    for k in (256, 257, 260, 1024, 1100):
        table = [[0, 2 ** (bits - 1) - 1], [-(2 ** (bits - 1)), 0]]
        machine = qs.Datapath(product=qs.Lookup(table), reduce=(qs.Accumulate(32),))
        b = np.ones((k, 65), dtype=np.uint8)
        b[0, 0] = 0
        a = np.zeros((2, k), dtype=np.uint8)
        expected = qs.matmul(a, b, machine, kernel="reference")
        np.testing.assert_array_equal(qs.plan(b, machine, isa=isa)(a), expected)


def test_a_table_without_a_code_says_so(isa: str) -> None:
    """Codes outside a Lookup's table are refused, however short the way of the call."""
    rng = np.random.default_rng(1)
    machine = qs.Datapath(product=qs.Lookup(rng.integers(-9, 9, (100, 40)).tolist()))
    b = rng.integers(0, 40, (8, 5), dtype=np.uint8)
    run = qs.plan(b, machine, isa=isa)
    inside = rng.integers(0, 100, (3, 8), dtype=np.uint8)
    expected = qs.matmul(inside, b, machine, kernel="reference")
    np.testing.assert_array_equal(run(inside), expected)
    for wrong in (100, 255):
        outside = inside.copy()
        outside[1, 2] = wrong
        with pytest.raises(qs.errors.CodeError, match=f"code {wrong}"):
            run(outside)
    with pytest.raises(qs.errors.CodeError):
        run(np.full((3, 8), -1, dtype=np.int8))
    with pytest.raises(qs.errors.CodeError):
        qs.plan(b + 35, machine, isa=isa)(inside)
