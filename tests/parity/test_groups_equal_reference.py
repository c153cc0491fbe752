"""Groups, interleaved accumulators and orders of k == the reference on every ISA."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim import _native
from pyqsim.testing import oracle

CASES = {1: 500, 2: 100_000}
FORMS = ("group", "group_clamp")
TOP = ("avxvnni", "avx512vnni", "avx512vbmi", "avx512vpopcntdq")
PAIRS = ("avx2", *TOP, "avx512bw")

SATURATING = ("saturate", "saturate_symmetric")


def kind_of(run: qs.ops.Plan) -> str:
    """The form that ran last, or the kernel."""
    why = run.explain().split("\n")[1].partition(": ")[2]
    return why.removeprefix("gemm, ").split()[0].rstrip(":")


def integers(rng: np.random.Generator, dtype: Any, shape: tuple[int, int]) -> np.ndarray:
    """Uniform codes, codes at both ends, or all at one end."""
    limits = np.iinfo(dtype)
    how = rng.random()
    if how < 0.2:
        return np.full(shape, rng.choice([limits.min, limits.max]), dtype)
    if how < 0.5:
        return rng.choice([limits.min, limits.max], shape).astype(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def random_order(rng: np.random.Generator, k: int) -> tuple[int, ...]:
    """A permutation of k with a few holes anywhere."""
    order = rng.permutation(k).tolist()
    for _ in range(int(rng.integers(0, 5))):
        order.insert(int(rng.integers(0, len(order) + 1)), -1)
    return tuple(order)


def random_steps(rng: np.random.Generator) -> tuple[qs.Accumulate, ...]:
    """One saturating accumulator, or groups and their sum."""
    rule = str(rng.choice(SATURATING))
    bits = int(rng.choice([3, 8, 12, 15, 16, 16, 17, 18, 20, 24, 30]))
    is_signed = rule != "saturate" or rng.random() < 0.85
    if rng.random() < 0.1:
        return (qs.Accumulate(bits, rule, start="bias", signed=is_signed),)
    if rng.random() < 0.15:  # what VPMADDUBSW may do, with one detail that it may not
        wrong = rng.random() < 0.2
        pair = qs.Accumulate(16, SATURATING[wrong], group=int(rng.choice([2, 2, 2, 1, 3])))
        return pair, qs.Accumulate(int(rng.choice([20, 32])), str(rng.choice(["wrap", rule])))
    group = (None, 1, 2, 2, 3, 4, 5, 8, 16, 100, 2**31 - 1)[rng.integers(11)]
    interleave = (1, 1, 1, 2, 3, 4, 7, 200)[rng.integers(8)]
    starts = ["zero", "zero"]
    starts[rng.integers(2)] = str(rng.choice(["zero", "bias"]))
    if rng.random() < 0.3:  # of no form unless it is proven to hold every group
        rule, is_signed = str(rng.choice(["wrap", "trap", "saturate_hold"])), True
        bits = int(rng.choice([8, 16, 18, 20, 24]))
    exact = rng.random() < 0.15
    inner = qs.Accumulate(
        None if exact else bits,
        "wrap" if exact else rule,
        group=group,
        interleave=interleave,
        start=starts[0],
        signed=exact or is_signed,
    )
    outer_rule = str(rng.choice(["wrap", "wrap", *SATURATING, "trap"]))
    outer_bits = int(rng.choice([12, 16, 20, 24, 28, 31, 32]))
    return inner, qs.Accumulate(outer_bits, outer_rule, start=starts[1])


def random_call(rng: np.random.Generator) -> tuple[Any, np.ndarray, qs.Datapath, dict[str, Any]]:
    """Operands, a datapath and its data."""
    m, n = int(rng.integers(1, 15)), int(rng.choice([1, 3, 16, 32, 33, 70]))
    k = int(rng.choice([1, 2, 3, 5, 8, 17, 40, 64, 99]))
    a_dtype = rng.choice([np.uint8, np.int8, np.int16], p=[0.45, 0.45, 0.1])
    b_dtype = rng.choice([np.int8, np.uint8, np.int16], p=[0.8, 0.1, 0.1])
    a, b = integers(rng, a_dtype, (m, k)), integers(rng, b_dtype, (k, n))
    order = random_order(rng, k) if rng.random() < 0.3 else None
    folds = rng.random() < 0.1
    product = qs.Multiply("fold" if folds else "subtract")
    steps = random_steps(rng)
    datapath = qs.Datapath(product=product, reduce=steps, order=order)
    data = {}
    if datapath.reads_bias:
        register = next(step.register for step in steps if step.start == "bias")
        if register.bits is None:
            register = qs.Accumulate(16).register
        ends = [register.minimum, register.maximum, 0]
        within = rng.integers(register.minimum, register.maximum, n, endpoint=True)
        data["bias"] = np.where(rng.random(n) < 0.3, rng.choice(ends, n), within)
    if a_dtype != np.int16 and not folds and rng.random() < 0.5:
        limits = np.iinfo(a_dtype)
        zero_point = int(rng.integers(limits.min, limits.max, endpoint=True))
        a = qs.QTensor(a, qs.Affine(8, signed=limits.min < 0), 1.0, zero_point)
    if a_dtype == np.int16 and not folds:
        a = qs.QTensor(a // 4, qs.Affine(14), 1.0, int(rng.integers(-99, 100)))
    return a, b, datapath, data


def test_random_calls(isa: str, level: int) -> None:
    """Bits, groups, interleave, order, zero points and bias at random; every form is met."""
    kinds: Counter[str] = Counter()
    for seed in range(CASES[level]):
        a, b, datapath, data = random_call(np.random.default_rng(seed))
        run = qs.plan(b, datapath, isa=isa)
        try:
            expected = qs.matmul(a, b, datapath, kernel="reference", **data)
        except qs.errors.OverflowTrap:
            with pytest.raises(qs.errors.OverflowTrap):
                run(a, **data)
            continue
        got = run(a, **data)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected, err_msg=f"seed {seed}: {datapath}")
        kinds[kind_of(run)] += 1
    wanted = {*FORMS, "clamp", *(["group_top"] * (isa in TOP)), *(["pair"] * (isa in PAIRS))}
    assert wanted <= set(kinds), kinds
    assert sum(kinds[kind] for kind in kinds if kind[:5] in ("group", "pair")) > CASES[level] / 5


@pytest.mark.parametrize("group", [2, 3, 6, 100, 1026, 1600])
@pytest.mark.parametrize("bits", [16, 18, 24])
def test_parts_of_k_end_between_groups(isa: str, group: int, bits: int) -> None:
    """K of two parts for the 12 rows of a block, groups that no part is a multiple of."""
    rng = np.random.default_rng(group)
    m, n, k = 25, 35, 1603
    a = rng.integers(0, 256, (m, k), dtype=np.uint8)
    b = rng.integers(-128, 128, (k, n), dtype=np.int8)
    for outer in (qs.Accumulate(32), qs.Accumulate(24, "saturate")):
        datapath = qs.Datapath(reduce=(qs.Accumulate(bits, "saturate", group=group), outer))
        run = qs.plan(b, datapath, isa=isa, kernel="gemm")
        expected = qs.matmul(a, b, datapath, kernel="reference")
        np.testing.assert_array_equal(run(a), expected)


def test_long_interleaved_rows_are_gathered(isa: str) -> None:
    """Rows longer than what is widened at a time, both widths of a, K that fills no accumulator."""
    rng = np.random.default_rng(5)
    for dtype in (np.uint8, np.int8, np.int16):
        a, b = integers(rng, dtype, (9, 1003)), integers(rng, np.int8, (1003, 20))
        for group in (None, 3):
            inner = qs.Accumulate(18, "saturate", group, interleave=4)
            steps = (inner, qs.Accumulate(20, "saturate"))
            datapath = qs.Datapath(reduce=steps, order=random_order(rng, 1003))
            run = qs.plan(b, datapath, isa=isa)
            expected = qs.matmul(a, b, datapath, kernel="reference")
            np.testing.assert_array_equal(run(a), expected)
            assert kind_of(run).startswith("group")


# -- proofs --------------------------------------------------------------------------------------


@st.composite
def groups_at_the_rail(draw: st.DrawFn) -> tuple[np.ndarray, list[int], int]:
    """One column of groups, and the ends of a."""
    length = draw(st.integers(2, 5))
    b = draw(st.lists(st.integers(-128, 127), min_size=length, max_size=length * 3))
    return np.array(b), [draw(st.integers(-128, 0)), draw(st.integers(1, 127))], length


@given(groups_at_the_rail(), st.integers(-1, 1))
def test_a_group_is_clamped_once_only_where_no_earlier_addition_saturates(
    case: tuple[np.ndarray, list[int], int], delta: int
) -> None:
    """Registers just at the largest sum of all but a group's last term, and one bit less."""
    b, (low, high), length = case
    rows = np.stack([np.where(b > 0, high, low), np.where(b > 0, low, high), np.full(len(b), low)])
    heads = [
        int(ends[: length - 1] @ part[: length - 1])
        for part in (b[first : first + length] for first in range(0, len(b), length))
        for ends in (np.where(part > 0, high, low), np.where(part > 0, low, high))
    ]
    needed = max(max(head, -head - 1).bit_length() + 1 for head in heads)
    inner = qs.Accumulate(max(needed + delta, 2), "saturate", group=length)
    datapath = qs.Datapath(reduce=(inner, qs.Accumulate(32)))
    run = qs.plan(b[:, None], datapath)
    expected = oracle.matmul(rows.tolist(), b[:, None].tolist(), datapath)
    assert run(rows).tolist() == np.asarray(expected).tolist()
    fits = all(inner.register.minimum <= head <= inner.register.maximum for head in heads)
    kind = kind_of(run)
    assert kind in ("int4", "int8", "int16", "bits") or (kind in ("group", "pair")) == fits


def test_forms_are_what_they_are_for(isa: str) -> None:
    """The fastest form that a chain allows, where the CPU has it."""
    rng = np.random.default_rng(1)
    b = rng.integers(-128, 128, (600, 64), dtype=np.int8)
    pair = qs.Accumulate(16, "saturate", group=2)
    exact = "int8" if isa in TOP or isa == "dotprod" else "int16"
    top = "group_top" if isa in TOP else "group_clamp"
    for steps, dtype, kind in (
        ((pair, qs.Accumulate(32)), np.uint8, "pair" if isa in PAIRS else "group"),
        ((pair, qs.Accumulate(20)), np.uint8, "pair" if isa in PAIRS else "group"),
        ((pair, qs.Accumulate(20, "saturate")), np.uint8, "group"),
        ((qs.Accumulate(16, "saturate_symmetric", group=2), qs.Accumulate(32)), np.uint8, "group"),
        ((pair, qs.Accumulate(32)), np.int8, "group"),
        ((qs.Accumulate(16, "saturate", group=4), qs.Accumulate(32)), np.uint8, "group_clamp"),
        ((qs.Accumulate(18, "saturate", interleave=4), qs.Accumulate(32)), np.uint8, top),
        ((qs.Accumulate(group=4), qs.Accumulate(20, "saturate")), np.uint8, "group"),
        ((qs.Accumulate(18, "trap", group=4), qs.Accumulate(20)), np.int8, exact),
    ):
        run = qs.plan(b, qs.Datapath(reduce=steps), isa=isa)
        for m in (1, 64):
            limits = np.iinfo(dtype)
            run(rng.choice([limits.min, limits.max, 1], (m, 600)).astype(dtype))
            assert kind_of(run) == kind, (steps, run.explain())


@pytest.mark.parametrize(
    "name", ["ort-avx2-u8s8", "torch-fbgemm-avx2", "torch-x86-avx2", "torch-onednn-avx2"]
)
def test_targets_whose_pairs_saturate_reach_the_kernel(name: str) -> None:
    """Their reduce steps, on codes of their own kinds."""
    datapath = qs.Datapath(
        qs.targets.get(name).datapath.product, qs.targets.get(name).datapath.reduce
    )
    rng = np.random.default_rng(2)
    a = rng.integers(0, 256, (33, 300), dtype=np.uint8)
    b = rng.integers(-128, 128, (300, 40), dtype=np.int8)
    run = qs.plan(b, datapath)
    np.testing.assert_array_equal(run(a), qs.matmul(a, b, datapath, kernel="reference"))
    assert kind_of(run) == ("pair" if _native.isa_available("avx2") else "group")


def test_rows_of_int16_that_have_a_zero_point_are_no_words_of_their_own(isa: str) -> None:
    """The products of exact groups take rows of int16 as they are, but for a zero point."""
    rng = np.random.default_rng(3)
    codes = rng.integers(-8000, 8000, (7, 64)).astype(np.int16)
    a, b = qs.QTensor(codes, qs.Affine(14), 1.0, 77), rng.integers(-128, 128, (64, 33))
    steps = (qs.Accumulate(group=4), qs.Accumulate(22, "saturate"))
    run = qs.plan(b, qs.Datapath(reduce=steps), isa=isa)
    expected = qs.matmul(a, b, qs.Datapath(reduce=steps), kernel="reference")
    np.testing.assert_array_equal(run(a), expected)
    assert kind_of(run) == "group"
