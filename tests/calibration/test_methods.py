"""Every method against a definition written down again: fractions, loops, numeric minima."""

from fractions import Fraction
from math import erfc, exp, floor, inf, log, pi, sqrt
from statistics import NormalDist, median_low

import numpy as np
import pytest
from formats.fraction_encoders import rounded_exponent
from hypothesis import given, settings
from hypothesis import strategies as st

from pyqsim.calibration import fit_scale, quantize
from pyqsim.calibration.aciq import gauss_clip, gauss_reach, laplace_clip, laplace_reach
from pyqsim.calibration.fixed_sum import FixedSums
from pyqsim.calibration.kl import least_divergence
from pyqsim.calibration.logarithm import natural_logarithm
from pyqsim.errors import ModeError, QuantizationError
from pyqsim.formats import (
    Affine,
    APoT,
    Binary,
    BitPlanes,
    Codebook,
    LogQuant,
    PiecewiseLinear,
    Planes,
    PowerOfTwo,
    Ternary,
)

EVERY_FORMAT = [
    Affine(8),
    Affine(4, narrow=True),
    Affine(4, signed=False),
    Binary(),
    Binary("01"),
    Ternary(),
    LogQuant(3, True),
    LogQuant(3, True, base="sqrt2"),
    PowerOfTwo(4),
    PowerOfTwo(4, "pot_paper"),
    PowerOfTwo(4, "deepshift_q"),
    PowerOfTwo(4, "deepshift_ps"),
    PowerOfTwo(4, "inq"),
    PowerOfTwo(4, "qkeras_po2"),
    APoT(4),
    APoT(4, signed=False),
    Codebook([-4, -2, -1, 0, 1, 2, 4]),
]
normal = np.random.default_rng(3).normal(size=400)


# -- ranges ----------------------------------------------------------------------------------------


def test_minmax_is_not_symmetric_by_default():
    assert fit_scale([-1.0, 3.0], Affine(8), method="minmax") == (4 / 255, -64)  # -128 + 63.75
    assert fit_scale([-1.0, 3.0], Affine(8), method="minmax", symmetric=True) == (3 / 127, 0)
    assert fit_scale([-1.0, 3.0], PowerOfTwo(4), method="minmax") == (3.0, 0)


@pytest.mark.parametrize("bits", range(1, 17))
def test_half_step(bits):
    scale, zero_point = fit_scale([-10.0, 3.0], Affine(bits), symmetric="half_step")
    assert (scale, zero_point) == (2 * 10 / (2**bits - 1), 0)


def test_half_step_of_the_widest_range():
    assert fit_scale([1.7e308], Affine(8), symmetric="half_step")[0] == 1.7e308 / 127.5


@pytest.mark.parametrize("fmt", [Affine(8, signed=False), Affine(8, narrow=True), PowerOfTwo(4)])
def test_half_step_refused(fmt):
    with pytest.raises(ModeError, match=r"symmetric='half_step', allowed for"):
        fit_scale([1.0], fmt, symmetric="half_step")


@pytest.mark.parametrize(
    ("alpha", "n1"), [(1.4999, 0), (1.5, 1), (0.75, 0), (0.7499, -1), (3.0, 2), (5e-324, -1074)]
)
def test_inq_scale(alpha, n1):
    """floor(log2(4 * alpha / 3))."""
    assert 2.0**n1 <= 4 * Fraction(alpha) / 3 or alpha == 5e-324
    assert fit_scale([alpha, -alpha / 2], PowerOfTwo(5, "inq"))[0] == max(2.0**n1, 5e-324)


@given(st.floats(1e-300, 1e300), st.sampled_from(["log", "floor"]), st.integers(1, 6))
def test_fsr_in_base_root_two(alpha, rule, bits):
    """The smallest full scale at which alpha is not beyond the largest code."""
    fmt = LogQuant(bits, False, rule, "sqrt2")
    scale, _ = fit_scale([alpha], fmt)
    power = Fraction(alpha) ** (4 if rule == "log" else 2)
    steps = rounded_exponent(power, "floor")
    steps = (steps + 1) // 2 if rule == "log" else steps
    fsr = floor(Fraction(steps, 2)) + 1
    assert Fraction(float(scale)) == Fraction(2) ** fsr
    assert 2 * (fsr - 1) - 1 < steps <= 2 * fsr - 1
    assert fmt.encode(alpha, scale) in (fmt.code_max, fmt.code_max - 1)


@pytest.mark.parametrize("k", [1, 2, 3, 10, 500])
@pytest.mark.parametrize("n", [1, 2, 9, 400])
def test_top_k_median(k, n):
    x = normal[:n]
    largest = sorted(abs(x))[-k:]
    assert fit_scale(x, PowerOfTwo(4), method="top_k_median", top_k=k)[0] == median_low(largest)
    high = max(0.0, median_low(sorted(x)[-k:]))
    low = min(0.0, median_low(sorted(x)[:k]))
    scale, _ = fit_scale(x, Affine(8), method="top_k_median", top_k=k, symmetric=False)
    assert scale == ((high - low) / 255 if high > low else 1.0)


def test_top_ten_are_the_sixth_largest_and_the_fifth_smallest():
    x = np.arange(-50, 51.0)
    scale, _ = fit_scale(x, Affine(8), method="top_k_median", symmetric=False)
    assert scale == (45 + 46) / 255
    assert fit_scale(x[50:], PowerOfTwo(4), method="top_k_median")[0] == 45


# -- powers of two ---------------------------------------------------------------------------------


@given(
    st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=8),
    st.sampled_from(EVERY_FORMAT),
    st.sampled_from(["max", "minmax", "percentile", "top_k_median", "mse"]),
)
@settings(deadline=None)
def test_power_of_two_is_rounded_up(x, fmt, method):
    options = {"percentile": 80, "top_k": 3, "grid": 7}
    scale, zero_point = fit_scale(x, fmt, method=method, power_of_two=True, **options)
    assert Fraction(float(scale)).numerator & (Fraction(float(scale)).numerator - 1) == 0
    if method == "mse":
        return  # chooses among rounded ones
    free, _ = fit_scale(x, fmt, method=method, **options)
    assert free <= scale < 2 * free
    if method in ("max", "minmax"):
        codes = fmt.encode(x, scale, zero_point)
        value = Fraction(float(scale)) / 2**fmt.frac_bits
        n = fmt.decode(codes) - zero_point
        beyond = [
            abs(Fraction(v)) - abs(value * int(k))
            for v, k in zip(x, n, strict=True)
            if v > 0 or fmt.integers().min() < 0 or fmt.has_zero_point
        ]
        if isinstance(fmt, Affine):  # no error above half a step: nothing saturates
            assert all(b <= value / 2 + value * bool(zero_point) for b in beyond)


def test_powers_of_two_stay():
    assert fit_scale([127.0], Affine(8), power_of_two=True)[0] == 1.0
    assert fit_scale([127.5], Affine(8), power_of_two=True)[0] == 2.0
    assert fit_scale([5e-324], Affine(8), power_of_two=True)[0] == 5e-324
    with pytest.raises(QuantizationError, match="fitted scale=inf"):
        fit_scale([1.7e308], PowerOfTwo(4), power_of_two=True)


# -- squared error ---------------------------------------------------------------------------------


def squared_error(x, fmt, scale, zero_point):
    """Exact."""
    codes = fmt.encode(x, scale, zero_point)
    values = [Fraction(float(scale)) * int(n - zero_point) / 2**fmt.frac_bits
              for n in fmt.decode(codes)]  # fmt: skip
    return sum((Fraction(float(v)) - y) ** 2 for v, y in zip(x, values, strict=True))


@pytest.mark.parametrize("fmt", EVERY_FORMAT, ids=str)
@pytest.mark.parametrize("power_of_two", [False, True])
def test_least_squared_error(fmt, power_of_two):
    x, grid = normal[:60] ** 3, 12
    found = fit_scale(x, fmt, method="mse", grid=grid, power_of_two=power_of_two)
    errors = {}
    for j in range(grid, 0, -1):
        shrunk = [min(x) * (j / grid), max(x) * (j / grid)]
        scale, zero_point = fit_scale(shrunk, fmt, power_of_two=power_of_two)
        errors.setdefault((float(scale), int(zero_point)), squared_error(x, fmt, scale, zero_point))
    best = min(errors.values())
    assert (float(found[0]), int(found[1])) == next(k for k, e in errors.items() if e == best)


def test_a_tie_goes_to_the_widest_range():
    # {0, 2, 4, 6} are levels at step 2 and at step 1; half steps lose them.
    scale, _ = fit_scale([2.0, -4.0, 6.0], Affine(4), method="mse", grid=7, power_of_two=True)
    assert scale == 1.0  # alpha 6: 6 / 7 rounded up; narrower ranges clip
    assert fit_scale([0.0, 0.0], Affine(4), method="mse") == (1.0, 0)


def test_squared_error_at_the_ends_of_float64():
    for x in ([1.7e308, -1e308, 3e307], [5e-324, 1e-323, 0.0], [1e308, 5e-324]):
        scale, _ = fit_scale(x, Affine(8), method="mse")
        assert 0 < scale <= fit_scale(x, Affine(8))[0]
    with pytest.raises(QuantizationError, match="fitted scale"):
        fit_scale([[1.0], [1.7e308]], APoT(5), axis=0, method="mse")


def test_full_scale_range_by_squared_error():
    """One far outlier: max takes the octave of it, the search another."""
    x = np.concatenate([np.linspace(0.004, 0.03, 3000), [1.0]])
    fmt = LogQuant(2)
    assert fit_scale(x, fmt)[0] == 2.0
    assert fit_scale(x, fmt, method="mse")[0] < 2.0


# -- sums, logarithms ------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=20))
def test_sums_are_exact(values):
    sums = FixedSums(1)
    for v in values:
        sums.add(np.array([[v]]))
    total = sum(floor(Fraction(v) * 2**60) for v in values)
    assert sums.totals() == [total]
    other = FixedSums(1)
    other.add(np.array([[*values, 2.0**-60]]))
    assert (sums.below(other), other.below(sums), sums.below(sums.copy())) == (True, False, False)


def test_sums_carry():
    """2**29 units twice are one more than 2**30 - 1 units."""
    one, other = FixedSums(1), FixedSums(1)
    for _ in range(2):
        one.add(np.array([[2.0**-31]]))
    other.add(np.array([[2.0**-30 - 2.0**-60]]))
    assert (other.below(one), one.below(other)) == (True, False)


@given(st.integers(1, 2**53))
def test_logarithm(n):
    assert natural_logarithm(np.array([n]))[0] == pytest.approx(log(n), rel=4e-16, abs=1e-16)


# -- divergence ------------------------------------------------------------------------------------


def divergences(histogram, levels):
    """The definition, bin by bin."""
    found = {}
    for i in range(levels, len(histogram) + 1):
        p = [int(c) for c in histogram[:i]]
        q = [0.0] * i
        for g in range(levels):
            bins = [k for k in range(i) if k * levels // i == g]
            filled = [k for k in bins if p[k]]
            for k in filled:
                q[k] = sum(p[b] for b in bins) / len(filled)
        p[-1] += int(sum(histogram[i:]))
        if any(a and not b for a, b in zip(p, q, strict=True)) or not sum(q):
            found[i] = inf
            continue
        t, s = sum(p), sum(q)
        found[i] = sum(a / t * log((a / t) / (b / s)) for a, b in zip(p, q, strict=True) if a)
    return found


@given(st.lists(st.integers(0, 50), min_size=4, max_size=24), st.integers(1, 4))
def test_least_divergence(histogram, levels):
    i = least_divergence(np.array(histogram), levels)
    if not sum(histogram):
        assert i == len(histogram)
        return
    expected = divergences(histogram, levels)
    assert expected[i] <= min(expected.values()) + 1e-12
    first = next(j for j, d in expected.items() if d <= min(expected.values()) + 1e-12)
    assert i == first or abs(expected[i] - expected[first]) < 1e-12


@pytest.mark.parametrize(
    ("histogram", "levels", "kept"),
    [
        ([1, 10, 0, 6, 0], 1, 1),
        ([0, 0, 10, 4, 9, 0, 5], 3, 3),
        ([0, 11, 1, 7, 0, 10, 0, 10, 8], 3, 9),  # 7 would be less, but its last bin is empty
        ([8, 8, 8, 8, 8, 8, 1, 0], 2, 6),
        ([9, 9, 9, 9, 0, 0, 0, 1], 2, 8),
    ],
)
def test_least_divergence_literals(histogram, levels, kept):
    assert least_divergence(np.array(histogram), levels) == kept


def test_the_largest_number_is_in_the_last_bin():
    x = np.abs(np.random.default_rng(0).normal(size=20)) ** 3  # all 16 bins are kept
    assert fit_scale(x, Affine(4), method="kl", bins=16)[0] == max(x) / 7


@pytest.mark.parametrize("fmt", [Affine(4), Affine(4, signed=False), Affine(5, narrow=True)])
def test_divergence_of_data(fmt):
    x = normal**3
    size = np.abs(x) if fmt.signed else np.maximum(x, 0)
    alpha = Fraction(float(size.max()))
    bins = [min(floor(Fraction(float(v)) * 64 / alpha), 63) for v in size]
    histogram = np.bincount(bins, minlength=64)
    kept = least_divergence(histogram, fmt.code_max + 1)
    scale, zero_point = fit_scale(x, fmt, method="kl", bins=64)
    expected = float(size.max()) * min((kept + 0.5) / 64, 1.0)
    assert (scale, zero_point) == (expected / fmt.code_max, 0)
    assert kept < 64


def test_divergence_refused():
    with pytest.raises(ModeError, match=r"method='kl', allowed: Affine formats, not PowerOfTwo"):
        fit_scale([1.0], PowerOfTwo(4), method="kl")
    with pytest.raises(ModeError, match=r"bins=64, allowed for Affine.*: at least 128"):
        fit_scale([1.0], Affine(8), method="kl", bins=64)
    with pytest.raises(ModeError, match=r"symmetric=False, allowed for method='kl': True or None"):
        fit_scale([1.0], Affine(8), method="kl", symmetric=False)


# -- distributions ---------------------------------------------------------------------------------

#: The tables of the ACIQ program, cut after two digits, for 1..8 bits.
PUBLISHED_LAPLACE = [1.86, 2.83, 3.89, 5.03, 6.2, 7.41, 8.64, 9.89]
PUBLISHED_GAUSS = [1.24, 1.71, 2.15, 2.55, 2.93, 3.28, 3.61, 3.92]


def test_published_clips():
    for bits in range(1, 9):
        assert laplace_clip(bits) == pytest.approx(PUBLISHED_LAPLACE[bits - 1], abs=0.01)
        assert gauss_clip(bits) == pytest.approx(PUBLISHED_GAUSS[bits - 1], abs=0.01)


@pytest.mark.parametrize("bits", range(1, 9))
def test_clips_minimise_the_error(bits):
    def laplace(t):
        return 2 * exp(-t) + t * t / (3 * 4**bits)

    def gauss(t):
        tail = erfc(t / sqrt(2)) / 2
        outside = 2 * ((1 + t * t) * tail - t * exp(-t * t / 2) / sqrt(2 * pi))
        return outside + t * t / (3 * 4**bits)

    for error, best in ((laplace, laplace_clip(bits)), (gauss, gauss_clip(bits))):
        assert error(best) < min(error(best * 0.999), error(best * 1.001))


def test_clips_are_roots_to_full_precision():
    for bits in range(1, 17):
        t = laplace_clip(bits)
        assert t + log(t) == pytest.approx(log(3 * 4**bits), rel=1e-15)
    assert laplace_clip(2) == 2.8306829893702337  # Lambert's W(48)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_clipped_by_a_distribution(bits):
    x = normal * 1e-3
    b = sum(abs(Fraction(float(v))) for v in x) / len(x)
    sigma = sqrt(sum(Fraction(float(v)) ** 2 for v in x) / len(x))
    code_max = 2 ** (bits - 1) - 1
    largest = max(abs(x))
    for method, alpha in (
        ("aciq_laplace", float(b) * laplace_clip(bits)),
        ("aciq_gauss", sigma * gauss_clip(bits)),
    ):
        scale, zero_point = fit_scale(x, Affine(bits), method=method)
        assert scale == pytest.approx(min(alpha, largest) / code_max, rel=1e-14)
        assert zero_point == 0
    assert fit_scale(x, Binary(), method="mean_abs")[0] == pytest.approx(float(b), rel=1e-15)


def test_distributions_at_the_ends_of_float64():
    for x in ([1.7e308, -1.7e308], [5e-324], [0.0], []):
        for method in ("aciq_laplace", "aciq_gauss"):
            assert fit_scale(x, Affine(8), method=method)[0] == fit_scale(x, Affine(8))[0]
            unsigned = Affine(8, signed=False)
            for symmetric in (True, False):
                if not symmetric and len(x) == 2:
                    continue  # the range itself overflows
                options = {"symmetric": symmetric}
                got = fit_scale(x, unsigned, method=method, **options)
                assert got == fit_scale(x, unsigned, **options)


#: Published tables for numbers >= 0 (submission to NeurIPS 2019, alpha_*_positive), 1..8 bits.
POSITIVE_LAPLACE = (2.83, 3.89, 5.02, 6.2, 7.41, 8.64, 9.89, 11.16)
POSITIVE_GAUSS = (1.71, 2.15, 2.55, 2.93, 3.28, 3.61, 3.92, 4.2)


def test_published_clips_of_positive_numbers():
    for bits in range(1, 9):
        assert laplace_clip(bits + 1) == pytest.approx(POSITIVE_LAPLACE[bits - 1], abs=0.01)
        assert gauss_clip(bits + 1) == pytest.approx(POSITIVE_GAUSS[bits - 1], abs=0.02)


def density(distribution, t):
    if distribution == "laplace":
        return np.exp(-np.abs(t)) / 2
    return np.exp(-t * t / 2) / sqrt(2 * pi)


def integrated_error(distribution, apart, low, high, bits, relu=False):
    """Clipping error by integration; steps of ``(high - low) / 2**bits`` count as uniform.

    Of numbers about `apart`, of size 1. relu: negative numbers count as 0, which errs nothing.
    """
    t, width = np.linspace(-45, 45, 900001, retstep=True)
    x = t + apart
    outside = np.maximum(x - high, 0) ** 2 + (0 if relu else np.maximum(low - x, 0) ** 2)
    clipped = float((outside * density(distribution, t)).sum()) * width
    share = float(density(distribution, t)[x > 0].sum()) * width if relu else 1.0
    return clipped + share * ((high - low) / 2**bits) ** 2 / 12


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(
    ("distribution", "clip", "reach"),
    [("laplace", laplace_clip, laplace_reach), ("gauss", gauss_clip, gauss_reach)],
)
def test_closed_forms_minimise_the_integrated_error(distribution, clip, reach, bits):
    def falls(error, best):
        return all(error(best) < error(best + d) for d in (-0.01, 0.01))

    best = clip(bits + 1)
    assert falls(lambda t: integrated_error(distribution, 0, 0, t, bits, relu=True), best)
    half = clip(bits)
    assert falls(lambda t: integrated_error(distribution, 2, 2 - t, 2 + half, bits), half)
    assert falls(lambda t: integrated_error(distribution, 2, 2 - half, 2 + t, bits), half)
    apart = 3 * half
    far = reach(bits, apart)
    assert falls(lambda t: integrated_error(distribution, apart, 0, apart + t, bits), far)


def quantiles(distribution, count):
    """Numbers of size 1 about 0, as the distribution spreads them."""
    p = (np.arange(count) + 0.5) / count
    if distribution == "laplace":
        return np.where(p < 0.5, np.log(2 * p), -np.log(2 * (1 - p)))
    return np.array([NormalDist().inv_cdf(q) for q in p])


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("distribution", ["laplace", "gauss"])
def test_real_error_of_unsigned_and_asymmetric(distribution, bits):
    """Of real codes: far below that of the whole range, near the best of a grid."""
    numbers = quantiles(distribution, 20000)
    cases = [
        (np.maximum(numbers, 0), Affine(bits, signed=False), True),
        (numbers + 1.5, Affine(bits, signed=False), False),
        (numbers - 1.0, Affine(bits), False),
        (numbers + 30.0, Affine(bits + 2, signed=False), False),
    ]
    for x, fmt, symmetric in cases:
        methods = (f"aciq_{distribution}", "max", "mse")
        tensors = [quantize(x, fmt, method=method, symmetric=symmetric) for method in methods]
        fitted, whole, best = (float(np.mean((q.real() - x) ** 2)) for q in tensors)
        assert fitted < whole
        assert fitted < 1.35 * best


@pytest.mark.parametrize("method", ["aciq_laplace", "aciq_gauss"])
def test_unsigned_and_asymmetric_ranges(method):
    """The sizes by fractions, then the formula."""
    clip = laplace_clip if method == "aciq_laplace" else gauss_clip
    reach = laplace_reach if method == "aciq_laplace" else gauss_reach

    def size(numbers):
        if method == "aciq_laplace":
            return float(sum(abs(v) for v in numbers) / len(numbers))
        return sqrt(sum(v * v for v in numbers) / len(numbers))

    exact = [Fraction(float(v)) for v in normal]
    scale, zero_point = fit_scale(normal, Affine(4, signed=False), method=method)
    alpha = min(clip(5) * size([v for v in exact if v > 0]), max(normal))
    assert (scale, zero_point) == (pytest.approx(alpha / 15, rel=1e-12), 0)
    for offset in (0.7, -0.7, 9.0, -9.0):
        x = normal + offset
        exact = [Fraction(float(v)) for v in x]
        mean = sum(exact) / len(exact)
        spread, middle = size([v - mean for v in exact]), float(mean)
        low, high = middle - clip(3) * spread, middle + clip(3) * spread
        if low > 0:
            low, high = 0, middle + reach(3, middle / spread) * spread
        if high < 0:
            low, high = middle - reach(3, -middle / spread) * spread, 0
        low, high = max(low, min(0, min(x))), min(high, max(0, max(x)))
        scale, zero_point = fit_scale(x, Affine(3), method=method, symmetric=False)
        assert scale == pytest.approx((high - low) / 7, rel=1e-12)
        assert abs(int(zero_point) - (-4 - low / scale)) <= 0.5 + 1e-9


def test_distributions_refused():
    for method in ("aciq_gauss", "aciq_laplace"):
        with pytest.raises(ModeError, match=r"'aciq_\*', allowed: Affine formats, not"):
            fit_scale([1.0], APoT(4), method=method)
    for fmt in (Binary("01"), Affine(8)):
        with pytest.raises(ModeError, match=r"method='mean_abs', allowed: Binary\('pm1'\), not"):
            fit_scale([1.0], fmt, method="mean_abs")


def test_mean_magnitude_is_the_least_square_scale():
    x = normal[:50]
    scale = Fraction(float(fit_scale(x, Binary(), method="mean_abs")[0]))
    least = squared_error(x, Binary(), float(scale), 0)
    for factor in (0.99, 1.01):
        assert least < squared_error(x, Binary(), float(scale) * factor, 0)


# -- every method, every format --------------------------------------------------------------------

METHODS = {
    "max": EVERY_FORMAT,
    "minmax": EVERY_FORMAT,
    "percentile": EVERY_FORMAT,
    "top_k_median": EVERY_FORMAT,
    "mse": EVERY_FORMAT,
    "kl": [Affine(4), Affine(4, signed=False)],
    "aciq_gauss": [Affine(4), Affine(4, signed=False)],
    "aciq_laplace": [Affine(4), Affine(4, signed=False)],
    "mean_abs": [Binary()],
}
PAIRS = [(method, fmt) for method, formats in METHODS.items() for fmt in formats]
FEW = {"grid": 9, "bins": 64, "top_k": 3, "percentile": 90}


@pytest.mark.parametrize(("method", "fmt"), PAIRS, ids=str)
def test_order_and_layout_do_not_matter(method, fmt):
    x = normal[:210].reshape(7, 3, 10) * np.array([1, 10, 100])[:, None]
    scale, zero_point = fit_scale(x, fmt, 1, method, **FEW)
    for c in range(3):
        shuffled = np.random.default_rng(c).permutation(x[:, c].ravel())
        assert fit_scale(shuffled, fmt, method=method, **FEW) == (scale[c], zero_point[c])
    scale, zero_point = fit_scale(x, fmt, 1, method, group=3, group_axis=0, **FEW)
    assert scale.shape == (3, 3)
    alone = fit_scale(x[6:, 2], fmt, method=method, **FEW)
    assert alone == (scale[2, 2], zero_point[2, 2])
    q = quantize(x, fmt, 1, method, **FEW)
    assert q.scale.tolist() == fit_scale(x, fmt, 1, method, **FEW)[0].tolist()


@pytest.mark.parametrize(("method", "fmt"), PAIRS, ids=str)
def test_nothing_to_fit(method, fmt):
    for x in ([], [0.0, -0.0], np.zeros((2, 0))):
        assert fit_scale(x, fmt, method=method, **FEW) == (1.0, 0)


def test_options_refused():
    for options, message in (
        ({"top_k": 0}, "top_k=0, allowed: 1.."),
        ({"top_k": 1.5}, "top_k=1.5, allowed: an int in"),
        ({"bins": 100}, "bins=100, allowed: a power of two"),
        ({"bins": 8}, "bins=8, allowed: 16..65536"),
        ({"grid": 0}, "grid=0, allowed: 1..10000"),
        ({"grid": True}, "grid=True, allowed: an int"),
        ({"power_of_two": 1}, "power_of_two=1, allowed: True, False"),
    ):
        with pytest.raises(ModeError) as error:
            fit_scale([1.0], Affine(8), **options)
        assert message in str(error.value)
    with pytest.raises(TypeError, match="histogram"):
        quantize([1.0], Affine(8), histogram=3)
    with pytest.raises(ModeError, match="power_of_two=True, allowed: None where the scale is giv"):
        quantize([1.0], Affine(8), scale=1.0, power_of_two=True)
    with pytest.raises(QuantizationError, match=r"fmt=Planes.*, allowed: a format with"):
        fit_scale([1.0], Planes([[0, 1]]))


# -- formats with a fit of their own ---------------------------------------------------------------


@pytest.mark.parametrize("fmt", [PiecewiseLinear(4), BitPlanes(3), BitPlanes(1)], ids=str)
def test_several_planes(fmt):
    x = normal[:240].reshape(8, 30) * np.arange(1, 9)[:, None]
    planes = (fmt.planes,) if fmt.planes > 1 else ()
    q = quantize(x, fmt, 0)
    assert q.scale.shape == (*planes, 8)
    for c in range(8):
        alone = quantize(x[c], fmt)
        assert alone.scale.tolist() == q.scale[..., c].tolist()
        assert alone.codes.tolist() == q.codes[c].tolist()
    grouped = quantize(x.T, fmt, 1, group=20)
    assert grouped.scale.shape == (*planes, 2, 8)
    part = quantize(x[3, 20:], fmt)
    assert part.codes.tolist() == grouped.codes[20:, 3].tolist()
    assert np.mean((q.real() - x) ** 2) < np.mean(x**2)


def test_options_of_their_own_fits():
    x = normal[:50]
    q = quantize(x, PiecewiseLinear(4), breakpoint=0.25)
    assert q.scale[2] == max(abs(x)) / 4
    assert quantize(x, PiecewiseLinear(4), method="search") != q
    with pytest.raises(ModeError, match="method='mse', allowed: 'optimum'"):
        quantize(x, PiecewiseLinear(4), method="mse")
