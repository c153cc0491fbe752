"""Planes of b in one pass over a, and their Merge == the reference, on every instruction set."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from parity.random_cases import Draw

import pyqsim as qs
from pyqsim import _native

CASES = {1: 120, 2: 4_000}

#: Two, three and five planes; planes that are all alike; digits whose top one alone is signed.
FORMATS = (
    qs.PiecewiseLinear(8, "overlapping"),
    qs.PiecewiseLinear(8),
    qs.PiecewiseLinear(4, "repo"),
    qs.PiecewiseLinear(5, breakpoints=2),
    qs.BitPlanes(3),
    qs.Planes.digits(8, 4),
    qs.Planes.digits(12, 10),
)

#: Proven to be exact, or sums mod 2**bits, or saturating in some planes and not in others.
CHAINS = (
    (qs.Accumulate(),),
    (qs.Accumulate(32),),
    (qs.Accumulate(24),),
    (qs.Accumulate(24, start="bias"),),
    (qs.Accumulate(20, "saturate"),),
    (qs.Accumulate(16, "saturate"),),
    (qs.Accumulate(16, "saturate", start="bias"),),
    (qs.Accumulate(17, "saturate_symmetric"),),
    (qs.Accumulate(9, "saturate", signed=False),),
    (qs.Accumulate(16, "saturate", group=2), qs.Accumulate(32)),
    (qs.Accumulate(14, "saturate", group=8), qs.Accumulate(20, "saturate")),
    (qs.Narrow(shift=2, bits=16, overflow="saturate"), qs.Accumulate(18, "saturate")),
    (qs.Accumulate(16, "saturate_hold"),),
)

PRODUCTS = (qs.Multiply(), qs.Multiply(), qs.Multiply(), qs.Multiply("fold"))


def weights(draw: Draw, form: Any, k: int, n: int, group: int | None = None) -> qs.QTensor:
    """Any codes, all of one, or some of which one plane alone is large."""
    last = getattr(form, "code_max", 2**form.code_bits - 1)
    codes = draw.rng.integers(0, last, (k, n), endpoint=True)
    if draw.chance(0.2):
        codes[:] = draw.integer(0, last)
    spread = {"group": group, "group_axis": 0} if group else {}
    return qs.QTensor(codes.astype(np.uint16), form, **spread)


def activations(draw: Draw, m: int, k: int) -> Any:
    """Bytes and int16, with a zero point or without, at one end, small or of any size; planes."""
    if draw.chance(0.2):
        return weights(draw, draw.pick(qs.PiecewiseLinear(4), qs.BitPlanes(2)), m, k)
    dtype = draw.pick(np.uint8, np.uint8, np.int8, np.int16)
    limits, shift = np.iinfo(dtype), draw.pick(0, 0, 3)
    a = draw.rng.integers(limits.min, limits.max, (m, k), dtype=dtype, endpoint=True) >> shift
    if draw.chance(0.2):
        a[:] = draw.pick(limits.min, limits.max)
    if draw.chance(0.5):
        return a
    form = qs.Affine(limits.bits, limits.min < 0)
    return qs.QTensor(a, form, 1.0, draw.pick(0, 3, 100))


def outputs(draw: Draw, data: dict[str, Any], shape: tuple[int, ...], adds: bool) -> Any:
    """Perhaps a Merge, whose sums may overflow, and steps on what it leaves."""
    planes, groups, m, n = shape[1:]
    if draw.chance(0.25):
        return ()
    register = draw.pick(
        qs.Merge(20), qs.Merge(20, "saturate"), qs.Merge(17, "saturate_symmetric"), qs.Merge(48),
        qs.Merge(48, "saturate"), qs.Merge(), qs.Merge(24, "saturate_hold"),
        qs.Merge(18, signed=False), qs.Merge(18, "saturate", signed=False), qs.Merge(64),
    )  # fmt: skip
    axes = draw.pick((1, 1), (1, n), (1, n), (m, 1), (m, n))
    if draw.chance(0.9):
        reach = draw.pick(2, 300, 2**20)
        data["merge"] = draw.integers(-reach, reach, (shape[0], planes, groups, *axes))
    steps: list[Any] = [register]
    if adds and draw.chance(0.5):
        steps += [qs.AddBias(40, "saturate"), qs.Narrow(shift=5, bits=12, overflow="saturate")]
        data["bias"] = draw.integers(-(2**20), 2**20, (n,))
    return tuple(steps)


def test_random_calls(isa: str, level: int) -> None:
    """Each call five times with other codes: the long way, then what was proven once."""
    ways: Counter[str] = Counter()
    for seed in range(CASES[level]):
        draw = Draw(seed)
        m, n, k = draw.pick(1, 3, 14), draw.pick(1, 5, 33, 64, 70), draw.pick(1, 6, 64, 131)
        group = draw.pick(None, None, None, 5, 64)
        form, product = draw.pick(*FORMATS), draw.pick(*PRODUCTS)
        b = weights(draw, form, k, n, group)
        data: dict[str, Any] = {}
        groups = -(-k // group) if group else 1
        correct = () if product == qs.Multiply() else (qs.CorrectZeroPoints(),)
        reduce = draw.pick(*CHAINS)
        starts = qs.Datapath(reduce=reduce).reads_bias
        if starts:
            data["bias"] = draw.integers(-(2**15), 2**15 - 1, (n,))
        a = activations(draw, m, k)
        own = a.format.planes if isinstance(a, qs.QTensor) else 1
        output = correct + outputs(draw, data, (own, form.planes, groups, m, n), not starts)
        datapath = qs.Datapath(product=product, reduce=reduce, output=output)
        run = qs.plan(b, datapath, isa=isa)
        for _ in range(3):
            try:
                expected = qs.matmul(a, b, datapath, kernel="reference", **data)
            except qs.errors.AccumulatorRangeError:
                ways["refused"] += 1
                break
            got = run(a, **data)
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected, f"{seed}: {datapath}, {data}")
            said = run.explain()
            ways["one pass"] += "in one pass over a" in said
            ways["once for all"] += "any " in said
            ways["both"] += "any " in said and "in one pass over a" in said
    assert min(ways[way] for way in ("one pass", "once for all", "both")) > 0.1 * CASES[level], ways


def test_exact_regions_are_one_pass(isa: str) -> None:
    """Small integers of one plane, which 4 bits could hold, are no reason for a pass of its own."""
    draw = Draw(0)
    for form in (
        qs.PiecewiseLinear(8),
        qs.PiecewiseLinear(4),
        qs.PiecewiseLinear(5, breakpoints=2),
    ):
        b = weights(draw, form, 64, 70)
        a = draw.rng.integers(0, 256, (9, 64), dtype=np.uint8)
        run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),)), isa=isa)
        for _ in range(3):
            np.testing.assert_array_equal(run(a), qs.matmul(a, b, run.datapath, kernel="lanes"))
        (line,) = run.explain().splitlines()[1:]
        planes = ", ".join(f"(0, {plane})" for plane in range(form.planes))
        assert f"any uint8 codes: planes {planes}, group 0, in one pass over a: gemm, int" in line


#: What the merge kernel knows; of the last ones the sums never leave 63 bits.
MERGES = (
    qs.Merge(20), qs.Merge(20, "saturate"), qs.Merge(9, "saturate_symmetric"), qs.Merge(48),
    qs.Merge(48, "saturate"), qs.Merge(18, signed=False), qs.Merge(31, "saturate", signed=False),
    qs.Merge(2), qs.Merge(62), qs.Merge(63, "saturate"), qs.Merge(), qs.Merge(64, "saturate"),
)  # fmt: skip


def test_merge_kernel_equals_reference(isa: str) -> None:
    """Every register, multipliers of every kind, columns below, at and above a block of 64."""
    for seed, (step, n) in enumerate(itertools.product(MERGES, (1, 3, 63, 64, 65, 130))):
        draw = Draw(seed)
        chains, m = draw.pick(1, 2, 3, 5), draw.pick(1, 4)
        for axes in ((1, 1), (1, n), (m, 1), (m, n)):
            near = draw.integers(-(2**28), 2**28, (chains, *axes))
            data = np.broadcast_to(draw.pick(near, near >> 20), (chains, m, n))
            op = _native.OutputOp("merge", 0, register=step.register, data=data)
            sums = draw.integers(-(2**31), 2**31 - 1, (chains, 2 * m, n)).astype(np.int32)[:, :m]
            expected = np.ascontiguousarray(sums, dtype=np.int64)
            wide, narrow = expected.copy(), np.empty((m, n), dtype=np.int64)
            _native.output((op,), expected, step_first=0, m_first=0, n_first=0)
            program = _native.MergeProgram(op, isa)
            program.run(wide)
            program.run_int32(sums, narrow)
            np.testing.assert_array_equal(wide[0], expected[0], f"{seed}: {step}, {axes}")
            np.testing.assert_array_equal(narrow, expected[0], f"{seed}: {step}, {axes}")


def test_registers_that_are_no_kernel_s() -> None:
    """An accumulator that holds its rail and one that traps are the reference's."""
    for overflow in ("saturate_hold", "trap"):
        step = qs.Merge(20, overflow)
        data = np.ones((2, 1, 1), dtype=np.int64)
        with pytest.raises(_native.NoKernelError):
            _native.MergeProgram(
                _native.OutputOp("merge", 0, register=step.register, data=data), "auto"
            )
    b = weights(Draw(0), qs.PiecewiseLinear(8), 3, 4)
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),), output=(qs.Merge(20, "trap"),)))
    for _ in range(3):
        with pytest.raises(qs.errors.OverflowTrap):
            run([[1, 2, 3]], merge=2**20)


def test_merged_sums_at_the_limit_of_the_proof() -> None:
    """Multipliers that take sums just below 2**62, and beyond: the same numbers both ways."""
    form = qs.Planes([[1, 2] * 8, [1, 3] * 8])
    codes = np.array([[0, 1, 1, 0]], np.uint8)
    b = qs.QTensor(codes, form)
    for power in (53, 54, 55, 56):
        for step in (
            qs.Merge(64),
            qs.Merge(64, "saturate"),
            qs.Merge(60),
            qs.Merge(60, "saturate"),
        ):
            run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),), output=(step,)))
            for a in ([[127], [-128]], [[-128], [5]]):
                data = {"merge": np.array([2**power, -(2**power) + 1]).reshape(1, 2, 1, 1, 1)}
                codes = np.array(a, np.int8)
                expected = qs.matmul(codes, b, run.datapath, kernel="reference", **data)
                for _ in range(3):
                    np.testing.assert_array_equal(run(codes, **data), expected)


def test_the_merge_kernel_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a plan is new, or proven once for all; also with zero points folded in before."""
    ran: list[str] = []
    for name in ("run", "run_int32"):
        own = getattr(_native.MergeProgram, name)

        def spy(self: Any, *given: Any, own: Any = own, name: str = name) -> None:
            if given[0].size:
                ran.append(name)
            own(self, *given)

        monkeypatch.setattr(_native.MergeProgram, name, spy)
    b = weights(Draw(0), qs.PiecewiseLinear(8), 30, 70)
    a = qs.QTensor(np.full((9, 30), 5, np.uint8), qs.Affine(8, False), 1.0, 3)
    run = qs.plan(b, qs.Datapath(output=(qs.Merge(40, "saturate"),)))
    for _ in range(3):
        run(a)
    assert ran == ["run", "run_int32", "run_int32"]
    folded = (qs.CorrectZeroPoints(32), qs.Merge(40, "saturate"))
    run = qs.plan(b, qs.Datapath(product=qs.Multiply("fold"), output=folded))
    for _ in range(3):
        np.testing.assert_array_equal(run(a), qs.matmul(a, b, run.datapath, kernel="reference"))
    assert ran[3:] == ["run"] * 3


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_threads(threads: int) -> None:
    """Rows of several blocks and shares; the planes of groups do not follow each other."""
    draw = Draw(threads)
    for form in FORMATS[1:5]:
        for group in (None, 90):
            b = weights(draw, form, 170, 65, group)
            a = draw.rng.integers(0, 256, (1001, 170), dtype=np.uint8)
            merge = draw.integers(-999, 999, (1, form.planes, 2 if group else 1, 1, 65))
            for output in ((), (qs.Merge(30, "saturate"), qs.Narrow(shift=3, bits=20))):
                machine = qs.Datapath(reduce=(qs.Accumulate(18, "saturate"),), output=output)
                data = {"merge": merge} if output else {}
                expected = qs.matmul(a, b, machine, kernel="lanes", threads=1, **data)
                run = qs.plan(b, machine)
                for _ in range(3):
                    np.testing.assert_array_equal(run(a, threads=threads, **data), expected)


def test_a_plane_that_cannot_overflow_is_not_held_up_by_the_others() -> None:
    """Two regions saturate in order, the third's sums of +-1 are exact."""
    rng = np.random.default_rng(0)
    form = qs.PiecewiseLinear(8)
    b = qs.QTensor(rng.integers(0, 2**form.code_bits, (48, 40), dtype=np.uint16), form)
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),)))
    a = np.full((20, 48), 255, np.uint8)
    expected, events = qs.matmul(a, b, run.datapath, kernel="reference", events=True)
    assert events.overflows > 0
    for _ in range(3):
        np.testing.assert_array_equal(run(a), expected)
    saturating, exact = run.explain().splitlines()[1:]
    assert "planes (0, 0), (0, 1), group 0, in one pass over a" in saturating
    assert "saturates at every addition" in saturating
    assert "planes (0, 2), group 0: " in exact
    assert "no register is ever left" in exact


def test_products_checked_while_they_run_stay_planes_by_themselves() -> None:
    """Long sums that are exact while they are proven: first they are, then those of one region."""
    rng = np.random.default_rng(1)
    form = qs.PiecewiseLinear(8)
    codes = rng.integers(0, 2**form.code_bits, (512, 70), dtype=np.uint16)
    b = qs.QTensor(codes, form)
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(21, "saturate"),)))
    quiet = rng.integers(-128, 128, (130, 512), dtype=np.int8)
    loud = quiet.copy()
    loud[7] = np.where(form.integers()[0][codes[:, 3]] > 0, 127, -128)
    overflows = [
        qs.matmul(a, b, run.datapath, kernel="lanes", events=True)[1].overflows
        for a in (quiet, loud)
    ]
    assert overflows[0] == 0 < overflows[1]
    for a in (quiet, loud, quiet, loud):
        expected = qs.matmul(a, b, run.datapath, kernel="lanes")
        np.testing.assert_array_equal(run(a), expected)
    if _native.isa_available("avx512vnni"):
        assert "while sums are proven to stay inside" in run.explain()


@pytest.mark.parametrize("merges", [False, True])
def test_windows_of_images(merges: bool) -> None:
    """conv2d: windows gathered block by block of rows meet all regions at once."""
    rng = np.random.default_rng(2)
    form = qs.PiecewiseLinear(6)
    codes = rng.integers(0, 2**form.code_bits, (3, 3, 40, 50), dtype=np.uint16)
    weight = qs.QTensor(codes, form, np.ones((3, 50)), axis=3)
    output = (qs.Merge(40, "saturate"), qs.Narrow(shift=6, bits=16)) if merges else ()
    machine = qs.Datapath(reduce=(qs.Accumulate(20, "saturate"),), output=output)
    data = {"merge": rng.integers(1, 2**14, (1, 3, 1, 1, 50))} if merges else {}
    run = qs.ops.plan_conv2d(weight, machine, padding=1, stride=2)
    for height in (9, 40):
        images = rng.integers(0, 256, (2, height, 31, 40), dtype=np.uint8)
        x = qs.QTensor(images, qs.Affine(8, signed=False), 1.0, 3)
        options = {"padding": 1, "stride": 2, "kernel": "lanes"}
        expected = qs.ops.conv2d(x, weight, machine, **options, **data)
        for _ in range(3):
            np.testing.assert_array_equal(run(x, **data), expected)
        assert "any uint8 codes" in run.explain()
        assert "in one pass over a" in run.explain()


def test_bias_of_every_plane() -> None:
    """A start from the bias is each plane's own; one a row is no kernel's."""
    rng = np.random.default_rng(3)
    b = weights(Draw(0), qs.PiecewiseLinear(8), 30, 70)
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(24, start="bias"),)))
    a = rng.integers(-128, 128, (9, 30), dtype=np.int8)
    for shape in ((70,), (1, 70), (9, 1), (9, 70)):
        bias = rng.integers(-(2**23), 2**23, shape)
        expected = qs.matmul(a, b, run.datapath, bias=bias, kernel="reference")
        for _ in range(3):
            np.testing.assert_array_equal(run(a, bias=bias), expected)


def test_multipliers_of_other_calls() -> None:
    """Two by turns, each met often; then one of them with other numbers in the same array."""
    rng = np.random.default_rng(4)
    b = weights(Draw(0), qs.PiecewiseLinear(8), 30, 70)
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),), output=(qs.Merge(31, "saturate"),)))
    a = rng.integers(-128, 128, (9, 30), dtype=np.int8)
    merges = [rng.integers(-999, 999, shape) for shape in ((3, 1, 1, 70), (3, 1, 1, 1))]
    for turn in range(16):
        if turn == 12:
            merges[0][1] += 1
        merge = merges[turn % 2]
        expected = qs.matmul(a, b, run.datapath, merge=merge, kernel="reference")
        np.testing.assert_array_equal(run(a, merge=merge), expected)
        assert turn < 4 or "any int8 codes" in run.explain() or turn == 12


def test_planes_that_are_not_near_together() -> None:
    """Panels larger than the second cache: all rows times one plane, then times the next."""
    rng = np.random.default_rng(5)
    b = weights(Draw(0), qs.PiecewiseLinear(8), 1500, 300)
    for dtype in (np.int8, np.int16):
        a = rng.integers(-128, 128, (130, 1500)).astype(dtype)
        run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),)))
        np.testing.assert_array_equal(run(a), qs.matmul(a, b, run.datapath, kernel="lanes"))
        assert "in one pass over a" in run.explain()


def test_shifts_too_far_in_one_row() -> None:
    """Steps that a kernel cannot run after others have run leave the reference what it needs."""
    b = qs.QTensor(np.array([[0, 1, 1, 0]], np.uint8), qs.Planes([[1, 2], [1, 3]]))
    output = (qs.Merge(40), qs.Requantize(qs.requantize.ShiftOnly()))
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(20),), output=output))
    factor = qs.parameters.PowerOfTwoFactor(np.array([[-1], [-64], [0]]))
    data = {"merge": np.array([3, -5]).reshape(1, 2, 1, 1, 1), "requantize": factor}
    a = np.array([[100], [-100], [7]], np.int8)
    expected = qs.matmul(a, b, run.datapath, kernel="reference", **data)
    for _ in range(3):
        np.testing.assert_array_equal(run(a, **data), expected)
