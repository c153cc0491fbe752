"""Soft thresholds: inference form, derivatives of the paper's form, the program's deviations."""

import numpy as np
import pytest
from training.finite_differences import TOLERANCE, elementwise, of_parameter

from pyqsim.errors import DatapathError, QuantizationError, ShapeError
from pyqsim.training import SoftThresholds

WEIGHTS = ([-4, -2, -1, 0, 1, 2, 4], [-3.0, -1.4, -0.5, 0.6, 1.5, 2.9])
ACTIVATIONS = ([0, 1, 2, 4], [0.4, 1.6, 3.1])


def sigma(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("variant", ["paper", "program"])
def test_inference_counts_thresholds_strictly_below(variant):
    levels, thresholds = WEIGHTS
    x = np.concatenate([np.linspace(-5, 5, 101), np.array(thresholds) / 2])
    f = SoftThresholds(levels, thresholds, alpha=0.5, beta=2.0, variant=variant)
    codes = [sum(2 * v > b for b in thresholds) for v in x.tolist()]
    assert f.hard(x).tolist() == [0.5 * levels[c] for c in codes]
    levels, thresholds = ACTIVATIONS
    f = SoftThresholds(levels, thresholds, 0.5, 2.0, operand="activations", variant=variant)
    codes = [sum(2 * v > b for b in thresholds) for v in x.tolist()]
    assert f.hard(x).tolist() == [0.5 * levels[c] for c in codes]


def test_equal_thresholds_make_weights_binary():
    """The program's resnet18-w-1: levels -1, 0, 1, both thresholds 0; 0 and below give -1."""
    f = SoftThresholds([-1, 0, 1], [0, 0])
    assert f.hard([-0.1, 0.0, 1e-300, 2.0]).tolist() == [-1, -1, 1, 1]


@pytest.mark.parametrize(("operand", "sets"), [("weights", WEIGHTS), ("activations", ACTIVATIONS)])
@pytest.mark.parametrize("temperature", [0.5, 3.0, 30.0])
def test_paper_gradients_are_derivatives(operand, sets, temperature):
    rng = np.random.default_rng(1)
    x, upstream = rng.normal(0, 2, (3, 50)), rng.normal(0, 1, (3, 50))
    alpha, beta = np.array([[0.8], [1.0], [2.0]]), np.array([[1.2], [1.0], [0.6]])

    def made(alpha=alpha, beta=beta):
        return SoftThresholds(*sets, alpha, beta, temperature, operand)

    got = made().backward(x, upstream)
    np.testing.assert_allclose(got.dx, upstream * elementwise(made().forward, x), **TOLERANCE)
    by_alpha = of_parameter(lambda v: float((upstream * made(alpha=v).forward(x)).sum()), alpha)
    np.testing.assert_allclose(got.dalpha, by_alpha, **TOLERANCE)
    by_beta = of_parameter(lambda v: float((upstream * made(beta=v).forward(x)).sum()), beta)
    np.testing.assert_allclose(got.dbeta, by_beta, **TOLERANCE)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 5000.0])
def test_program_weights(temperature):
    """anybit.py: forward at the capped T, sigma of the backward at T = 1, then times T."""
    levels, thresholds = WEIGHTS
    alpha, beta = 0.7, 1.3
    x, upstream = np.random.default_rng(2).normal(0, 2, (2, 40))
    capped, gaps = min(temperature, 2000.0), np.diff(levels)
    y = -sum(gaps) / 2 + np.zeros(40)
    slope = np.zeros(40)
    for gap, b in zip(gaps, thresholds, strict=True):
        y += gap * sigma(np.clip(capped * (beta * x - b), -10, 10))
        one = sigma(np.clip(beta * x - b, -10, 10)) * gap
        slope += one * (gap - one) / gap
    slope *= capped
    f = SoftThresholds(levels, thresholds, alpha, beta, temperature, variant="program")
    g = f.backward(x, upstream)
    close = {"rtol": 1e-11, "atol": 1e-12}  # the same sums in another order
    np.testing.assert_allclose(f.forward(x), alpha * y, **close)
    np.testing.assert_allclose(g.dx, slope * beta * alpha * upstream, **close)
    np.testing.assert_allclose(g.dbeta, (slope * x * alpha * upstream).sum(), **close)
    np.testing.assert_allclose(g.dalpha, (y * upstream).sum(), **close)
    paper = SoftThresholds(levels, thresholds, alpha, beta, temperature).backward(x, upstream)
    differs = not np.allclose(paper.dx, g.dx, rtol=1e-3)
    assert differs == (temperature != 1.0)


def test_program_activations():
    """models/quantization.py: (s sigma)(1 - s sigma) T, T not capped."""
    levels, thresholds = ACTIVATIONS
    alpha, beta, temperature = 0.7, 1.3, 3000.0
    x = np.array([0.1, 0.4 / 1.3, 1.2, 1.6 / 1.3 + 1e-4, 2.0, 3.1 / 1.3, 9.0])
    slope = np.zeros(7)
    for gap, b in zip(np.diff(levels), thresholds, strict=True):
        out = gap / (1 + np.exp(-np.clip(temperature * (beta * x - b), -10, 10)))
        slope += out * (1 - out) * temperature
    f = SoftThresholds(levels, thresholds, alpha, beta, temperature, "activations", "program")
    g = f.backward(x, 1.0)
    np.testing.assert_allclose(g.dx, alpha * beta * slope, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(g.dbeta, (alpha * x * slope).sum(), rtol=1e-9)
    assert (g.dx < 0).any()  # 2 sigma (1 - 2 sigma) is negative where sigma > 1/2
    paper = SoftThresholds(levels, thresholds, alpha, beta, temperature, "activations")
    assert (paper.backward(x, 1.0).dx >= 0).all()


def test_program_activations_with_unit_gaps_are_the_papers():
    """The second deviation is none where every gap is 1 (and nothing is clamped)."""
    x = np.linspace(0, 4, 50)
    arguments = ([0, 1, 2, 3], [0.5, 1.5, 2.5], 1.1, 0.9, 2.0, "activations")
    a = SoftThresholds(*arguments, "paper").backward(x, 1.0)
    b = SoftThresholds(*arguments, "program").backward(x, 1.0)
    assert (a.dx == b.dx).all()


def test_hot_limits_are_the_hard_form():
    levels, thresholds = WEIGHTS
    x = np.linspace(-5, 5, 77) + 0.01
    f = SoftThresholds(levels, thresholds, temperature=1e6)
    assert f.forward(x).tolist() == f.hard(x).tolist()
    assert not f.backward(x, 1.0).dx.any()  # and no exponential has overflowed


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0, 1], [0, 1]), ShapeError, r"levels.shape=\(2,\), thresholds.shape=\(2,\), allowed"),
        (([0], []), ShapeError, r"levels.shape=\(1,\)"),
        (([1, 0], [0]), QuantizationError, "allowed: ascending"),
        (([0, 1, 2], [1, 0]), QuantizationError, "allowed: ascending"),
        (([0, 1], [0], 0.0), QuantizationError, "alpha=0.0, allowed: > 0.0"),
        (([0, 1], [0], 1.0, -1.0), QuantizationError, "beta=-1.0, allowed: > 0.0"),
        (([0, 1], [0], 1.0, 1.0, 0.0), QuantizationError, "temperature=0.0, allowed: > 0.0"),
        (([0, 1], [0], 1.0, 1.0, 1.0, "both"), DatapathError, "operand='both', allowed: 'weights'"),
        (([0, 1], [0], 1.0, 1.0, 1.0, "weights", "code"), DatapathError, "variant='code', allow"),
    ],
)
def test_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        SoftThresholds(*arguments)
