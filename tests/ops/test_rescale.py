"""rescale, every code between formats, zero points and scales, against TFLite's QUANTIZE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import double, quantize_multiplier, single

import pyqsim as qs
from pyqsim.requantize import (
    DoubleRounding,
    FixedPoint,
    FixedPointFactor,
    FloatScale,
    SingleRounding,
)

S8, U8, S16 = qs.Affine(8), qs.Affine(8, signed=False), qs.Affine(16)
CASES = [
    (S8, 0.5, 0, S8, 1.0, 0),
    (S8, 0.75, -128, U8, 1.0, 3),
    (U8, 0.02, 251, S8, 0.013, -7),
    (S8, 1.0, 5, S16, 0.011, 0),
    (S16, 0.001, 0, S8, 0.25, 9),
]


def every_code(case: tuple[Any, ...]) -> tuple[qs.QTensor, qs.Encoding]:
    fx, sx, zx, fmt, so, zo = case
    x = np.arange(fx.code_min, fx.code_max + 1)
    return qs.QTensor(x, fx, sx, zx), qs.Encoding(fmt, so, zo)


def clipped(scaled: Any, out: qs.Encoding) -> Any:
    return np.clip(scaled + out.zero_point, out.format.code_min, out.format.code_max)


@pytest.mark.parametrize("scheme", [DoubleRounding(), SingleRounding(), None], ids=repr)
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_code(case: tuple[Any, ...], scheme: Any) -> None:
    x, out = every_code(case)
    mbqm = single if isinstance(scheme, SingleRounding) else double
    centred = x.codes.astype(int) - case[2]
    expected = clipped(mbqm(centred, *quantize_multiplier(case[1] / case[4])), out)
    observed = qs.ops.rescale(x, out, scheme=scheme)
    np.testing.assert_array_equal(observed.codes, expected)
    assert (observed.format, float(observed.scale)) == (out.format, out.scale)
    assert int(observed.zero_point) == out.zero_point


def test_given_parameters() -> None:
    """XNNPACK's multiplier of 8 fraction bits: 0.5 - 2**-10 becomes 128 / 256."""
    x, out = every_code((S8, 0.5 - 2.0**-10, 0, S8, 1.0, 0))
    observed = qs.ops.rescale(
        x, out, scheme=FixedPoint(15, shift=8), requantize=FixedPointFactor(128, 8)
    )
    np.testing.assert_array_equal(observed.codes, np.floor(np.arange(-128, 128) / 2 + 0.5))


def test_a_float_scale_clamped_before_rounding() -> None:
    """XNNPACK's place of the clamp knows the zero point."""
    x, out = every_code(CASES[2])
    after, before = (qs.ops.rescale(x, out, scheme=FloatScale(c)) for c in ("after", "before"))
    np.testing.assert_array_equal(after.codes, before.codes)


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 4)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    x = qs.QTensor(np.full(shape, 6), S8, 0.5)
    assert qs.ops.rescale(x, qs.Encoding(S8)).codes.tolist() == np.full(shape, 3).tolist()


def test_refused() -> None:
    good, out, e = qs.QTensor([3], S8), qs.Encoding(S8), qs.errors
    for error, match, call in (
        (e.OperandError, "x: format=LogQuant",
         lambda: qs.ops.rescale(qs.QTensor([3], qs.LogQuant(3)), out)),
        (e.OperandError, "encoding=8", lambda: qs.ops.rescale(good, 8)),
        (e.DatapathError, "scheme='double'", lambda: qs.ops.rescale(good, out, scheme="double")),
        (e.DatapathError, "requantize=None, allowed: parameters",
         lambda: qs.ops.rescale(good, out, scheme=qs.Scheme())),
        (e.DatapathError, "requantize=3", lambda: qs.ops.rescale(good, out, requantize=3)),
        (e.QuantizationError, "zero_point=200",
         lambda: qs.ops.rescale(good, qs.Encoding(S8, 1, 200))),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()
