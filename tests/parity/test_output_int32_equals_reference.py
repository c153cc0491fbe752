"""Output steps in int32 lanes == the reference: every int16, ties, ends of int32, odd scales."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from parity.random_cases import Draw
from parity.test_output_equals_reference import tables_from_a_class

import pyqsim as qs
from pyqsim import _native
from pyqsim._native import Int32Program, OutputOp
from pyqsim.bounds import Interval
from pyqsim.datapath import Register
from pyqsim.execution.output import OutputPipeline
from pyqsim.modes import ROUNDINGS, Rounding
from pyqsim.parameters import Multiplier

ISAS = [isa for isa in qs.ops.ISAS if isa != "auto" and _native.isa_available(isa)]
LEAST, MOST = -(2**31), 2**31 - 1
INT32 = Interval(LEAST, MOST)
CASES = {1: 300, 2: 20_000}


def differences(ops: tuple[OutputOp, ...], values: np.ndarray) -> dict[str, int]:
    """How many outputs are not the reference's, by instruction set, where there are any."""
    expected = values[None].astype(np.int64)
    _native.output(ops, expected, step_first=0, m_first=0, n_first=0)
    counts = {}
    for isa in ISAS:
        got = values.astype(np.int32)
        Int32Program(ops, isa, got.shape).run(got)
        counts[isa] = int(np.count_nonzero(got != expected[0]))
    return {isa: count for isa, count in counts.items() if count}


def pipeline(
    steps: tuple[Any, ...], n: int, values: Interval = INT32, **data: Any
) -> OutputPipeline:
    """Steps on sums (1, n) that may be anything in an interval."""
    call_data = qs.execution.CallData(**data)
    return OutputPipeline(steps, call_data, (1, n), (1, 1, 1), [values], [qs.bounds.ZERO], 0)


def near_edges(*more: int) -> np.ndarray:
    """Powers of two, their neighbours and negatives, and the ends of int32."""
    near = [sign * 2**e + d for e in range(32) for d in (-1, 0, 1) for sign in (-1, 1)]
    return np.array(sorted({x for x in (*near, *more) if LEAST <= x <= MOST}))


def on_columns(values: np.ndarray, n: int) -> np.ndarray:
    return np.repeat(values[:, None], n, axis=1)


def by_column(numbers: Any, dtype: type = np.int64) -> np.ndarray:
    """Numbers, one a column, as rows that are all the same."""
    array = np.asarray(numbers, dtype=dtype)
    return np.broadcast_to(array, (2, array.size))


# -- schemes ---------------------------------------------------------------------------------------


CHANNELS = 5


def parameters_of(scheme: Any, level: int) -> Iterator[Any]:
    """Factors of five channels, of any kind and powers of two."""
    bases = (1.0, 1.4142135) if level == 1 else (1.0, 1.4142135, 1.0000001, 1.9999999)
    for exponents in ((-11, 0), (-29, -3), (-5, 5)):
        for base in bases:
            with suppress(qs.errors.PyqsimError):
                yield scheme.encode(base * 2.0 ** np.linspace(*exponents, CHANNELS).round())


def test_every_int16_through_every_scheme(level: int) -> None:
    """65 536 accumulators through scheme, zero point and clamp, in every channel."""
    values = np.arange(-(2**15), 2**15)
    interval, ran = Interval(-(2**15), 2**15 - 1), 0
    for name, scheme in qs.requantize.registered().items():
        for parameters in parameters_of(scheme, level):
            steps = (qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127))
            data = {"requantize": parameters, "out_zero_point": -7}
            made = pipeline(steps, CHANNELS, interval, **data)
            if not made.fits_int32:
                continue
            ran += 1
            assert not differences(tuple(made.ops), on_columns(values, CHANNELS)), (
                name,
                parameters,
            )
    assert ran > 190


def test_edges_of_int32_through_every_scheme(level: int) -> None:
    """Accumulators that may be any int32, where the proof holds for them."""
    ran = set()
    for name, scheme in qs.requantize.registered().items():
        for parameters in parameters_of(scheme, level):
            steps = (qs.Requantize(scheme), qs.Clamp(LEAST, MOST))
            made = pipeline(steps, CHANNELS, requantize=parameters)
            if made.fits_int32 and made.fits_word:
                ran.add(name)
                values = on_columns(near_edges(), CHANNELS)
                assert not differences(tuple(made.ops), values), (name, parameters)
    assert ran == set(qs.requantize.registered())


# -- narrow ----------------------------------------------------------------------------------------


def test_every_rounding_table_by_shifts_and_by_products() -> None:
    """Tables that round up from a class on: every rest of small shifts, and shifts up to 62."""
    values = near_edges(*range(-40, 41), *(k * 2**29 for k in range(-4, 4)))
    shifts = by_column([0, -1, -2, -3, -4, -30, -31])
    long = by_column([0, -1, -5, -32, -33, -61, -62])
    for table in tables_from_a_class():
        narrow = qs.Narrow(rounding=Rounding(table), bits=None)
        op = OutputOp("narrow", 0, narrow=narrow, shift_part="all", shift_data=shifts)
        assert not differences((op,), on_columns(values, 7)), hex(table)
        wide = replace(op, shift_data=long)
        assert not differences((wide,), on_columns(values, 7)), hex(table)


def test_multipliers_and_shifts_at_their_ends() -> None:
    """Products of 62 bits, their ties, left shifts, and quotients of which 32 bits are taken."""
    multipliers = [1, -1, 2, 3, 2**15, 2**30, 2**31 - 1, -(2**31) + 1, 1431655766]
    pairs = list(itertools.product(multipliers, (0, -1, -2, -16, -30, -31, -32, -47, -62)))
    m, shift = (by_column(column) for column in zip(*pairs, strict=True))
    values = near_edges(*(k * 2**e for e in range(31) for k in (-3, 3, 5)))
    for rounding in ROUNDINGS:
        narrow = qs.Narrow(rounding=rounding, bits=32, overflow="wrap")
        op = OutputOp(
            "narrow",
            0,
            narrow=narrow,
            multiplier_from_data=True,
            data=m,
            shift_part="all",
            shift_data=shift,
        )
        assert not differences((op,), on_columns(values, len(pairs))), rounding
    left = replace(op, data=by_column([1, -3, 5, 2**20]), shift_data=by_column([40, 31, -3, 1]))
    assert not differences((left,), on_columns(np.arange(-99, 99), 4))


def test_registers_of_every_width() -> None:
    """Sums and quotients that leave them, wrapped, saturated, to both kinds of range."""
    values = on_columns(near_edges() // 2, 3)
    data = by_column([0, 5, -(2**30)])
    for bits, signed in itertools.product(range(1, 33), (False, True)):
        if bits < 1 + signed:
            continue
        for overflow in ("wrap", "saturate", "saturate_symmetric"):
            if not signed and (overflow == "saturate_symmetric" or bits == 32):
                continue  # there is no such register, or its values are no int32
            narrow = qs.Narrow(
                shift=1, rounding="half_even", bits=bits, overflow=overflow, signed=signed
            )
            register = Register(bits, narrow.overflow, signed)
            ops = (
                OutputOp("add", 0, register=register, data=data),
                OutputOp("narrow", 1, narrow=narrow),
            )
            for op in ops:
                assert not differences((op,), values), (bits, overflow, signed)


# -- floats ----------------------------------------------------------------------------------------

ODD_FLOATS = (0.0, -0.0, 1e-45, -1e-45, 1e-38, 0.5, -0.5, 1.5, 3.4e38, np.inf, -np.inf, np.nan)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_odd_float_scales() -> None:
    """Zeros, denormals, infinities, no numbers: alone, chained, clamped, about a zero point."""
    scales = np.array([*ODD_FLOATS, *2.0 ** np.arange(-40, 8, 3), 1 - 2**-24, 1 / 3], np.float32)
    n = len(scales)
    values = on_columns(near_edges(*range(-20, 20), 2**24 + 1, 2**25 + 3), n)
    scale, other = by_column(scales, np.float32), by_column(np.roll(scales, 5), np.float32)
    alone = OutputOp("float_scale", 0, scale=scale)
    zero_point = by_column(np.arange(n) * 9 - 128)
    variants = (
        alone,
        replace(alone, second=other),
        replace(alone, second=other, addend=by_column(np.roll(scales, 9), np.float32)),
        replace(alone, addend=other, last=by_column(np.roll(scales, 3), np.float32)),
        replace(alone, clamp_before=True, data=zero_point, minimum=-128, maximum=127),
        replace(alone, clamp_before=True, data=zero_point, minimum=-(2**40), maximum=2**40),
    )
    for op in variants:
        assert not differences((op,), values), op
    before = replace(alone, zero_point_before=True, data=zero_point)
    back = OutputOp("add", 1, data=zero_point)
    assert not differences((before, back), values)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_odd_double_scales() -> None:
    """Ties away from zero, one bit below them, the ends of int32, and no numbers."""
    below = np.nextafter(0.5, 0)
    scales = [*ODD_FLOATS, 5e-324, 1.7e308, below, np.nextafter(0.5, 1), 2**-30, 1 / 3, 1 - 2**-53]
    scales += [2147483647.5, 2147483646.5, 2147483648.5, below / 3, 1.5 * below]
    n = len(scales)
    values = on_columns(near_edges(*range(-20, 20)), n)
    op = OutputOp("double_scale", 0, double_scale=by_column(scales, np.float64))
    assert not differences((op,), values)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_of_scaled_values_hold_every_one(dtype: type) -> None:
    """Chains of operations on numbers within the operands: none leaves the interval, ends touch."""
    rng = np.random.default_rng(2)
    known = 0
    for _ in range(400):
        low, high = sorted(rng.integers(-(2**31), 2**31, 2).tolist())
        chain = [
            (operation, (rng.normal(size=3) * 2.0 ** rng.integers(-30, 30)).astype(dtype))
            for operation in (np.multiply, np.multiply, np.add, np.multiply)[: rng.integers(1, 5)]
        ]
        ends = qs.bounds.by_floats(Interval(low, high), chain)
        if ends is None:
            continue
        known += 1
        values = np.concatenate([rng.integers(low, high + 1, 99), [low, high]]).astype(dtype)
        for operation, array in chain:
            values = operation.outer(values, array).ravel()
        assert ends[0] <= values.min()
        assert values.max() <= ends[1]
        if len(chain) == 1:
            assert ends == (values.min(), values.max())
    assert known > 300


# -- whole pipelines -------------------------------------------------------------------------------


def test_shapes_about_vectors_and_joined_rows(level: int) -> None:
    """Random rows and columns: full vectors, parts of them, rows joined to fill them, none."""
    for seed in range(CASES[level]):
        draw = Draw(seed)
        m = draw.pick(0, 1, 2, 3, 4, 5, 8, 17)
        n = draw.pick(1, 2, 3, 7, 8, 15, 16, 17, 24, 33, 48, 63, 64, 65, 100, 1000)
        per_column = draw.chance(0.7)
        columns = n if per_column else 1

        def drawn(low: int, high: int, count: int = columns, draw: Draw = draw) -> np.ndarray:
            return draw.rng.integers(low, high, count)

        shape = (max(m, 1), n)
        ops = (
            OutputOp("add", 0, data=np.broadcast_to(drawn(-(2**20), 2**20), shape)),
            OutputOp(
                "narrow",
                1,
                narrow=qs.Narrow(shift=31, rounding=draw.pick(*ROUNDINGS)),
                multiplier_from_data=True,
                data=np.broadcast_to(drawn(2**30, 2**31), shape),
                shift_part=draw.pick("none", "all", "right"),
                shift_data=np.broadcast_to(drawn(-9, 1), shape),
            ),
            OutputOp("add", 2, data=np.broadcast_to(drawn(-128, 128, 1), shape)),
            OutputOp("clamp", 3, minimum=-128, maximum=127),
            OutputOp("lookup", 4, table=draw.rng.integers(-999, 999, 256)),
        )
        values = draw.rng.integers(-(2**20), 2**20, (m, n))
        assert not differences(ops[: draw.integer(1, 5)], values), f"seed {seed}"


def test_rows_that_differ_are_refused() -> None:
    """A number a row is no program's."""
    data = np.arange(6).reshape(3, 2)
    with pytest.raises(_native.NoKernelError):
        Int32Program((OutputOp("add", 0, data=data),), "auto", (3, 2))


# -- the proof -------------------------------------------------------------------------------------


def proven(step: Any, values: Interval, **data: Any) -> bool:
    return pipeline((step,), 1, values, **data).fits_int32


def test_the_proof_of_a_sum_ends_at_int32() -> None:
    """One unit inside, one outside; a register that wraps takes what comes, one of 33 bits not."""
    for add, inside in ((1, True), (2, False)):
        values = Interval(0, MOST - 1)
        assert proven(qs.AddBias(), values, bias=add) is inside
        assert proven(qs.AddBias(32, "saturate"), values, bias=add) is inside
        assert proven(qs.AddBias(32, "wrap"), values, bias=add)
        assert proven(qs.AddBias(33, "wrap"), values, bias=add) is inside


def test_the_proof_of_a_quotient_ends_at_int32() -> None:
    """(2^32 - 2) / 2 and (2^32 - 1) / 2 rounded up."""
    narrow = qs.Narrow(multiplier=2, shift=1, rounding="ceil", bits=None)
    assert proven(narrow, Interval(0, MOST))
    assert not proven(replace(narrow, multiplier=3), Interval(0, MOST))
    assert proven(replace(narrow, multiplier=3, bits=32, overflow="wrap"), Interval(0, MOST))
    assert not proven(replace(narrow, multiplier=3, bits=32, overflow="saturate"), INT32)


def test_the_proof_of_what_a_step_is_given_ends_at_int32() -> None:
    """Sums of 33 bits, and 32 unsigned ones, are no int32; an addition may bring them back."""
    clamp = qs.Clamp(0, 9)
    assert proven(clamp, Interval(0, MOST))
    assert not proven(clamp, Interval(0, MOST + 1))
    unsigned = qs.Narrow(bits=32, overflow="wrap", signed=False)
    assert not pipeline((unsigned, clamp), 1).fits_int32
    assert not pipeline((unsigned,), 1).fits_int32
    scheme = qs.requantize.FloatScale(zero_point="before")
    steps = (qs.Requantize(scheme), qs.AddZeroPoint())
    data = {"requantize": scheme.encode(8.0), "out_zero_point": 3}
    made = pipeline(steps, 1, **data)
    assert made.fits_int32
    assert not differences(tuple(made.ops), on_columns(near_edges(), 1))


def test_what_is_not_proven_runs_on_64_bits() -> None:
    """The explanation says which lanes ran, and both give the reference's values."""
    rng = np.random.default_rng(3)
    a, w = rng.integers(-128, 128, (9, 40), dtype=np.int8), rng.integers(-128, 128, (40, 24))
    scheme = qs.requantize.FloatScale()
    for scale, lanes in ((2.0**-9, "int32"), (2.0**12, "int64")):
        datapath = qs.Datapath(
            output=(qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127))
        )
        data = {"requantize": scheme.encode(scale), "out_zero_point": 3}
        plan = qs.plan(w, datapath)
        for _ in range(3):
            got = plan(a, **data)
        assert f"output steps in {lanes} lanes" in plan.explain()
        expected = qs.matmul(a, w, datapath, kernel="reference", **data)
        assert np.array_equal(got, expected)


def test_a_sum_beyond_int32_is_not_wrapped() -> None:
    """A float scale that saturates, about a zero point: the clamp must see 2^31 + 2."""
    scheme = qs.requantize.FloatScale()
    got = scheme.apply([MOST, 5], scheme.encode(8.0), zero_point=3, clamp=(-128, 127))
    assert got.tolist() == [127, 43]
    one_dnn = qs.requantize.FloatScale(zero_point="before")
    got = one_dnn.apply([MOST, LEAST], one_dnn.encode(8.0), zero_point=3)
    assert got.tolist() == [MOST, LEAST]


def test_bounds_of_columns_hold_between_the_extreme_ones() -> None:
    """Multipliers and shifts of many columns, both directions: every result is inside bounds."""
    rng = np.random.default_rng(5)
    tables = [*(rounding.table for rounding in ROUNDINGS), 0x1234, 0xBEEF, 0x0005, 0x1111, 0xFFFF]
    tight = 0
    for number in range(600):
        rounding = Rounding(tables[number % len(tables)])
        bits, overflow = [(None, "wrap"), (6, "wrap"), (6, "saturate")][number % 3]
        part = ("all", "left", "right")[number // 3 % 3]
        narrow = qs.Narrow(shift=1, rounding=rounding, bits=bits, overflow=overflow)
        scheme = qs.requantize.Staged((qs.datapath.Stage(narrow, True, part),))
        first, last = sorted(rng.integers(-4, 4, 2).tolist())
        columns = list(itertools.product((0, 1, 2, 3, 5), range(first, last + 1)))
        m, s = (np.array(column) for column in zip(*columns, strict=True))
        low, high = sorted(rng.integers(-40, 40, 2).tolist())
        parameters = Multiplier(m, s)
        made = pipeline(
            (qs.Requantize(scheme),), len(columns), Interval(low, high), requantize=parameters
        )
        values = on_columns(np.arange(low, high + 1), len(columns))[None].astype(np.int64)
        _native.output(tuple(made.ops), values, step_first=0, m_first=0, n_first=0)
        found = Interval(int(values.min()), int(values.max()))
        assert found.hull(made.interval) == made.interval, (number, found, made.interval)
        tight += found == made.interval
    assert tight > 200
