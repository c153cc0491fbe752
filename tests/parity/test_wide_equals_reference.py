"""Sums that int32 does not hold: products in int64 lanes == the reference on every ISA."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import pyqsim as qs
from pyqsim import targets

CASES = {1: 250, 2: 20_000}
WIDTHS = (9, 16, 17, 24, 27, 31, 32)


def kernel_of(run: qs.ops.Plan) -> str:
    """What ran last, without its reason."""
    return run.explain().split("\n")[1].partition("gemm, ")[2].partition(":")[0]


def integers(rng: np.random.Generator, bits: int, shape: tuple[int, int]) -> np.ndarray:
    """Uniform integers of so many bits, those at both ends, or all at one end."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    how = rng.random()
    if how < 0.2:
        return np.full(shape, rng.choice([low, high]))
    if how < 0.5:
        return rng.choice([low, high], shape)
    return rng.integers(low, high, shape, endpoint=True)


def random_steps(rng: np.random.Generator, bits: int) -> tuple[qs.Accumulate, ...]:
    """An accumulator of about so many bits, of terms or of groups."""
    width = int(np.clip(bits + rng.integers(-3, 4), 20, 64))
    is_signed = bool(rng.random() < 0.8)
    if rng.random() < 0.35:
        wide = max(width, 33)
        return (qs.Accumulate(wide, "wrap", signed=is_signed or wide == 64),)
    rule = str(rng.choice(["saturate", "saturate_symmetric", "saturate_hold", "trap"]))
    start = str(rng.choice(["zero", "bias"]))
    is_signed |= rule == "saturate_symmetric"
    last = qs.Accumulate(min(width, 63), rule, start=start, signed=is_signed)
    if rng.random() < 0.6:
        return (last,)
    group = int(rng.choice([1, 2, 3, 16, 100, 300]))
    inner = None if rng.random() < 0.8 else int(rng.choice([32, 40, 63]))
    return qs.Accumulate(inner, "wrap", group=group), last


def test_random_calls(isa: str, level: int) -> None:
    """Values are the reference's wherever there is a product; many calls saturate or wrap."""
    rng = np.random.default_rng(3)
    ran: Counter[str] = Counter()
    met = 0
    for _ in range(CASES[level]):
        m, n = (int(rng.integers(1, high)) for high in (15, 40))
        k = int(rng.integers(1, 60 if rng.random() < 0.8 else 600))
        a_bits, b_bits = (int(one) for one in rng.choice(WIDTHS, 2))
        a, b = integers(rng, a_bits, (m, k)), integers(rng, b_bits, (k, n))
        datapath = qs.Datapath(reduce=random_steps(rng, a_bits + b_bits + int(np.log2(k))))
        bias = None
        if datapath.reads_bias:
            highs = [one.register.maximum or 2**40 for one in datapath.reduce]
            bias = rng.integers(0, min(highs), n, endpoint=True)
        run = qs.plan(b, datapath, kernel="gemm", isa=isa)
        try:
            got = run(a, bias=bias)
        except qs.errors.DatapathError:
            continue
        except qs.errors.AccumulatorRangeError:
            continue
        expected, events = qs.matmul(a, b, datapath, bias=bias, kernel="reference", events=True)
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(run(a, bias=bias, threads=2), expected)
        kernel = kernel_of(run)
        ran[kernel.rpartition(" on ")[0]] += 1
        met += kernel.startswith("wide") and events.overflows > 0
    assert ran["wide sum"] > 20
    assert ran["wide clamp"] > 20
    assert met > 20


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("dsp48e2", "wide sum"),
        ("nvdla-cacc-int16", "wide sum"),
        ("arm-smlal-64", "wide sum"),
        ("x86-vpdpwssds", "wide clamp"),
    ],
)
def test_machines_with_wide_accumulators(name: str, kernel: str) -> None:
    """Every one at the ends of its operands, and over the whole range."""
    target = targets.get(name)
    rng = np.random.default_rng(4)
    k = target.k or 300
    for how in range(3):
        a, b = (
            rng.integers(op.low, op.high, shape, endpoint=True)
            if how == 0
            else rng.choice([op.low, op.high], shape)
            for op, shape in ((target.a, (9, k)), (target.b, (k, 21)))
        )
        datapath = qs.Datapath(product=target.datapath.product, reduce=target.datapath.reduce)
        bias = rng.integers(-1000, 1000, 21) if datapath.reads_bias else None
        run = qs.plan(b, datapath)
        np.testing.assert_array_equal(
            run(a, bias=bias), qs.matmul(a, b, datapath, bias=bias, kernel="reference")
        )
        assert kernel_of(run).startswith(kernel)


@pytest.mark.parametrize("bits", [63, 64])
def test_a_sum_before_it_saturates_is_in_int64_or_the_kernel_is_another(bits: int) -> None:
    """A register of 63 bits and the largest product, 2**62, are 2**63 - 1; of 64 they are more."""
    datapath = qs.Datapath(reduce=(qs.Accumulate(bits, "saturate"),))
    a, b = np.full((3, 5), -(2**31)), np.full((5, 4), -(2**31))
    b[:, 1] = 2**31 - 1
    b[1::2, 2] = 2**31 - 1
    run = qs.plan(b, datapath)
    np.testing.assert_array_equal(run(a), qs.matmul(a, b, datapath, kernel="reference"))
    assert kernel_of(run).startswith("wide clamp") == (bits == 63)


@pytest.mark.parametrize(
    "steps",
    [
        (qs.Accumulate(None, "wrap", group=3, start="bias"), qs.Accumulate(33, "saturate")),
        (qs.Accumulate(None, "wrap", group=3, interleave=2), qs.Accumulate(33, "saturate")),
        (qs.Accumulate(33, "saturate", group=8, spill=(qs.Narrow(shift=1),)),),
        (qs.Accumulate(32, "wrap", group=3), qs.Accumulate(34, "saturate")),
    ],
    ids=["bias in each group", "interleaved groups", "spill", "groups that wrap"],
)
def test_chains_that_are_another_sum(steps: tuple[qs.Accumulate, ...]) -> None:
    """They look like groups and a saturating accumulator, and are not."""
    rng = np.random.default_rng(8)
    a, b = (rng.integers(-(2**15), 2**15, shape) for shape in ((6, 12), (12, 5)))
    datapath = qs.Datapath(reduce=steps)
    bias = rng.integers(0, 2**30, 5) if datapath.reads_bias else None
    run = qs.plan(b, datapath)
    expected = qs.matmul(a, b, datapath, bias=bias, kernel="reference")
    np.testing.assert_array_equal(run(a, bias=bias), expected)
    assert not kernel_of(run)


def test_zero_points_of_rows() -> None:
    """Each row subtracts its own, and int32 need only hold what is left."""
    rng = np.random.default_rng(5)
    codes = rng.integers(-(2**15), 2**15, (6, 40))
    zero_points = rng.integers(-(2**15), 2**15, 6)
    a = qs.QTensor(codes, qs.Affine(16), np.ones(6), zero_points, axis=0)
    b = rng.integers(-(2**15), 2**15, (40, 9))
    for datapath in (
        qs.Datapath(reduce=(qs.Accumulate(48, "wrap"),)),
        qs.Datapath(reduce=(qs.Accumulate(34, "saturate"),)),
        qs.Datapath(
            product=qs.Multiply("fold"),
            reduce=(qs.Accumulate(36, "saturate"),),
            output=(qs.CorrectZeroPoints(48, "wrap"),),
        ),
    ):
        run = qs.plan(b, datapath)
        np.testing.assert_array_equal(run(a), qs.matmul(a, b, datapath, kernel="reference"))
        assert kernel_of(run).startswith("wide")


@pytest.mark.parametrize("name", ["tflite-16x8", "tflite-16x8-fc", "cmsis-nn-16x8", "tosa-int16"])
def test_layers_of_int16_activations(name: str) -> None:
    """Sums of 48 or 64 bits and their output steps, in a first call and in those made again."""
    target = targets.get(name)
    rng = np.random.default_rng(6)
    a = rng.integers(-(2**15), 2**15, (50, 1000)).astype(np.int16)
    b = rng.integers(-128, 128, (1000, 33)).astype(np.int8)
    b[:, 0] = 127  # beyond int32
    a[:2] = 32767
    bias = rng.integers(-(2**30), 2**30, 33)
    (scheme,) = (one.scheme for one in target.datapath.output if isinstance(one, qs.Requantize))
    factor = scheme.encode(2.0**-15 * rng.uniform(0.5, 1, 33))
    data = {"bias": bias, "requantize": factor, "out_zero_point": 0}
    run = qs.plan(b, target.datapath)
    expected = qs.matmul(a, b, target.datapath, **data, kernel="reference")
    assert len(np.unique(expected)) > 500
    for _ in range(4):
        np.testing.assert_array_equal(run(a, **data), expected)
        assert kernel_of(run).startswith("wide sum")


def test_convolution_of_int16_images() -> None:
    rng = np.random.default_rng(7)
    x = rng.integers(-(2**15), 2**15, (2, 9, 8, 20)).astype(np.int16)
    w = rng.integers(-(2**15), 2**15, (3, 3, 20, 7)).astype(np.int16)
    for step in (qs.Accumulate(40, "wrap"), qs.Accumulate(36, "saturate")):
        datapath = qs.Datapath(reduce=(step,))
        y = qs.ops.conv2d(x, w, datapath, padding=1, kernel="gemm")
        expected = qs.ops.conv2d(x, w, datapath, padding=1, kernel="reference")
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("merges", [False, True])
def test_planes_of_weights(merges: bool) -> None:
    """Each region's sum in int64, merged or not, in a first call and in those made again."""
    rng = np.random.default_rng(9)
    a = rng.integers(2**14, 2**15, (20, 3000)).astype(np.int16)
    fmt = qs.PiecewiseLinear(8, "overlapping")
    codes = rng.choice([100, 127, 356, 383], (3000, 17))  # positive ones of both regions
    b = qs.QTensor(codes, fmt, [0.25, 1.0])
    datapath = qs.Datapath(
        reduce=(qs.Accumulate(34, "wrap"),), output=(qs.Merge(bits=None),) if merges else ()
    )
    run = qs.plan(b, datapath)
    data = {"merge": np.array([1, 4])[None, :, None, None, None]} if merges else {}
    expected = qs.matmul(a, b, datapath, **data, kernel="reference")
    assert np.abs(expected).max() > 2**31
    for _ in range(4):
        np.testing.assert_array_equal(run(a, **data), expected)
    assert "wide sum" in run.explain()
