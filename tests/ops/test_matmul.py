"""matmul and plan: shapes, dtypes, reuse, out=, planes and scale groups as exact rationals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import pyqsim as qs

S8 = qs.Affine(8)
SATURATING = qs.Datapath(reduce=qs.Accumulate(15, "saturate"))
DIGITS = qs.Planes([[c % 4 for c in range(16)], [c // 4 for c in range(16)]])


def numbers(seed: int, *shape: int) -> Any:
    return np.random.Generator(np.random.PCG64(seed)).integers(-128, 128, shape)


def by_loop(a: Any, b: Any, bits: int) -> list[list[int]]:
    """A saturating sum in k order, as a loop."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    result = []
    for row in a.tolist():
        sums = []
        for column in b.T.tolist():
            total = 0
            for x, y in zip(row, column, strict=True):
                total = min(max(total + x * y, low), high)
            sums.append(total)
        result.append(sums)
    return result


@pytest.mark.parametrize("kernel", qs.ops.KERNELS)
def test_plan_runs_many_times(kernel: str) -> None:
    """One plan, many activations of different M, in any order; the same as matmul."""
    b = numbers(1, 9, 5)
    try:
        plan = qs.plan(b, SATURATING, kernel=kernel)
    except qs.errors.DatapathError:  # a kernel that is not for this chain says so
        pytest.skip(f"{kernel}: not for this datapath")
    for m in (3, 1, 0, 40, 3):
        a = numbers(m, m, 9)
        assert plan(a).tolist() == by_loop(a, b, 15)
        assert qs.matmul(a, b, SATURATING, kernel=kernel).tolist() == by_loop(a, b, 15)


@pytest.mark.parametrize("dtype", [np.int8, np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_plan_holds_its_own_weights(order: Any, dtype: Any) -> None:
    """Weights changed after plan() change nothing, before the first run or after it."""
    b = np.array(numbers(2, 4, 3), dtype, order=order)
    a, kept = numbers(3, 2, 4), b.astype(np.int64)
    plan = qs.plan(b, qs.Datapath())
    b[:] = 0
    assert plan(a).tolist() == (a @ kept).tolist()
    b[:] = 1
    assert plan(a).tolist() == (a @ kept).tolist()


def test_out() -> None:
    """The result goes into the array given, which comes back."""
    a, b = numbers(4, 6, 7), numbers(5, 7, 3)
    wide = np.full((6, 6), -1, np.int32)
    for out in (np.empty((6, 3), np.int32), wide[:, ::2], np.empty((3, 6), np.int32).T):
        assert qs.plan(b, SATURATING)(a, out=out) is out
        assert out.tolist() == by_loop(a, b, 15)
    assert (wide[:, 1::2] == -1).all()
    y, events = qs.matmul(a, b, SATURATING, out=out, events=True)
    assert y is out
    assert events.overflows > 0


def test_out_refused() -> None:
    """Another dtype, shape, byte order, or read-only: nothing is written."""
    a, b = numbers(4, 6, 7), numbers(5, 7, 3)
    errors = qs.errors
    read_only = np.zeros((6, 3), np.int32)
    read_only.setflags(write=False)
    cases: list[tuple[Any, type[Exception], str]] = [
        (np.zeros((6, 3), np.int64), errors.OperandError, "int64, allowed: an ndarray of int32"),
        (np.zeros((6, 3), ">i4"), errors.OperandError, ">i4"),
        (np.zeros((6, 3), np.uint32), errors.OperandError, "uint32"),
        (np.zeros((3, 6), np.int32), errors.ShapeError, r"shape=\(3, 6\), allowed: \(6, 3\)"),
        (np.zeros((1, 6, 3), np.int32), errors.ShapeError, "shape="),
        (read_only, errors.OperandError, "read-only"),
        ([[0] * 3] * 6, errors.OperandError, "list"),
    ]
    for out, error, message in cases:
        with pytest.raises(error, match=message):
            qs.matmul(a, b, SATURATING, out=out)
        assert not np.asarray(out).any()


def test_out_may_be_an_operand() -> None:
    """a itself as out: read first, then written."""
    a, b = numbers(6, 3, 3).astype(np.int32), numbers(7, 3, 3)
    expected = by_loop(a, b, 15)
    assert qs.matmul(a, b, SATURATING, out=a).tolist() == expected
    assert a.tolist() == expected


def test_explain_names_kernel_isa_and_size() -> None:
    text = qs.plan(numbers(1, 9, 5), SATURATING).explain()
    assert "K=9" in text
    assert "N=5" in text
    assert any(kernel in text for kernel in (*qs.ops.KERNELS, "lanes"))
    assert any(isa in text for isa in qs.ops.ISAS)


def test_result_dtype_is_the_datapaths() -> None:
    """int32 if the last step with bits has at most 32 signed or 31 unsigned bits."""
    cases: list[tuple[Any, Any, Any]] = [
        ((qs.Accumulate(),), (), np.int64),
        ((qs.Accumulate(32),), (), np.int32),
        ((qs.Accumulate(33),), (), np.int64),
        ((qs.Accumulate(31, signed=False),), (), np.int32),
        ((qs.Accumulate(32, signed=False),), (), np.int64),
        ((qs.Accumulate(40),), (qs.Narrow(bits=8),), np.int32),
        ((qs.Accumulate(8), qs.Narrow(bits=40)), (qs.Clamp(0, 1),), np.int64),
        ((qs.Accumulate(8),), (qs.Narrow(shift=1),), np.int32),
        ((qs.Accumulate(40),), (qs.Thresholds([3]),), np.int64),
    ]
    for reduce, output, dtype in cases:
        for m in (0, 2):
            y = qs.matmul(np.ones((m, 1), int), [[1]], qs.Datapath(reduce=reduce, output=output))
            assert y.dtype == dtype, f"{reduce} {output}"


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 3), (2, 3, 0), (0, 0, 0), (1, 0, 1)])
def test_empty(shape: tuple[int, int, int]) -> None:
    """M, K or N of 0: the right shape and dtype, the bias or 0, no events."""
    m, k, n = shape
    a, b = np.zeros((m, k), np.int8), np.zeros((k, n), np.int8)
    datapath = qs.Datapath(reduce=qs.Accumulate(20, "saturate", start="bias"))
    y, events = qs.matmul(a, b, datapath, bias=9, events=True, counts=True)
    assert y.dtype == np.int32
    assert y.tolist() == np.full((m, n), 9).tolist()
    assert (events.overflows, events.first, events.counts.shape) == (0, None, (m, n))
    if not m * n * k:
        assert (events.minimum, events.maximum) == (None, None)


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("fmt", [S8, qs.APoT(4)], ids=repr)
def test_empty_groups(side: str, fmt: qs.Format) -> None:
    """K = 0 in a tensor with scale groups: one empty chain."""
    a: Any = np.zeros((2, 0), int)
    b: Any = np.zeros((0, 3), int)
    if side == "a":
        a = qs.QTensor(a, fmt, group=2, group_axis=1)
    else:
        b = qs.QTensor(b, fmt, group=2, group_axis=0)
    assert qs.matmul(a, b, qs.Datapath()).tolist() == [[0] * 3] * 2


# -- planes and scale groups -----------------------------------------------------------------------


def tensor(seed: int, fmt: qs.Format, shape: tuple[int, int], axis: int, group: int | None) -> Any:
    """Codes with a power-of-two scale (and a zero point) a plane, group and channel."""
    rng = np.random.Generator(np.random.PCG64(seed))
    codes = rng.integers(fmt.code_min, fmt.code_max + 1, shape)
    groups = () if group is None else (-(-shape[1 - axis] // group),)
    leading = (fmt.planes,) if fmt.planes > 1 else ()
    scale = np.exp2(rng.integers(-3, 4, (*leading, *groups, shape[axis])))
    points = rng.integers(fmt.code_min, fmt.code_max + 1, (*groups, shape[axis]))
    zero_point = points if fmt.has_zero_point else 0
    return qs.QTensor(codes, fmt, scale, zero_point, axis, group, 1 - axis)


def scales_of(t: qs.QTensor, planes: int, groups: int) -> Any:
    """(planes, groups, channels)."""
    full = t.scale.reshape(planes, -1, t.scale.shape[-1])
    return np.broadcast_to(full, (planes, groups, t.scale.shape[-1]))


def exact(x: Any) -> Any:
    return np.vectorize(Fraction, otypes=[object])(x)


PAIRS = [
    (S8, S8, None, None),
    (S8, S8, 3, 3),
    (S8, DIGITS, None, 3),
    (DIGITS, S8, 2, None),
    (DIGITS, DIGITS, 4, 4),
    (qs.APoT(4), DIGITS, None, 5),
    (qs.PowerOfTwo(4), qs.LogQuant(2, signed=True), None, None),
]


@pytest.mark.parametrize(("fa", "fb", "ga", "gb"), PAIRS, ids=repr)
def test_accumulators_times_scales_are_the_real_dot_product(
    fa: Any, fb: Any, ga: int | None, gb: int | None
) -> None:
    """sum over planes i, j and groups g of S_a * S_b * acc == sum over k of real(a) * real(b)."""
    a, b = tensor(31, fa, (4, 8), 0, ga), tensor(32, fb, (8, 3), 1, gb)
    group = ga or gb
    groups = 1 if group is None else -(-8 // group)
    chains = qs.matmul(a, b, qs.Datapath()).reshape(fa.planes, fb.planes, groups, 4, 3)
    sa, sb = scales_of(a, fa.planes, groups), scales_of(b, fb.planes, groups)
    weights = exact(sa[:, None, :, :, None]) * exact(sb[None, :, :, None, :])
    unit = Fraction(1, 2 ** (fa.frac_bits + fb.frac_bits))
    observed = (weights * exact(chains)).sum(axis=(0, 1, 2)) * unit
    expected = exact(a.real()) @ exact(b.real())
    assert observed.tolist() == expected.tolist()
    multipliers = sa[:, None, :, :, None] * sb[None, :, :, None, :] * 64  # integers: 2**-6 at least
    merged = qs.matmul(a, b, qs.Datapath(output=qs.Merge()), merge=multipliers.astype(int))
    assert (exact(merged) * unit / 64).tolist() == expected.tolist()


def test_leading_axes_of_length_one_are_dropped() -> None:
    """(planes of a, planes of b, groups, M, N)."""
    one = qs.QTensor(np.ones((2, 6), int), S8)
    many = qs.QTensor(np.ones((2, 6), int), DIGITS)
    grouped = qs.QTensor(np.ones((6, 3), int), S8, group=4)
    planes = qs.QTensor(np.ones((6, 3), int), DIGITS, group=3)
    shapes = [
        (one, np.ones((6, 3), int), (2, 3)),
        (one, grouped, (2, 2, 3)),
        (many, grouped, (2, 2, 2, 3)),
        (one, planes, (2, 2, 2, 3)),
        (many, planes, (2, 2, 2, 2, 3)),
        (many, np.ones((6, 3), int), (2, 2, 3)),
    ]
    for a, b, shape in shapes:
        assert qs.matmul(a, b, qs.Datapath()).shape == shape
        assert qs.matmul(a, b, qs.Datapath(output=qs.Merge())).shape == (2, 3)


def test_lookup_restarts_k_in_a_group() -> None:
    """A table with a layer for each k of a group is enough."""
    bit = qs.Affine(1, signed=False)
    a = qs.QTensor([[0, 1, 1, 0]], bit, group=2, group_axis=1)
    table = np.arange(8).reshape(2, 2, 2)
    y = qs.matmul(a, [[0], [1], [1], [0]], qs.Datapath(product=qs.Lookup(table)))
    assert y.ravel().tolist() == [table[0, 0, 0] + table[1, 1, 1], table[0, 1, 1] + table[1, 0, 0]]


def test_a_forced_kernel_never_gives_way() -> None:
    """What the lanes kernel cannot do is refused with the reason, not done by the reference."""
    hold = qs.Datapath(reduce=qs.Accumulate(8, "saturate_hold"))
    for a, datapath in ((numbers(1, 20, 2), hold), (np.full((20, 2), 2**30), qs.Datapath())):
        with pytest.raises(
            qs.errors.DatapathError, match=r"kernel='lanes': .*allowed: kernel='auto'"
        ):
            qs.matmul(a, [[1], [1]], datapath, kernel="lanes")
        qs.matmul(a, [[1], [1]], datapath)


@pytest.mark.parametrize("bias", [-(2**31), 2**31 - 1, 2**30, 0])
def test_sums_that_leave_int32(bias: int) -> None:
    """Wider accumulators and saturation at int32's ends, whichever kernel is chosen."""
    a, b = numbers(11, 20, 6), numbers(12, 6, 3)
    wide = qs.Datapath(reduce=qs.Accumulate(40, start="bias"))
    assert qs.matmul(a, b, wide, bias=bias).tolist() == (a @ b + bias).tolist()
    ends = qs.Datapath(reduce=qs.Accumulate(32, "saturate", start="bias"))
    y, events = qs.matmul(a, b, ends, bias=bias, events=True)
    steps = bias + np.cumsum(a[:, :, None] * b, axis=1)
    inside = (steps >= -(2**31)).all(axis=1) & (steps <= 2**31 - 1).all(axis=1)
    assert y[inside].tolist() == steps[:, -1][inside].tolist()
    assert (events.overflows > 0) == (not inside.all())


def test_thresholds_count_equal_ones() -> None:
    """How many t have v >= t: below, at and above each, equal thresholds counted apart."""
    v = np.arange(-9, 10)
    for thresholds in ([], [0], [-3, 0, 0, 5], [-9, 9]):
        datapath = qs.Datapath(output=qs.Thresholds(thresholds))
        expected = [sum(int(x) >= t for t in thresholds) for x in v]
        assert qs.matmul(v[:, None], [[1]], datapath)[:, 0].tolist() == expected


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_first_over_blocks_of_rows(threads: int) -> None:
    """A late row with an early column does not come before an early row: m, then n."""
    a, b = np.zeros((3000, 64), int), np.zeros((64, 8), int)
    b[7, 5] = b[60, 0] = 127
    a[10, 7] = a[2999, 60] = 127
    datapath = qs.Datapath(reduce=qs.Accumulate(8, "saturate"))
    _, events = qs.matmul(a, b, datapath, events=True, counts=True, threads=threads)
    assert events.first == (0, 10, 5, 7)
    assert np.argwhere(events.counts).tolist() == [[10, 5], [2999, 0]]
    trapping = qs.Datapath(reduce=qs.Accumulate(8, "trap"))
    with pytest.raises(qs.errors.OverflowTrap) as trap:
        qs.matmul(a, b, trapping, threads=threads)
    assert trap.value.place == (0, 10, 5, 7)


def test_data_broadcast_to_the_outputs() -> None:
    """A scalar, one a column, one a row, one an output."""
    a, b = numbers(8, 4, 5), numbers(9, 5, 3)
    datapath = qs.Datapath(output=qs.AddBias())
    for shape in ((), (1,), (3,), (1, 3), (4, 1), (4, 3)):
        bias = numbers(10, *shape)
        assert qs.matmul(a, b, datapath, bias=bias).tolist() == (a @ b + bias).tolist()
    for shape in ((4,), (3, 1), (1, 4, 3), (2,)):
        with pytest.raises(qs.errors.ShapeError, match="bias: shape="):
            qs.matmul(a, b, datapath, bias=numbers(10, *shape))
