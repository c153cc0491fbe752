"""Breakpoints: published numbers, the formula against integration, search, bias correction."""

from itertools import combinations
from math import erf, exp, pi, sqrt

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.calibration.bias_correction import bias_correction
from pyqsim.calibration.breakpoint_model import (
    expected_error,
    expected_error_slope,
    one_shot_breakpoint,
    optimal_breakpoint,
    optimal_breakpoints,
)
from pyqsim.calibration.breakpoint_search import RegionSearch, search_ratio
from pyqsim.calibration.piecewise_linear import fit_piecewise_linear
from pyqsim.errors import ModeError, QuantizationError, ShapeError
from pyqsim.formats import PiecewiseLinear

DENSITY = {
    "gaussian": lambda t: np.exp(-t * t / 2) / sqrt(2 * pi),
    "laplace": lambda t: np.exp(-np.abs(t) * sqrt(2)) / sqrt(2),
}


@pytest.mark.parametrize("distribution", DENSITY)
@pytest.mark.parametrize("p", [0.5, 2.0, 4.0])
def test_expected_error_is_step_squared_over_twelve(distribution, p):
    """Integrals of the density by the trapezoid rule, m far out."""
    m, bits = 30.0, 4
    steps = {"paper": (p / 7, (m - p) / 7), "overlapping": (2 * p / 15, 2 * m / 15)}
    t, width = np.linspace(-p, p, 400001, retstep=True)
    values = DENSITY[distribution](t)
    inside = (values.sum() - (values[0] + values[-1]) / 2) * width
    for variant, (fine, coarse) in steps.items():
        wanted = (inside * fine**2 + (1 - inside) * coarse**2) / 12
        got = expected_error(m, p, bits, distribution, variant)
        assert got == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("distribution", DENSITY)
@pytest.mark.parametrize("variant", ["paper", "repo", "overlapping"])
@pytest.mark.parametrize("m", [1.0, 3.0, 10.0, 40.0])
def test_slope_and_optimum(m, distribution, variant):
    p = np.linspace(0.02, 0.98, 25) * m
    d = 1e-5
    for q in p:
        rise = expected_error(m, q + d, 4, distribution, variant) - expected_error(
            m, q - d, 4, distribution, variant
        )
        slope = expected_error_slope(m, q, distribution, variant)
        factor = 1 / (3 * 15**2) if variant == "overlapping" else 2 / (12 * 7**2)  # 4 C(4), 2 C(3)
        assert rise / (2 * d) == pytest.approx(factor * slope, rel=1e-4, abs=1e-9 * m * m)
    best = optimal_breakpoint(m, distribution, variant)
    assert 0 < best < m
    beside = [expected_error_slope(m, best * (1 + e), distribution, variant) for e in (-1e-9, 1e-9)]
    assert beside[0] < 0 < beside[1]
    least = expected_error(m, best, 4, distribution, variant)
    assert least <= min(expected_error(m, q, 4, distribution, variant) for q in p) * (1 + 1e-12)


def test_published_numbers():
    assert one_shot_breakpoint(10.0) == pytest.approx(2.2216, abs=1e-4)
    assert one_shot_breakpoint(10.0, "laplace") == pytest.approx(0.80304483 * sqrt(10) - 0.31667855)
    assert one_shot_breakpoint(3.0) == pytest.approx(np.log(0.86143114 * 3 + 0.607901097496529))
    assert optimal_breakpoint(10.0) == pytest.approx(2.2096, abs=1e-4)
    assert optimal_breakpoint(10.0, tolerance=1e-3) == 2.20947265625  # 10 * 1810 / 2**13
    assert one_shot_breakpoint(0.4) < 0 < one_shot_breakpoint(0.455 + 1e-3)
    for distribution in DENSITY:
        for m in np.linspace(3, 10, 29):
            best, shot = optimal_breakpoint(m, distribution), one_shot_breakpoint(m, distribution)
            assert abs(best - shot) < 0.1 * best


@pytest.mark.parametrize("distribution", DENSITY)
def test_second_lemma(distribution):
    """E(p*) < C(b-1) / (16 C(b)) E_uniform, with equality at p = m / 2."""
    for bits, ratio in zip((2, 3, 4, 6, 8), (0.5625, 0.340, 0.287, 0.258, 0.252), strict=True):
        for m in (4.0, 10.0):
            uniform = (2 * m / (2**bits - 1)) ** 2 / 12
            middle = expected_error(m, m / 2, bits, distribution) / uniform
            assert middle == pytest.approx(ratio, abs=5e-4)
            best = optimal_breakpoint(m, distribution)
            assert expected_error(m, best, bits, distribution) / uniform < middle


def test_fits_of_normal_rows():
    x = np.random.default_rng(0).normal(0, [[0.1], [3.0]], (2, 500))
    fmt = PiecewiseLinear(4)
    m = np.abs(x).max(axis=1)
    deviations = np.std(x, axis=1, ddof=1)
    for method, rule in (
        ("one_shot", one_shot_breakpoint),
        ("optimum", optimal_breakpoint),
        ("program", lambda r: optimal_breakpoint(r, tolerance=1e-3)),
    ):
        scales = fit_piecewise_linear(x, fmt, method=method)
        wanted = [rule(r) * s for r, s in zip(m / deviations, deviations, strict=True)]
        assert scales[2] == pytest.approx(wanted, rel=1e-6)
        assert scales == pytest.approx(fmt.scales(m, scales[2] / m), rel=1e-12)
    laplace = fit_piecewise_linear(x, fmt, distribution="laplace")
    assert laplace[2] == pytest.approx(
        [
            optimal_breakpoint(r, "laplace") * s
            for r, s in zip(m / deviations, deviations, strict=True)
        ]
    )
    tiny = fit_piecewise_linear(x * 2.0**-900, fmt)
    assert (tiny == fit_piecewise_linear(x, fmt) * 2.0**-900).all()
    overlapping = PiecewiseLinear(4, "overlapping")
    scales = fit_piecewise_linear(x, overlapping)
    wanted = [
        optimal_breakpoint(r, variant="overlapping") * s
        for r, s in zip(m / deviations, deviations, strict=True)
    ]
    assert scales[0] * 7.5 == pytest.approx(wanted, rel=1e-6)
    assert scales[1] * 7.5 == pytest.approx(m)


@pytest.mark.parametrize("variant", ["paper", "repo", "overlapping"])
@pytest.mark.parametrize("power", [0.3, 1, 3, 9])
def test_search_is_the_three_stages(variant, power):
    """By a loop over the program's stages, error from real()."""
    row = np.random.default_rng(1).uniform(-1, 1, 60)
    row = np.sign(row) * np.abs(row) ** power
    fmt = PiecewiseLinear(4, variant)
    row = row / np.abs(row).max()

    def error(ratio):
        scales = fmt.scales(1.0, ratio)
        return float(np.sum((qs.QTensor(fmt.encode(row, scales), fmt, scales).real() - row) ** 2))

    best = min((r / 10 for r in range(1, 10)), key=error)
    for step in (0.01, 0.001):
        near = [round(best + k * step, 3) for k in range(-10, 11)]
        best = min((r for r in [best, *near] if 0 < r < 1), key=error)
    assert search_ratio(row, fmt) == best
    assert search_ratio(row * 8e100, fmt) == best
    found = fit_piecewise_linear(row[np.newaxis], fmt, method="search")
    assert (found[:, 0] == fmt.scales(1.0, best)).all()


def test_search_first_of_equals_wins():
    """No error at any ratio: the first candidate stays."""
    assert search_ratio(np.array([]), PiecewiseLinear(4, "repo")) == 0.1
    assert search_ratio(np.zeros(3), PiecewiseLinear(4)) == 0.1


def test_given_breakpoints():
    fmt = PiecewiseLinear(4)
    x = [[-8.0, 1.0], [4.0, 0.0]]
    assert fit_piecewise_linear(x, fmt, breakpoint=0.25)[2].tolist() == [2, 1]
    assert fit_piecewise_linear(x, fmt, breakpoint=[0.25, 0.5])[2].tolist() == [2, 2]
    two = PiecewiseLinear(4, breakpoints=2)
    assert fit_piecewise_linear(x, two, breakpoint=[0.25, 0.5])[2::2].tolist() == [[2, 1], [4, 2]]
    both = [[0.25, 0.5], [0.5, 0.75]]
    assert fit_piecewise_linear(x, two, breakpoint=both)[2::2].tolist() == [[2, 2], [4, 3]]


def test_rows_without_anything():
    fmt = PiecewiseLinear(4)
    for method in ("optimum", "program", "one_shot", "search"):
        for x in ([[0.0, 0.0]], np.zeros((1, 0)), [[3.0]], [[2.0, 2.0]]):
            scales = fit_piecewise_linear(x, fmt, method=method)
            assert scales.shape == (3, 1)
            assert (scales > 0).all()
            top = np.abs(x).max(initial=0)
            assert scales[2] + 7 * scales[1] == pytest.approx(top or 1.0)
    assert fit_piecewise_linear(np.zeros((0, 4)), fmt).shape == (3, 0)


@pytest.mark.parametrize("distribution", DENSITY)
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("m", [1.5, 4.0, 10.0, 30.0])
def test_several_breakpoints_are_a_minimum(m, count, distribution):
    """Better than every random choice, and than every small move."""
    places = optimal_breakpoints(m, count, distribution)

    def error(tried):
        return expected_error(m, [float(p) for p in tried], 4, distribution)

    least = error(places)
    rng = np.random.default_rng(0)
    choices = np.sort(rng.uniform(0, m, (300, count)), axis=1)
    assert least < min(map(error, choices))
    for size in (1e-2, 1e-4):
        moves = rng.normal(0, size * min(places), (100, count))
        assert least <= min(error(np.array(places) + move) for move in moves) * (1 + 1e-14)
    fewer = optimal_breakpoints(m, count - 1, distribution) if count > 2 else None
    assert least < (error(fewer) if fewer else error([optimal_breakpoint(m, distribution)]))


def test_two_breakpoints_on_a_fine_grid():
    """All pairs: the global minimum of the model, which is the one that is found."""
    for m, distribution in ((3.0, "gaussian"), (10.0, "gaussian"), (10.0, "laplace")):
        edges = np.linspace(0, m, 201)
        pairs = [(a, b) for a in edges[1:-1] for b in edges[1:-1] if a < b]
        best = min(pairs, key=lambda pair: expected_error(m, list(pair), 4, distribution))
        found = optimal_breakpoints(m, 2, distribution)
        assert found == pytest.approx(best, abs=m / 100)


def test_fit_of_several_breakpoints():
    x = np.random.default_rng(0).normal(0, [[0.1], [3.0]], (2, 900))
    m, deviations = np.abs(x).max(axis=1), np.std(x, axis=1, ddof=1)
    two = PiecewiseLinear(4, breakpoints=2)
    fits = {method: fit_piecewise_linear(x, two, method=method) for method in ("optimum", "search")}
    wanted = [
        [p * s for p in optimal_breakpoints(r, 2)]
        for r, s in zip(m / deviations, deviations, strict=True)
    ]
    assert pytest.approx(np.array(wanted), rel=1e-6) == fits["optimum"][2::2].T

    def errors(fmt, scales):
        real = qs.QTensor(fmt.encode(x, scales[:, :, None]), fmt, scales, axis=0).real()
        return ((real - x) ** 2).sum(axis=1)

    one = PiecewiseLinear(4)
    single = errors(one, fit_piecewise_linear(x, one, method="search"))
    modelled, searched = (errors(two, fits[method]) for method in ("optimum", "search"))
    assert (searched <= modelled).all()
    assert (modelled < single).all()


@pytest.mark.parametrize("breakpoints", [2, 3])
def test_search_of_several_breakpoints_finds_the_best_choice(breakpoints):
    """The first stage against all choices of twentieths, error from real()."""
    fmt = PiecewiseLinear(3, breakpoints=breakpoints)
    row = np.random.default_rng(5).standard_t(3, 80)
    row = row / np.abs(row).max()

    def error(ratios):
        scales = fmt.scales(1.0, *ratios)
        return float(np.sum((qs.QTensor(fmt.encode(row, scales), fmt, scales).real() - row) ** 2))

    search = RegionSearch(fmt, 1)
    search.update(row[np.newaxis])
    search.end()
    best = min(combinations(np.arange(1, 20) / 20, breakpoints), key=error)
    assert search.ratios()[:, 0].tolist() == list(best)
    for _ in range(2):
        search.update(row[np.newaxis])
        search.end()
    assert search.finished
    assert error(search.ratios()[:, 0]) <= error(best)


def test_breakpoints_that_are_powers_of_two():
    x = np.random.default_rng(1).normal(size=(5, 300)) * 2.0 ** np.arange(5)[:, None] * 1.3
    for fmt in (PiecewiseLinear(4), PiecewiseLinear(4, "repo"), PiecewiseLinear(4, breakpoints=3)):
        scales = fit_piecewise_linear(x, fmt, power_of_two=True)
        plain = fit_piecewise_linear(x, fmt)
        assert (np.frexp(scales)[0] == 0.5).all()
        offsets = scales[2::2]
        assert (offsets[1:] > offsets[:-1]).all()
        assert (offsets[-1] < np.abs(x).max(axis=1)).all()
        near = (offsets[-1] >= plain[-1]) | (2 * offsets[-1] >= np.abs(x).max(axis=1))
        assert near.all()
        assert (offsets[-1] + 7 * scales[-2] >= np.abs(x).max(axis=1)).all()


def test_bias_correction():
    rng = np.random.default_rng(2)
    x = rng.normal(1, 2, (3, 400))
    quantized = np.round(x * 0.8)
    gain, offset = bias_correction(x, quantized)
    corrected = gain[:, None] * quantized + offset[:, None]
    shifted = quantized + (x.mean(axis=1) - quantized.mean(axis=1))[:, None]
    wanted = shifted * (x.std(axis=1) / quantized.std(axis=1))[:, None]
    assert corrected == pytest.approx(wanted)
    assert corrected.std(axis=1) == pytest.approx(x.std(axis=1))
    gain, offset = bias_correction([[2.0, 2.0], [1.0, 3.0]], [[1.0, 1.0], [5.0, 5.0]])
    assert (gain.tolist(), offset.tolist()) == ([1, 1], [1, -3])
    with pytest.raises(ShapeError, match=r"quantized.shape=\(1, 2\), allowed: \(1, 1\)"):
        bias_correction([[1.0]], [[1.0, 2.0]])


def test_errors():
    fmt = PiecewiseLinear(4)
    with pytest.raises(ModeError, match="method='best', allowed: 'optimum', 'program', 'one_shot'"):
        fit_piecewise_linear([[1.0, 2.0]], fmt, method="best")
    with pytest.raises(ModeError, match="distribution='cauchy', allowed: 'gaussian', 'laplace'"):
        fit_piecewise_linear([[1.0, 2.0]], fmt, distribution="cauchy")
    with pytest.raises(ModeError, match="distribution='cauchy'"):
        one_shot_breakpoint(3.0, "cauchy")
    for method in ("program", "one_shot"):
        with pytest.raises(ModeError, match=f"method='{method}', allowed .*: 'optimum', 'search'"):
            fit_piecewise_linear([[1.0, 2.0]], PiecewiseLinear(4, breakpoints=2), method=method)
    with pytest.raises(ModeError, match="at most 16 breakpoints, or breakpoint= their ratios"):
        fit_piecewise_linear([[1.0, 2.0]], PiecewiseLinear(4, breakpoints=17))
    with pytest.raises(ModeError, match=r"method='one_shot', allowed for .*: the others"):
        fit_piecewise_linear([[1.0, 2.0]], PiecewiseLinear(4, "overlapping"), method="one_shot")
    with pytest.raises(ShapeError, match=r"x.shape=\(2,\)"):
        fit_piecewise_linear([1.0, 2.0], fmt)
    with pytest.raises(ShapeError, match=r"breakpoint.shape=\(1, 3\), allowed:"):
        fit_piecewise_linear([[1.0, 2.0]], fmt, breakpoint=[[0.1, 0.2, 0.3]])
    with pytest.raises(ShapeError, match=r"breakpoint.shape=\(1, 3\), allowed:"):
        fit_piecewise_linear([[1.0, 2.0]], fmt, breakpoint=[0.1, 0.2, 0.3])
    with pytest.raises(QuantizationError, match="ratios="):
        fit_piecewise_linear([[1.0, 2.0]], fmt, breakpoint=1.0)


def test_gaussian_distribution_function():
    """The formula as printed, with F and f, at one point."""
    m, p = 5.0, 1.3
    f, big_f = exp(-p * p / 2) / sqrt(2 * pi), (1 + erf(p / sqrt(2))) / 2
    printed = p - 2 * m + 2 * m * big_f + m * (2 * p - m) * f
    assert expected_error_slope(m, p) == pytest.approx(printed, rel=1e-12)
