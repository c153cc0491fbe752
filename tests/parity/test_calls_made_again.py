"""A plan called again == the reference: what was proven once may not outlive what it rests on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from parity.random_cases import Draw, random_case
from parity.test_output_equals_reference import random_machine

import pyqsim as qs

CASES = {1: 500, 2: 100_000}
MACHINES = {1: 25, 2: 3_000}


def answer(run: Any) -> tuple[Any, ...]:
    """Its result, or its error."""
    try:
        y = run()
    except qs.errors.PyqsimError as error:
        return type(error), str(error)
    return y.dtype, y.shape, y.tolist()


def other_codes(draw: Draw, a: Any) -> Any:
    """An operand of the same kind whose codes are others of its own."""
    codes = a.codes if isinstance(a, qs.QTensor) else a
    mixed = draw.rng.choice(codes.reshape(-1), codes.shape) if codes.size else codes
    if not isinstance(a, qs.QTensor):
        return mixed
    spread = {"axis": a.axis, "group": a.group, "group_axis": a.group_axis}
    return qs.QTensor(mixed, a.format, a.scale, a.zero_point, **spread)


def change(draw: Draw, data: dict[str, Any]) -> None:
    """One of the arrays of a call gets other numbers, in place."""
    arrays = [value for value in data.values() if isinstance(value, np.ndarray) and value.size]
    if arrays:
        draw.pick(*arrays).reshape(-1)[0] ^= 1


def test_random_calls(level: int) -> None:
    """Seeded calls of the whole model, five times: other codes, other data in the same arrays."""
    ways: Counter[str] = Counter()
    for seed in range(CASES[level]):
        draw, case = Draw(seed), random_case(seed, 13)
        data = {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in case.data.items()
        }
        run = qs.plan(case.b, case.datapath)
        a = case.a
        for call in range(5):
            got = answer(lambda a=a, data=data, run=run: run(a, **data))
            expected = answer(
                lambda a=a, data=data, case=case: qs.matmul(
                    a, case.b, case.datapath, kernel="reference", **data
                )
            )
            assert got == expected, (seed, call, case)
            ways["once for all" if "any " in run.explain() else "call by call"] += 1
            if call % 2:
                a = other_codes(draw, case.a)
            if call == 2:
                change(draw, data)
    assert ways["once for all"] > 0.02 * CASES[level], ways


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_machines(threads: int, level: int) -> None:
    """Output steps of machines on more sums than one block has, rows that are no whole blocks."""
    for seed in range(MACHINES[level]):
        draw = Draw(seed)
        n = draw.pick(1, 5, 64, 65, 200)
        datapath, data = random_machine(draw, n)
        datapath = replace(datapath, reduce=(qs.Accumulate(draw.pick(12, 20, 32), "saturate"),))
        k, m = draw.pick(1, 7, 64), draw.pick(0, 1, 300, 1001)
        b = draw.integers(-128, 127, (k, n)).astype(np.int8)
        run, zero_point = qs.plan(b, datapath), draw.integer(-9, 9)
        for _ in range(3):
            a = qs.QTensor(draw.integers(-128, 127, (m, k)), qs.Affine(8), 1.0, zero_point)
            got = run(a, threads=threads, **data)
            expected = qs.matmul(a, b, datapath, kernel="reference", **data)
            np.testing.assert_array_equal(got, expected)
        assert "int8 codes" in run.explain()


def test_saturating_sums_follow_their_codes() -> None:
    """Codes of large calls choose the kernel: first close to zero, then at the ends, then back."""
    rng = np.random.default_rng(0)
    b = rng.integers(-128, 128, (300, 64)).astype(np.int8)
    datapath = qs.Datapath(reduce=(qs.Accumulate(18, "saturate"), qs.Narrow(shift=4, bits=8)))
    datapath = replace(datapath, reduce=datapath.reduce[:1], output=datapath.reduce[1:])
    run = qs.plan(b, datapath)
    said = set()
    for reach in (1, 1, 1, 128, 128, 128, 1, 2):
        a = rng.integers(-reach, reach, (64, 300)).astype(np.int8)
        expected = qs.matmul(a, b, datapath, kernel="reference")
        np.testing.assert_array_equal(run(a), expected)
        said.add(run.explain())
    assert any("within -128..127" in line and "accumulator saturates" in line for line in said)
    assert any("within -1..0" in line and "no register is ever left" in line for line in said)


def test_data_of_every_row_are_not_taken_for_those_of_one() -> None:
    """A bias (2, N) for two rows, then for none, then a row of it for two."""
    run = qs.plan(np.eye(3, dtype=np.int8), qs.Datapath(output=(qs.AddBias(32),)))
    a = np.zeros((2, 3), dtype=np.int8)
    bias = np.arange(6).reshape(2, 3)
    for _ in range(3):
        assert run(a, bias=bias).tolist() == [[0, 1, 2], [3, 4, 5]]
        assert run(a, bias=bias[:1]).tolist() == [[0, 1, 2], [0, 1, 2]]
        assert run(a, bias=bias[:, :1]).tolist() == [[0, 0, 0], [3, 3, 3]]
        with pytest.raises(qs.errors.ShapeError, match="bias"):
            run(a[:1].repeat(3, axis=0), bias=bias)


def test_factors_and_zero_points_of_other_calls() -> None:
    """Two factors, two zero points of a and two of the output by turns, each one met often."""
    rng = np.random.default_rng(5)
    scheme = qs.requantize.DoubleRounding()
    steps = (qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127))
    datapath = qs.Datapath(reduce=(qs.Accumulate(32),), output=steps)
    b = rng.integers(-128, 128, (20, 9)).astype(np.int8)
    run = qs.plan(b, datapath)
    factors = [scheme.encode(2.0 ** rng.uniform(-12, -8, 9)) for _ in range(2)]
    for turn in range(32):
        a = qs.QTensor(rng.integers(-128, 128, (8, 20)), qs.Affine(8), 1.0, 7 * (turn & 1))
        data = {"requantize": factors[turn >> 1 & 1], "out_zero_point": 5 * (turn >> 2 & 1)}
        expected = qs.matmul(a, b, datapath, kernel="reference", **data)
        np.testing.assert_array_equal(run(a, **data), expected)
        assert turn < 16 or "any int8 codes" in run.explain()


def test_operands_of_other_kinds() -> None:
    """The same bytes as unsigned, signed and wide codes, of two formats, by turns."""
    rng = np.random.default_rng(6)
    codes = rng.integers(0, 8, (4, 6))
    b = rng.integers(-128, 128, (6, 5)).astype(np.int8)
    datapath = qs.Datapath(reduce=(qs.Accumulate(30),), output=(qs.Narrow(shift=1, bits=20),))
    run = qs.plan(b, datapath)
    operands: list[Any] = [
        (codes * 30).astype(np.uint8),
        (codes * 30).astype(np.uint8).view(np.int8),
        codes.astype(np.int16),
        qs.QTensor(codes.astype(np.uint8), qs.Affine(4, signed=False)),
        qs.QTensor(codes.astype(np.uint8), qs.LogQuant(3)),
        qs.QTensor(codes.astype(np.uint8), qs.Codebook([-9, 1, 2, 3, 4, 5, 6, 9])),
    ]
    for _ in range(4):
        for a in operands:
            expected = qs.matmul(a, b, datapath, kernel="reference")
            np.testing.assert_array_equal(run(a), expected)


def test_codes_in_any_layout() -> None:
    """Transposed, reversed, every second row and column, read-only, of the other byte order."""
    rng = np.random.default_rng(8)
    b = rng.integers(-128, 128, (30, 40)).astype(np.int8)
    run = qs.plan(b, qs.Datapath(output=(qs.AddBias(32), qs.Narrow(shift=3, bits=20))))
    for dtype in (np.int8, np.uint8, np.int16):
        limits = np.iinfo(dtype)
        whole = rng.integers(limits.min, limits.max, (60, 60), dtype, endpoint=True)
        frozen = whole[:9, :30].copy()
        frozen.setflags(write=False)
        other_order = frozen.astype(frozen.dtype.newbyteorder())
        views = (
            whole[:30, :9].T, whole[8::-1, :30], whole[:9, 29::-1],
            whole[::2, ::2], whole[3:12, 5:35], frozen, other_order,
        )  # fmt: skip
        for a in views:
            expected = qs.matmul(a, b, run.datapath, bias=7, kernel="reference")
            for operand in (a, qs.QTensor(a, qs.Affine(16))):
                for _ in range(3):
                    np.testing.assert_array_equal(run(operand, bias=7), expected)
                assert "any " in run.explain()


def test_a_row_of_data_is_no_column() -> None:
    """Two numbers as (2,), (1, 2) and (2, 1)."""
    run = qs.plan(np.eye(2, dtype=np.int8), qs.Datapath(output=(qs.AddBias(32),)))
    a, bias = np.zeros((2, 2), dtype=np.int8), np.array([3, 4])
    for _ in range(3):
        assert run(a, bias=bias).tolist() == [[3, 4], [3, 4]]
        assert run(a, bias=bias[None]).tolist() == [[3, 4], [3, 4]]
        assert run(a, bias=bias[:, None]).tolist() == [[3, 3], [4, 4]]


def test_images_made_again() -> None:
    """Windows are gathered block by block of rows; padding, strides, output steps."""
    rng = np.random.default_rng(3)
    weight = rng.integers(-128, 128, (3, 3, 40, 70)).astype(np.int8)
    scheme = qs.requantize.SingleRounding()
    datapath = qs.Datapath(
        reduce=(qs.Accumulate(32),),
        output=(qs.AddBias(32), qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127)),
    )
    factor = scheme.encode(2.0 ** rng.uniform(-14, -10, 70))
    run = qs.ops.plan_conv2d(weight, datapath, stride=2, padding=1)
    data = {"bias": rng.integers(-999, 999, 70), "requantize": factor, "out_zero_point": 3}
    for height in (9, 33, 17):
        x = qs.QTensor(
            rng.integers(-128, 128, (2, height, 41, 40)), qs.Affine(8), 1.0, int(height - 20)
        )
        for _ in range(3):
            got = run(x, **data)
            expected = qs.ops.conv2d(
                x, weight, datapath, stride=2, padding=1, kernel="lanes", **data
            )
            np.testing.assert_array_equal(got, expected)
        assert "any int8 codes" in run.explain()
