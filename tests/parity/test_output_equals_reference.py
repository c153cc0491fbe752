"""The output kernel == the reference: random steps on accumulators at every edge."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from parity.random_cases import Draw

import pyqsim as qs
from pyqsim import _native
from pyqsim.execution.output import OutputPipeline
from pyqsim.modes import ROUNDINGS, Rounding

CASES = {1: 400, 2: 40_000}
SCHEMES = (
    qs.requantize.DoubleRounding(),
    qs.requantize.DoubleRounding(final="half_up"),
    qs.requantize.SingleRounding(),
    qs.requantize.FloatScale(),
    qs.requantize.FloatScale(clamp="before"),
    *(qs.requantize.ShiftOnly(rounding, 16, "wrap") for rounding in ROUNDINGS),
    qs.requantize.ShiftOnly("half_even", 9, "saturate_symmetric"),
)


def accumulators(draw: Draw, m: int) -> np.ndarray:
    """Powers of two, their neighbours, halves of them, the ends of int32, and random numbers."""
    near = np.array([2**e + d for e in range(31) for d in (-1, 0, 1)] + [2**31 - 1])
    values = np.concatenate([near, -near, [-(2**31)], draw.rng.integers(-(2**20), 2**20, 99)])
    return draw.rng.choice(values, (m, 1))


def random_machine(draw: Draw, n: int) -> tuple[qs.Datapath, dict[str, Any]]:
    """A bias, a scheme, perhaps a zero point, a clamp; parameters per channel or for all."""
    scheme = draw.pick(*SCHEMES)
    scales = 2.0 ** draw.rng.uniform(-12, 3, n if draw.chance(0.7) else 1)
    if isinstance(scheme, qs.requantize.ShiftOnly):
        scales = 2.0 ** np.rint(np.log2(scales))
    steps: list[Any] = [qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127)]
    data = {"requantize": scheme.encode(scales), "out_zero_point": draw.integer(-128, 127)}
    if draw.chance(0.5):
        steps.insert(0, qs.AddBias(32, draw.pick("wrap", "saturate")))
        data["bias"] = draw.rng.integers(-(2**30), 2**30, n)
    if draw.chance(0.3):
        steps.append(qs.Lookup(draw.rng.integers(-9, 9, 256)))
    if draw.chance(0.3):
        steps.append(qs.Narrow(shift=2, rounding=draw.pick(*ROUNDINGS), bits=5, signed=False))
    return qs.Datapath(output=tuple(steps)), data


def test_output_kernel_equals_reference(isa: str, level: int) -> None:
    """Columns below, at and above a block of 64; every row and column compared."""
    for seed in range(CASES[level]):
        draw = Draw(seed)
        n = draw.pick(1, 3, 63, 64, 65, 130)
        a, b = accumulators(draw, draw.pick(1, 7, 40)), np.ones((1, n), dtype=np.int64)
        datapath, data = random_machine(draw, n)
        expected = qs.matmul(a, b, datapath, kernel="reference", **data)
        got = qs.matmul(a, b, datapath, isa=isa, **data)
        assert np.array_equal(got, expected), f"seed {seed}: {datapath}, {data}"


def test_the_output_kernel_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above is no comparison of the reference with itself."""
    ran = []
    kernel = _native.OutputProgram.run
    monkeypatch.setattr(
        _native.OutputProgram,
        "run",
        lambda self, values: (ran.append(1) if values.size else None, kernel(self, values)),
    )
    for scheme in SCHEMES:
        datapath = qs.Datapath(output=(qs.Requantize(scheme), qs.Clamp(-9, 9)))
        qs.matmul([[5]], [[7]], datapath, requantize=scheme.encode(0.25))
    assert len(ran) == len(SCHEMES)


def test_numbers_beyond_the_proof_go_to_the_reference() -> None:
    """One bit inside the limit of 63 bits, and one outside: both exact."""
    for power, inside in ((61, True), (62, False)):
        steps = (qs.Narrow(multiplier=2, shift=1, bits=64, overflow="wrap"),)
        a = np.array([[2 ** (power - 1) - 1, -(2 ** (power - 1))]]).T
        interval = [qs.bounds.Interval(int(a.min()), int(a.max()))]
        data = qs.execution.CallData()
        pipeline = OutputPipeline(steps, data, (2, 1), (1, 1, 1), interval, [qs.bounds.ZERO], 0)
        assert pipeline.fits_word is (inside or power < 63)
        got = qs.matmul(a, [[1]], qs.Datapath(output=steps))
        assert np.array_equal(got, a)


def tables_from_a_class() -> list[int]:
    """Tables that round up from some class of rest on, another one for each sign and parity."""
    ups = [15 << least & 15 for least in range(5)]
    return [
        even | odd << 4 | negative_even << 8 | negative_odd << 12
        for even, odd, negative_even, negative_odd in itertools.product(ups, repeat=4)
    ]


def test_every_rounding_table_that_starts_at_a_class(isa: str) -> None:
    """Every rest of small shifts, both parities and signs; the ends of 63 bits; and odd tables."""
    near = np.arange(-40, 40)
    halves = [[2**e + d, -(2**e) + d] for e in (40, 60, 61) for d in (-(2**31), -1, 0, 1)]
    x = np.concatenate([near, np.ravel(halves), [2**62 - 1, -(2**62)]])
    shifts = np.array([0, 1, 2, 3, 4, 41, 61, 62, -1])
    shape = (len(x), len(shifts))
    for table in [*tables_from_a_class(), 0x1234, 0xBEEF, 0x0005, 0xF0FA]:
        op = _native.OutputOp(
            "narrow",
            0,
            narrow=qs.Narrow(rounding=Rounding(table), bits=None),
            shift_part="all",
            shift_data=np.broadcast_to(-shifts, shape),
        )
        values = x[:, None] >> (shifts < 0)[None]
        expected = values[None].copy()
        _native.output((op,), expected, step_first=0, m_first=0, n_first=0)
        _native.OutputProgram((op,), isa).run(values)
        np.testing.assert_array_equal(values, expected[0], err_msg=hex(table))
