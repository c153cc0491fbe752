"""multiply against TFLite's MUL in integers: all 65536 pairs of codes for a few scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import double, quantize_multiplier, single

import pyqsim as qs
from pyqsim.requantize import DoubleRounding, FloatScale, SingleRounding

F = np.float32
S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
CASES = [
    (S8, 0.5, 0, S8, 0.5, 0, S8, 1.0, 0),
    (S8, 0.1, -128, S8, 0.037, 127, S8, 0.11, 3),
    (U8, 0.02, 3, U8, 1.7, 251, U8, 1.9, 128),
    (S8, 1.0, 5, U8, 0.0039, 255, S8, 0.9, -7),
    (S8, 2.0, 17, S8, 3.0, 1, S8, 0.25, 100),
    (S8, 0.0319, 0, S8, 0.0645, 0, S8, 0.2852, 0),  # the two scale rules give other codes
]


def operands(case: tuple[Any, ...]) -> tuple[qs.QTensor, qs.QTensor, qs.Encoding]:
    fx, sx, zx, fy, sy, zy, fmt, so, zo = case
    x = np.arange(fx.code_min, fx.code_max + 1)[:, None]
    y = np.arange(fy.code_min, fy.code_max + 1)[None, :]
    return qs.QTensor(x, fx, sx, zx), qs.QTensor(y, fy, sy, zy), qs.Encoding(fmt, so, zo)


def product(x: qs.QTensor, y: qs.QTensor) -> Any:
    return (x.codes.astype(int) - int(x.zero_point)) * (y.codes.astype(int) - int(y.zero_point))


@pytest.mark.parametrize("rule", ["float64", "float32"])
@pytest.mark.parametrize("scheme", [DoubleRounding(), SingleRounding(), None], ids=repr)
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_all_pairs(case: tuple[Any, ...], scheme: Any, rule: str) -> None:
    """Codes of both formats along two axes, broadcast."""
    x, y, out = operands(case)
    sx, sy, so = (F(s) for s in (case[1], case[4], case[7]))
    scale = float(sx * sy / so) if rule == "float32" else float(sx) * float(sy) / float(so)
    mbqm = single if isinstance(scheme, SingleRounding) else double
    scaled = mbqm(product(x, y), *quantize_multiplier(scale))
    observed = qs.ops.multiply(x, y, out, scheme=scheme, scale_rule=rule)
    expected = np.clip(scaled + out.zero_point, out.format.code_min, out.format.code_max)
    np.testing.assert_array_equal(observed.codes, expected)
    assert (observed.format, float(observed.scale)) == (out.format, out.scale)


def test_scale_rules_differ() -> None:
    """The last bit of a multiplier moves ties."""
    x, y, out = operands(CASES[5])
    wide, narrow = (
        qs.ops.multiply(x, y, out, scale_rule=rule).codes for rule in ("float64", "float32")
    )
    assert (wide != narrow).sum() == 16


def test_sixteen_bits_between_scheme_and_zero_point() -> None:
    """A scaled product of 32,640 and a zero point of 100: 32,767 + 100 wraps."""
    x, y, out = operands(CASES[4])
    scaled = double(product(x, y), *quantize_multiplier(24.0))
    held = np.clip(scaled, -32768, 32767) + 100
    expected = np.clip((held + 32768) % 65536 - 32768, -128, 127)
    observed = qs.ops.multiply(x, y, out, scaled_bits=16).codes
    np.testing.assert_array_equal(observed, expected)
    assert (observed != qs.ops.multiply(x, y, out).codes).any()


def test_float_scale() -> None:
    """XNNPACK: a float32 factor, ties to even."""
    x, y, out = operands(CASES[1])
    scaled = np.rint(product(x, y).astype(F) * (F(0.1) * F(0.037) / F(0.11))).astype(int) + 3
    observed = qs.ops.multiply(x, y, out, scheme=FloatScale(), scale_rule="float32")
    np.testing.assert_array_equal(observed.codes, np.clip(scaled, -128, 127))


@pytest.mark.parametrize("shapes", [((), ()), ((3,), ()), ((2, 1, 4), (3, 1)), ((0, 3), (3,))])
def test_shapes_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    """Any number of axes, none included."""
    rng = np.random.Generator(np.random.PCG64(2))
    x, y = (qs.QTensor(rng.integers(-128, 128, shape), S8) for shape in shapes)
    observed = qs.ops.multiply(x, y, qs.Encoding(S8, 2.0**7))
    assert observed.codes.tolist() == double(product(x, y), 2**30, -6).tolist()


def test_sixteen_bit_operands() -> None:
    """The largest product of codes without zero point is 2**30; more leaves int32 in time."""
    fmt = qs.Affine(16)
    x = qs.QTensor([-(2**15), 2**15 - 1], fmt)
    assert qs.ops.multiply(x, x, qs.Encoding(fmt, 2.0**16)).codes.tolist() == [16384, 16383]
    far = qs.QTensor([-(2**15)], fmt, zero_point=2**15 - 1)
    with pytest.raises(qs.errors.OverflowTrap):
        qs.ops.multiply(far, far, qs.Encoding(fmt))


def test_refused() -> None:
    """Operands and results are Affine with one scale; a scheme encodes."""
    good, out, e = qs.QTensor([3], S8), qs.Encoding(S8), qs.errors
    for error, match, call in (
        (e.OperandError, "x: format=LogQuant",
         lambda: qs.ops.multiply(qs.QTensor([3], qs.LogQuant(3)), good, out)),
        (e.OperandError, r"y: .*scale.shape=\(1,\)",
         lambda: qs.ops.multiply(good, qs.QTensor([3], S8, axis=0), out)),
        (e.OperandError, "encoding: format=LogQuant",
         lambda: qs.ops.multiply(good, good, qs.Encoding(qs.LogQuant(3)))),
        (e.ShapeError, r"x: \(2,\), y: \(3,\)",
         lambda: qs.ops.multiply(qs.QTensor([3, 4], S8), qs.QTensor([1, 2, 3], S8), out)),
        (e.DatapathError, "scheme=3", lambda: qs.ops.multiply(good, good, out, scheme=3)),
        (e.DatapathError, "requantize=None, allowed: parameters",
         lambda: qs.ops.multiply(good, good, out, scheme=qs.Scheme())),
        (e.DatapathError, "scale_rule='exact'",
         lambda: qs.ops.multiply(good, good, out, scale_rule="exact")),
        (e.DatapathError, "scaled_bits=1", lambda: qs.ops.multiply(good, good, out, scaled_bits=1)),
        (e.QuantizationError, "scale=0.0", lambda: qs.ops.multiply(good, good, qs.Encoding(S8, 0))),
        (e.QuantizationError, "real_scale=inf",
         lambda: qs.ops.multiply(good, good, qs.Encoding(S8, 1e-300))),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()
