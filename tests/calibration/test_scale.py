"""Fitted scales and zero points against their formulas, computed with fractions."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from formats.fraction_encoders import rounded, rounded_exponent
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.calibration import fit_scale
from pyqsim.errors import ModeError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, APoT, LogQuant, Planes, PowerOfTwo

reals = st.floats(-1e100, 1e100)
rows = st.lists(reals, min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("fmt", "scale"),
    [
        (Affine(8, narrow=True), 10 / 127),
        (Affine(8), 10 / 127),  # code -128 stands for less than -10
        (Affine(4), 10 / 7),
        (Affine(1), 10.0),  # codes -1 and 0
        (Affine(2, narrow=True), 10.0),
        (PowerOfTwo(4), 10.0),
        (APoT(5), 10 / (48 / 64)),
        (APoT(4), 10 / (10 / 16)),
        (LogQuant(4, True), 2.0**4),  # log2(10) = 3.32 rounds to 3: full scale 2**4
        (LogQuant(4, True, "floor"), 2.0**4),
        (LogQuant(4, True, "linear_up"), 2.0**4),
    ],
    ids=str,
)
def test_symmetric_literals(fmt, scale):
    got, zero_point = fit_scale([-10.0, 3.0, 0.0], fmt)
    assert got == scale
    assert (zero_point, zero_point.dtype, got.dtype) == (0, np.int64, np.float64)


@pytest.mark.parametrize("narrow", [False, True])
def test_both_ends_are_represented_without_saturation(narrow):
    fmt = Affine(8, narrow=narrow)
    scale, _ = fit_scale([-10.0, 10.0], fmt)
    assert fmt.encode([-10.0, 10.0], scale).tolist() == [-127, 127]


def test_a_step_of_20_over_255_is_a_half_step_grid():
    assert Affine(8).encode([-10.0, 10.0], 20 / 255).tolist() == [-128, 127]


@pytest.mark.parametrize("fmt", [Affine(8, signed=False), LogQuant(3), APoT(4, signed=False)])
def test_without_sign_only_positive_numbers_count(fmt):
    expected, _ = fit_scale([0.0, 3.0], fmt, symmetric=True)
    assert fit_scale([-10.0, 3.0], fmt, symmetric=True)[0] == expected
    assert fit_scale([-10.0, -3.0], fmt, symmetric=True) == (1.0, 0)


@given(rows, st.integers(1, 16), st.sampled_from(["full", "narrow", "unsigned"]))
def test_asymmetric_formula(x, bits, kind):
    if kind == "narrow" and bits == 1:
        return
    fmt = Affine(bits, kind != "unsigned", kind == "narrow")
    low, high = min(0.0, *x), max(0.0, *x)
    scale, zero_point = fit_scale(x, fmt, symmetric=False)
    if low == high:
        assert (scale, zero_point) == (1.0, 0)
        return
    assert scale == max((high - low) / (fmt.code_max - fmt.code_min), 5e-324)
    exact = rounded(fmt.code_min - Fraction(low) / Fraction(float(scale)), "half_even")
    assert zero_point == min(max(exact, fmt.code_min), fmt.code_max)
    assert fmt.encode(0.0, scale, zero_point) == zero_point


def test_unsigned_is_asymmetric_by_default():
    scale, zero_point = fit_scale([-1.0, 3.0], Affine(8, signed=False))
    assert (scale, zero_point) == (4 / 255, 64)  # 63.75
    scale, zero_point = fit_scale([1.0, 3.0], Affine(8, signed=False))
    assert (scale, zero_point) == (3 / 255, 0)
    scale, zero_point = fit_scale([-5.0, -1.0], Affine(8, signed=False))
    assert (scale, zero_point) == (5 / 255, 255)


def test_the_tie_of_a_zero_point_is_rounded_with_code_min_inside():
    # -127 + 0.5 = -126.5, to even: -126 (0 rounded alone, then added, would give -127).
    fmt = Affine(8, narrow=True)
    scale, zero_point = fit_scale([-0.5, 253.5], fmt, symmetric=False)
    assert (scale, zero_point) == (1.0, -126)


@given(
    st.floats(min_value=5e-324, max_value=1e308, allow_infinity=False),
    st.sampled_from(["log", "floor", "linear_up", "linear_down"]),
    st.integers(1, 5),
)
def test_log_quant_full_scale_range(alpha, rule, bits):
    exponent = rounded_exponent(Fraction(alpha), rule) + 1
    if exponent > 1023:
        return
    fmt = LogQuant(bits, False, rule)
    scale, _ = fit_scale([alpha], fmt)
    assert Fraction(float(scale)) == Fraction(2) ** exponent
    assert fmt.encode(alpha, scale) == fmt.code_max
    assert fmt.encode(alpha, scale / 2 or 5e-324) == fmt.code_max


@pytest.mark.parametrize(
    "fmt", [Affine(8), Affine(8, signed=False), LogQuant(3), PowerOfTwo(4), APoT(4)], ids=str
)
@pytest.mark.parametrize("method", ["max", "percentile"])
@pytest.mark.parametrize("x", [[], [0.0, -0.0], np.zeros((2, 0))], ids=str)
def test_nothing_to_fit(fmt, method, x):
    assert fit_scale(x, fmt, method=method) == (1.0, 0)


def test_smallest_and_largest_numbers():
    assert fit_scale([5e-324], Affine(8))[0] == 5e-324
    assert fit_scale([5e-324], LogQuant(3))[0] == 2.0**-1073
    assert fit_scale([1.7e308], Affine(8))[0] == 1.7e308 / 127
    with pytest.raises(QuantizationError) as error:
        fit_scale([[1.0], [1.7e308]], APoT(5), axis=0)
    assert str(error.value).startswith("fitted scale[1]=inf, allowed: finite")
    for x in ([1.7e308, -1.7e308], [1.7e308]):
        fmt = Affine(8, signed=False) if len(x) == 2 else LogQuant(3)
        with pytest.raises(QuantizationError, match=r"fitted scale=inf, allowed: finite"):
            fit_scale(x, fmt)


@given(rows, st.sampled_from([0.1, 1, 33.3, 50, 99, 99.9, 100]))
def test_percentile_is_the_nearest_rank(x, percentile):
    rank = ceil(Fraction(str(percentile)) * len(x) / 100)
    fmt = PowerOfTwo(4)  # its scale is alpha itself
    scale, _ = fit_scale(x, fmt, method="percentile", percentile=percentile)
    assert scale == (sorted(map(abs, x))[rank - 1] or 1.0)
    high, low = max(0.0, sorted(x)[rank - 1]), min(0.0, sorted(x)[-rank])
    unsigned = Affine(8, signed=False)
    scale, _ = fit_scale(x, unsigned, method="percentile", percentile=percentile)
    assert scale == (max((high - low) / 255, 5e-324) if high > low else 1.0)


def test_percentile_is_taken_as_the_decimal_it_prints_as():
    x = np.arange(1, 1001)  # 99.9 % of 1000 is 999; the double 99.9 lies above 999 / 10
    assert fit_scale(x, PowerOfTwo(4), method="percentile", percentile=99.9)[0] == 999
    assert fit_scale(x, PowerOfTwo(4), method="percentile", percentile=np.float64(99.9))[0] == 999
    assert fit_scale(x, PowerOfTwo(4), method="percentile", percentile=100)[0] == 1000
    assert fit_scale(x, PowerOfTwo(4), method="percentile", percentile=1e-9)[0] == 1


@pytest.mark.parametrize("method", ["max", "percentile"])
@pytest.mark.parametrize(
    "fmt", [Affine(8), Affine(6, signed=False), LogQuant(3, True), PowerOfTwo(4), APoT(4)], ids=str
)
def test_channels_and_groups_are_fitted_alone(fmt, method):
    x = np.random.default_rng(6).normal(size=(7, 3, 2)) * np.array([1, 10, 100])[:, None]

    def fit(part):
        return fit_scale(part, fmt, method=method, percentile=90)

    for axis in range(3):
        scale, zero_point = fit_scale(x, fmt, axis, method, percentile=90)
        for c in range(x.shape[axis]):
            assert (scale[c], zero_point[c]) == fit(x.take(c, axis))
    scale, zero_point = fit_scale(x, fmt, 2, method, group=3, percentile=90)
    assert scale.shape == zero_point.shape == (3, 2)
    for g in range(3):
        for c in range(2):
            assert (scale[g, c], zero_point[g, c]) == fit(x[3 * g : 3 * g + 3, :, c])


def test_refused():
    with pytest.raises(ModeError, match=r"method='mean', allowed: 'max', 'minmax', 'percentile'"):
        fit_scale([1.0], Affine(8), method="mean")
    for percentile in (0, 100.1, -1, float("nan")):
        with pytest.raises(ModeError, match=r"percentile=.*, allowed: 0 < percentile <= 100"):
            fit_scale([1.0], Affine(8), method="percentile", percentile=percentile)
    with pytest.raises(OperandError, match=r"percentile='99', allowed: a number in"):
        fit_scale([1.0], Affine(8), percentile="99")
    with pytest.raises(ModeError, match=r"symmetric=False, allowed for PowerOfTwo.*: \(True,\) or"):
        fit_scale([1.0], PowerOfTwo(4), symmetric=False)
    with pytest.raises(ModeError, match=r"symmetric='yes', allowed for Affine.*: \(True, False"):
        fit_scale([1.0], Affine(8), symmetric="yes")
    with pytest.raises(OperandError, match=r"fmt='int8', allowed: a pyqsim.formats.Format"):
        fit_scale([1.0], "int8")
    with pytest.raises(QuantizationError, match=r"fmt=Planes of 1 x 2 integers, allowed: a format"):
        fit_scale([1.0], Planes([[1, -1]]))
    with pytest.raises(QuantizationError, match=r"x\[0\]=nan, allowed: finite numbers"):
        fit_scale([np.nan], Affine(8))
    with pytest.raises(ShapeError, match=r"axis=1, allowed: -1..0 for shape \(1,\)"):
        fit_scale([1.0], Affine(8), axis=1)
