"""FakeQuantize: the forward is the integer model's, the backward the closed form's."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.finite_differences import TOLERANCE, elementwise, of_parameter

import pyqsim as qs
from pyqsim.errors import DatapathError, ModeError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, LogQuant
from pyqsim.modes import ROUNDINGS, STOCHASTIC
from pyqsim.training import FakeQuantize

FORMATS = [Affine(8), Affine(4, signed=False), Affine(3, narrow=True), Affine(1), Affine(16)]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("rounding", [None, *ROUNDINGS], ids=repr)
def test_forward_is_that_of_the_integer_model(fmt, rounding):
    x = np.random.default_rng(0).normal(0, 3, (3, 50))
    x[0, :9] = np.arange(-4, 5) * 0.375  # ties of scale 0.75
    scale = np.array([0.75, 0.1, 1e-3])
    zero_point = np.clip([1, 0, -1], fmt.code_min, fmt.code_max)
    f = FakeQuantize(fmt, scale[:, None], zero_point[:, None], rounding)
    model = qs.quantize(x, fmt, axis=0, rounding=rounding, scale=scale, zero_point=zero_point)
    assert f.forward(x).tobytes() == model.real().tobytes()


def round_half_even(v: Fraction) -> int:
    low = floor(v)
    return low + (v - low > Fraction(1, 2) or (v - low == Fraction(1, 2) and low % 2 == 1))


@given(
    st.floats(-20, 20),
    st.sampled_from([0.5, 0.1, 0.75, 1.0]),
    st.integers(-8, 7),
    st.integers(-40, 40),
)
def test_mask_and_closed_forms_by_fractions(x, scale, zero_point, halves):
    x = np.array([x, scale * halves / 2])  # the second: ties, where the mask's border lies
    g = FakeQuantize(Affine(4), scale, zero_point).backward(x, [1.0, 0.0])
    h = FakeQuantize(Affine(4), scale, zero_point).backward(x, [0.0, 1.0])
    for value, gradients, index in ((x[0], g, 0), (x[1], h, 1)):
        code = round_half_even(Fraction(float(value)) / Fraction(scale)) + zero_point
        inside = -8 <= code <= 7
        assert gradients.dx[index] == inside
        if inside:  # one subtraction and one division: a few ulps of numbers up to 16
            expected = Fraction(code - zero_point) - Fraction(float(value)) / Fraction(scale)
            assert abs(gradients.dscale - float(expected)) < 1e-14
            assert gradients.dzero_point == 0
        else:
            assert gradients.dscale == (-8 if code < -8 else 7) - zero_point
            assert gradients.dzero_point == -scale


def test_gradients_are_those_of_the_function_with_a_frozen_residual():
    """Outside of y itself; inside of S * (x / S + r) with r = round(x / S) - x / S fixed."""
    rng = np.random.default_rng(2)
    x, upstream = rng.normal(0, 4, (3, 40)), rng.normal(0, 1, (3, 40))
    scale, zero_point = np.array([[0.5], [0.3], [0.9]]), np.array([[0], [-3], [5]])
    f = FakeQuantize(Affine(4), scale, zero_point)
    free = np.rint(x / scale) + zero_point
    codes, inside = np.clip(free, -8, 7), (free >= -8) & (free <= 7)
    residual = np.rint(x / scale) - x / scale

    def surrogate(x, scale, zero_point):
        return np.where(inside, scale * (x / scale + residual), scale * (codes - zero_point))

    got = f.backward(x, upstream)
    by_x = elementwise(lambda v: surrogate(v, scale, zero_point), x)
    np.testing.assert_allclose(got.dx, upstream * by_x, **TOLERANCE)
    by_scale = of_parameter(lambda s: (upstream * surrogate(x, s, zero_point)).sum(), scale)
    np.testing.assert_allclose(got.dscale, by_scale, **TOLERANCE)
    real = zero_point.astype(float)
    by_zero_point = of_parameter(lambda z: (upstream * surrogate(x, scale, z)).sum(), real)
    np.testing.assert_allclose(got.dzero_point, by_zero_point, **TOLERANCE)
    assert 0 < inside.mean() < 1


def test_the_mask_looks_at_the_rounded_code():
    # 7.4 rounds to the last code: inside; 7.5 rounds to 8: outside. -8.5 rounds to -8 (even).
    g = FakeQuantize(Affine(4), 1.0).backward([7.4, 7.5, -8.5, -8.6, 1e300, -1e300], 1.0)
    assert g.dx.tolist() == [1, 0, 1, 0, 0, 0]


def test_lsq_scale():
    x = np.random.default_rng(3).normal(0, 2, (4, 5, 5))
    scale = np.full((4, 1, 1), 0.5)
    plain = FakeQuantize(Affine(4), scale).backward(x, 1.0)
    lsq = FakeQuantize(Affine(4), scale, scale_gradient="lsq").backward(x, 1.0)
    factor = 1 / np.sqrt(25 * 7)
    np.testing.assert_allclose(lsq.dscale, plain.dscale * factor, rtol=1e-14)  # order of products
    assert (lsq.dx == plain.dx).all()
    assert (lsq.dzero_point == plain.dzero_point).all()


def test_shapes():
    f = FakeQuantize(Affine(8), 0.5)
    assert f.forward(1.2).shape == ()
    assert f.backward(np.zeros((0, 3)), np.zeros((0, 3))).dx.shape == (0, 3)
    with pytest.raises(ShapeError, match=r"scale.shape=\(3,\), allowed: broadcastable to \(2,\)"):
        FakeQuantize(Affine(8), [1.0, 1.0, 1.0]).backward(np.zeros(2), 1.0)


def test_refused():
    with pytest.raises(OperandError, match=r"fmt=LogQuant.*allowed: an Affine"):
        FakeQuantize(LogQuant(3), 1.0)
    with pytest.raises(QuantizationError, match=r"scale=0.0, allowed: finite and > 0"):
        FakeQuantize(Affine(8), 0.0)
    with pytest.raises(QuantizationError, match=r"zero_point=200, allowed: -128..127"):
        FakeQuantize(Affine(8), 1.0, 200)
    with pytest.raises(ModeError, match="allowed: every deterministic rule"):
        FakeQuantize(Affine(8), 1.0, rounding=STOCHASTIC(1))
    with pytest.raises(DatapathError, match="scale_gradient='x', allowed: 'plain', 'lsq'"):
        FakeQuantize(Affine(8), 1.0, scale_gradient="x")
    with pytest.raises(DatapathError, match="scale_gradient='lsq' with Affine"):
        FakeQuantize(Affine(1), 1.0, scale_gradient="lsq")
