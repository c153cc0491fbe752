"""DSQ: closed forms, finite differences, and the affine format it becomes."""

from math import log

import numpy as np
import pytest
from training.finite_differences import STEP, TOLERANCE, elementwise, of_parameter

from pyqsim.errors import DatapathError, OperandError, QuantizationError
from pyqsim.formats import Affine, PowerOfTwo
from pyqsim.modes import HALF_DOWN, HALF_EVEN, HALF_ODD
from pyqsim.training import DSQ

ALPHAS = [0.05, 0.2, 0.4, 0.9]


def away_from_kinks(x, f):
    """Numbers whose differences do not straddle the end of a segment (or a limit)."""
    step = (f.upper - f.lower) / f.steps
    w = (x - f.lower) / step
    return abs(w - np.rint(w)) * step > 4 * STEP


def test_published_slopes():
    """Middle of a segment kappa / (2 * (1 - alpha)), its ends 1 - (1 - alpha)**2 of that."""
    for alpha, middle, edge in ((0.2, 1.373, 0.494), (0.4, 1.155, 0.739)):
        f = DSQ(Affine(2, signed=False), 0.0, 3.0, alpha)
        slopes = f.backward([0.5, 1.0, 2.0, 2.5], 1.0).dx
        assert slopes.round(3).tolist() == [middle, edge, edge, middle]
        closed = log(2 / alpha - 1) / (2 * (1 - alpha))
        assert abs(slopes[0] - closed) < 1e-15 * 8


@pytest.mark.parametrize("variant", ["paper", "mqbench"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_soft_form_by_the_papers_formula(variant, alpha):
    """i, m_i, k, s, phi as the paper writes them."""
    lower, upper, bits = -1.3, 2.1, 3
    delta = (upper - lower) / (2**bits - 1)
    k, s = log(2 / alpha - 1) / delta, 1 / (1 - alpha)
    x = np.linspace(lower, upper, 400)[1:-1]
    i = np.floor((x - lower) / delta)
    phi = s * np.tanh(k * (x - (lower + (i + 0.5) * delta)))
    expected = lower + delta * (i + (phi + 1) / 2)
    got = DSQ(Affine(bits), lower, upper, alpha, variant).soft(x)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)  # some ulps of 2


@pytest.mark.parametrize("alpha", ALPHAS)
def test_paper_gradients_are_derivatives(alpha):
    rng = np.random.default_rng(4)
    lower, upper = np.array([[-1.0], [-0.3]]), np.array([[2.0], [0.9]])
    x = rng.uniform(-1.5, 2.5, (2, 60))
    f = DSQ(Affine(3), lower, upper, alpha)
    x = np.where(away_from_kinks(x, f), x, 0.123)
    assert away_from_kinks(x, f).all()
    upstream = rng.normal(0, 1, x.shape)
    got = f.backward(x, upstream)

    def loss(lower=lower, upper=upper, alpha=alpha):
        return float((upstream * DSQ(Affine(3), lower, upper, alpha).forward(x)).sum())

    np.testing.assert_allclose(got.dx, upstream * elementwise(f.forward, x), **TOLERANCE)
    by_lower = of_parameter(lambda v: loss(lower=v), lower)
    np.testing.assert_allclose(got.dlower, by_lower, **TOLERANCE)
    by_upper = of_parameter(lambda v: loss(upper=v), upper)
    np.testing.assert_allclose(got.dupper, by_upper, **TOLERANCE)
    by_alpha = of_parameter(lambda v: loss(alpha=v), np.array(alpha))
    np.testing.assert_allclose(got.dalpha, by_alpha, **TOLERANCE)
    assert ((x < lower).any(), (x > upper).any()) == (True, True)


def test_moving_everything_moves_the_output():
    """dy/dx + dy/dl + dy/du = 1: a law of either variant, derived from neither formula."""
    x = np.random.default_rng(5).uniform(-2, 3, 100)
    for variant in ("paper", "mqbench"):
        f = DSQ(Affine(4), np.full(100, -1.1), np.full(100, 2.3), 0.3, variant)
        g = f.backward(x, 1.0)
        np.testing.assert_allclose(g.dx + g.dlower + g.dupper, 1.0, rtol=0, atol=1e-13)


def test_mqbench_gradients_are_those_of_its_program():
    """v = clamp(x / S + Z); y = S * (v' + (round(v') - v') held fixed - Z), by autograd's rules."""
    fmt, scale, zero_point, alpha = Affine(4), 0.25, 3, 0.4
    x = np.random.default_rng(6).uniform(-4, 3, 200)
    lower, upper = scale * (-8 - zero_point), scale * (7 - zero_point)
    got = DSQ(fmt, np.full(200, lower), np.full(200, upper), np.full(200, alpha), "mqbench")
    g = got.backward(x, 1.0)
    v = np.clip(x / scale + zero_point, -8, 7)
    passes = (x / scale + zero_point >= -8) & (x / scale + zero_point <= 7)
    s, kappa = 1 / (1 - alpha), log(2 / alpha - 1)
    t = np.tanh(kappa * (v - np.floor(v) - 0.5))
    slope = 0.5 * s * kappa * (1 - t**2)
    soft = np.floor(v) + 0.5 * s * t + 0.5
    hard = np.rint(soft)
    np.testing.assert_allclose(got.forward(x), scale * (hard - zero_point), rtol=0, atol=1e-14)
    np.testing.assert_allclose(g.dx, passes * slope, rtol=0, atol=1e-12)
    # the program's scale moves both limits: dl = qmin - Z, du = qmax - Z
    by_scale = g.dlower * (-8 - zero_point) + g.dupper * (7 - zero_point)
    program = (hard - zero_point) - passes * slope * x / scale
    np.testing.assert_allclose(by_scale, program, rtol=0, atol=1e-11)
    # dkappa/dalpha = -2 / (alpha (2 - alpha)), ds/dalpha = s**2
    dkappa = -2 / (alpha * (2 - alpha))
    f = v - np.floor(v) - 0.5
    dalpha = scale * 0.5 * (s**2 * t + s * (1 - t**2) * f * dkappa)
    np.testing.assert_allclose(g.dalpha, np.where(passes, dalpha, 0), rtol=0, atol=1e-12)
    assert 0 < passes.mean() < 1


@pytest.mark.parametrize("variant", ["paper", "mqbench"])
def test_the_limits_themselves_are_inside(variant):
    """As torch.clamp has it; the level and the slope are those of any other segment's end."""
    f = DSQ(Affine(2), -1.0, 2.0, 0.3, variant)
    assert f.forward([-1.0, 2.0, -1.1, 2.1]).tolist() == [-1, 2, -1, 2]
    g = f.backward([-1.0, 0.0, 2.0, np.nextafter(-1, -2), np.nextafter(2, 3)], 1.0).dx
    np.testing.assert_allclose(g[:3], g[1], rtol=1e-14)
    assert g[1] > 0
    assert g[3:].tolist() == [0, 0]


def test_segments_meet_and_small_alpha_is_hard():
    f = DSQ(Affine(3, signed=False), 0.0, 7.0, 0.3)
    np.testing.assert_allclose(f.soft(np.arange(8.0)), np.arange(8.0), rtol=0, atol=1e-14)
    below = np.nextafter(np.arange(1, 8.0), 0)  # the other end of each segment
    np.testing.assert_allclose(f.soft(below), np.arange(1, 8.0), rtol=0, atol=1e-12)
    x = np.random.default_rng(7).uniform(0, 7, 300)
    x = x[abs(x - np.floor(x) - 0.5) > 0.3]  # 1 - tanh(21.4 * 0.3) is 5e-6
    steep = DSQ(Affine(3, signed=False), 0.0, 7.0, 1e-9)
    np.testing.assert_allclose(steep.soft(x), steep.hard(x), rtol=0, atol=5e-6)
    assert (f.hard(x) == np.rint(x)).all()


@pytest.mark.parametrize(
    "fmt", [Affine(3), Affine(4, signed=False), Affine(4, narrow=True)], ids=str
)
@pytest.mark.parametrize("variant", ["paper", "mqbench"])
@pytest.mark.parametrize("zero_point", [0, 1, 2, 3])
def test_hard_form_is_affine_bit_for_bit(fmt, variant, zero_point):
    """On a dyadic grid every number of both sides is exact: all ties and clipped numbers too."""
    scale = 0.25
    lower, upper = scale * (fmt.code_min - zero_point), scale * (fmt.code_max - zero_point)
    f = DSQ(fmt, lower, upper, 0.3, variant)
    d = f.to_affine()
    rules = {"paper": HALF_DOWN, "mqbench": HALF_ODD if zero_point % 2 else HALF_EVEN}
    assert (d.format, d.scale, d.zero_point, d.rounding) == (fmt, scale, zero_point, rules[variant])
    x = np.arange(-400, 401) / 64  # eighths of a step and finer
    codes = d.format.encode(x, d.scale, d.zero_point, d.rounding)
    clipped = d.format.encode(np.clip(x, lower, upper), d.scale, d.zero_point, d.rounding)
    real = scale * (codes.astype(float) - zero_point)
    assert f.hard(x).tolist() == real.tolist()
    assert (codes == clipped).all()


@pytest.mark.parametrize("variant", ["paper", "mqbench"])
def test_aligned_limits_deploy(variant):
    """Any limits, per channel: the nearest grid with 0 on it; codes equal away from ties."""
    rng = np.random.default_rng(8)
    lower, upper = -rng.uniform(0.1, 3, (20, 1)), rng.uniform(0.1, 3, (20, 1))
    x = rng.uniform(-4, 4, (20, 200))
    for i in range(20):  # apart: zero points of both parities
        f = DSQ(Affine(4, signed=False), lower[i], upper[i], 0.2, variant)
        a = f.aligned()
        d = a.to_affine()
        step = (upper[i] - lower[i]) / 15
        assert abs(a.lower - lower[i]) <= step * (0.5 + 1e-12)
        np.testing.assert_allclose(a.upper - a.lower, upper[i] - lower[i], rtol=1e-14)
        codes = d.format.encode(x[i], d.scale, d.zero_point, d.rounding)
        assert (np.rint((a.hard(x[i]) - a.lower) / d.scale) == codes).all()


def test_deployment_refused():
    with pytest.raises(QuantizationError, match=r"code of 0=1.5, allowed: an integer; see DSQ.al"):
        DSQ(Affine(2, signed=False), -1.0, 1.0).to_affine()
    with pytest.raises(QuantizationError, match=r"zero_point=-1, allowed: 0..3"):
        DSQ(Affine(2, signed=False), 1.0, 4.0).to_affine()
    two = DSQ(Affine(2, signed=False), [-1.0, -2.0], [2.0, 1.0], 0.4, "mqbench")
    with pytest.raises(QuantizationError, match=r"zero_point=\[1, 2\], allowed in variant 'mqb"):
        two.to_affine()


def test_refused():
    with pytest.raises(QuantizationError, match=r"alpha=2.0, allowed: > 0.0, < 1.0"):
        DSQ(Affine(2), 0.0, 1.0, 2.0)
    with pytest.raises(QuantizationError, match=r"upper - lower=0.0, allowed: > 0, finite"):
        DSQ(Affine(2), 1.0, 1.0)
    with pytest.raises(DatapathError, match="DSQ: variant='soft', allowed: 'paper', 'mqbench'"):
        DSQ(Affine(2), 0.0, 1.0, 0.2, "soft")
    with pytest.raises(OperandError, match="allowed: an Affine"):
        DSQ(PowerOfTwo(3), 0.0, 1.0)
