"""RCF on every kind of level set: forward of the integer model, gradients by their closed forms."""

from fractions import Fraction

import numpy as np
import pytest
from training.finite_differences import TOLERANCE, of_parameter

import pyqsim as qs
from pyqsim.errors import DatapathError, OperandError, QuantizationError
from pyqsim.formats import Affine, APoT, LogQuant, Planes, PowerOfTwo
from pyqsim.training import ReparameterizedClipping

SIGNED = [APoT(4), APoT(5), PowerOfTwo(4), Affine(4), Affine(4, narrow=True), LogQuant(3, True)]
UNSIGNED = [APoT(4, signed=False), Affine(4, signed=False), LogQuant(3)]


@pytest.mark.parametrize("fmt", [*SIGNED, *UNSIGNED], ids=str)
def test_forward_is_that_of_the_integer_model(fmt):
    x = np.random.default_rng(0).normal(0, 3, (2, 80))
    alpha = np.array([2.0, 4.0])
    f = ReparameterizedClipping(fmt, alpha[:, None])
    scale = alpha / fmt.levels()[-1]
    low = -alpha[:, None] if fmt in SIGNED else 0
    clipped = np.clip(x, low, alpha[:, None])
    model = qs.quantize(clipped, fmt, axis=0, scale=scale).real()
    assert f.forward(x).tobytes() == model.tobytes()
    top = ReparameterizedClipping(fmt, 2.0).forward([1e9, -1e9])
    assert top.tolist() == [2.0, -2.0 if fmt in SIGNED else 0.0]


def nearest(levels, t):
    """The nearest of the levels to an exact rational, ties to the smaller magnitude."""
    exact = [Fraction(float(v)) for v in levels]
    return min(exact, key=lambda level: (abs(level - t), abs(level)))


@pytest.mark.parametrize("fmt", [APoT(4), APoT(6), PowerOfTwo(4)], ids=str)
def test_closed_form_of_dalpha(fmt):
    """APoT: sign(w) outside, P(w / alpha) - w / alpha inside, one element at a time."""
    top = Fraction(float(fmt.levels()[-1]))
    alpha = 1.5
    for w in [-9.0, -1.5, -1.4, -0.2, 0.0, 0.01, 0.7, 1.5, 1.5000001, 4.0]:
        t = Fraction(w) / Fraction(alpha)
        project = nearest(fmt.levels(), t * top) / top
        expected = np.sign(w) if abs(w) > alpha else float(project - t)
        got = ReparameterizedClipping(fmt, alpha).backward([w], 1.0).dalpha
        assert abs(got - expected) < 1e-15  # three roundings of numbers up to 1


@pytest.mark.parametrize("fmt", [APoT(4), APoT(4, signed=False)], ids=str)
def test_dalpha_is_the_derivative_with_a_frozen_residual(fmt):
    rng = np.random.default_rng(1)
    x, upstream = rng.normal(0, 2, (3, 50)), rng.normal(0, 1, (3, 50))
    alpha = np.array([[1.0], [2.5], [0.7]])
    low = -1.0 if fmt.signed else 0.0
    t = np.clip(x / alpha, low, 1)
    residual = ReparameterizedClipping(fmt, alpha).forward(x) / alpha - t

    def surrogate(alpha):
        return float((upstream * alpha * (np.clip(x / alpha, low, 1) + residual)).sum())

    got = ReparameterizedClipping(fmt, alpha).backward(x, upstream).dalpha
    np.testing.assert_allclose(got, of_parameter(surrogate, alpha), **TOLERANCE)


def test_dx_of_both_programs():
    x = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 2.1]
    everywhere = ReparameterizedClipping(APoT(4), 2.0, "everywhere").backward(x, 3.0)
    assert everywhere.dx.tolist() == [3.0] * 7
    inside = ReparameterizedClipping(APoT(4), 2.0, "inside").backward(x, 3.0)
    assert inside.dx.tolist() == [0, 3, 3, 3, 3, 3, 0]
    activations = ReparameterizedClipping(APoT(4, signed=False), 2.0).backward(x, 3.0)
    assert activations.dx.tolist() == [0, 0, 0, 3, 3, 3, 0]
    assert everywhere.dalpha == inside.dalpha


def test_alpha_gradient_scale():
    plain = ReparameterizedClipping(APoT(4), 2.0).backward([0.3, 5.0], 1.0)
    scaled = ReparameterizedClipping(APoT(4), 2.0, alpha_gradient_scale=0.25).backward(
        [0.3, 5.0], 1.0
    )
    assert scaled.dalpha == plain.dalpha * 0.25
    assert (scaled.dx == plain.dx).all()


def test_rounding_is_passed_on():
    tie = 0.75  # between 1/2 and 1 of PowerOfTwo
    assert ReparameterizedClipping(PowerOfTwo(3), 1.0).forward([tie]).tolist() == [0.5]
    away = ReparameterizedClipping(PowerOfTwo(3), 1.0, rounding="half_away")
    assert away.forward([tie]).tolist() == [1.0]


def test_refused():
    with pytest.raises(OperandError, match="fmt='apot', allowed"):
        ReparameterizedClipping("apot", 1.0)
    with pytest.raises(QuantizationError, match=r"alpha=0.0, allowed: > 0.0"):
        ReparameterizedClipping(APoT(4), 0.0)
    with pytest.raises(DatapathError, match="gradient='some', allowed: 'everywhere', 'inside'"):
        ReparameterizedClipping(APoT(4), 1.0, "some")
    with pytest.raises(DatapathError, match="allowed: a format with a level above 0"):
        ReparameterizedClipping(Affine(1), 1.0)
    with pytest.raises(QuantizationError, match="allowed: a power of two for LogQuant"):
        ReparameterizedClipping(LogQuant(3), 3.0)
    two = Planes(np.array([[0, 1], [0, 2]]))
    with pytest.raises(DatapathError, match="planes=2, allowed: 1"):
        ReparameterizedClipping(two, 1.0)
