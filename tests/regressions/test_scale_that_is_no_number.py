"""The story: infinity times 0.

A fuzzer gave the float steps an infinite scale and a sum of 0: the product is no number, and its
conversion to an integer was undefined. No scheme's parameters are infinite, so only callers of the
C library could meet it. It is the least int32 now, what CVTPS2DQ makes of it, in every kernel; a
clamp before the rounding takes it to its lower end, as fmaxf does.
"""

from __future__ import annotations

import numpy as np
import pytest

from pyqsim import _native

INFINITE = np.full((1, 70), np.inf)


def scaled(op: _native.OutputOp, isa: str | None) -> list[int]:
    values = np.zeros((1, 70), dtype=np.int64)
    values[0, 0] = 1
    if isa is None:
        _native.output((op,), values[None], step_first=0, m_first=0, n_first=0)
    else:
        _native.OutputProgram((op,), isa).run(values)
    return sorted(set(values[0].tolist()))


@pytest.mark.parametrize("isa", [None, *_native.ISAS])
def test_infinity_times_zero(isa: str | None) -> None:
    if isa is not None and not _native.isa_available(isa):
        pytest.skip(f"this CPU has no {isa}")
    op = _native.OutputOp("float_scale", 0, scale=INFINITE.astype(np.float32))
    assert scaled(op, isa) == [-(2**31), 2**31 - 1]
    clamped = _native.OutputOp(
        "float_scale",
        0,
        scale=INFINITE.astype(np.float32),
        data=np.zeros((1, 70), dtype=np.int64),
        clamp_before=True,
        minimum=-5,
        maximum=7,
    )
    assert scaled(clamped, isa) == [-5, 7]


def test_infinity_times_zero_in_float64() -> None:
    op = _native.OutputOp("double_scale", 0, double_scale=INFINITE)
    assert scaled(op, None) == [-(2**31), 2**31 - 1]
