"""Codebook: thresholds strictly below, any integer levels, exact products."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from formats import exact_values as exact
from formats.fraction_encoders import SCALES, around, hard_numbers
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim.errors import DatapathError, ModeError, QuantizationError, ShapeError
from pyqsim.formats import Affine, Codebook

#: Published level sets.
LEVELS = ([-1, 0, 1], [-2, -1, 0, 1, 2], [-4, -2, -1, 0, 1, 2, 4], [0, 1], [0, 1, 2, 3])


def count_below(x, scale, thresholds):
    """Thresholds strictly below x / scale."""
    return sum(Fraction(x) / Fraction(scale) > t for t in thresholds)


def midpoints(levels, frac_bits=0):
    pairs = pairwise(levels)
    return [Fraction(low + high, 2 ** (frac_bits + 1)) for low, high in pairs]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("frac_bits", [0, 3])
@pytest.mark.parametrize("levels", [*LEVELS, [-7, 3, 4, 100]], ids=str)
def test_default_thresholds_are_midpoints(levels, frac_bits, scale):
    fmt = Codebook(levels, frac_bits=frac_bits)
    thresholds = midpoints(levels, frac_bits)
    numbers = around([t * Fraction(scale) for t in thresholds])
    numbers = np.concatenate([numbers, hard_numbers(1)])
    codes = [count_below(x, scale, thresholds) for x in numbers.tolist()]
    assert fmt.encode(numbers, scale).tolist() == codes


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9).map(sorted),
    st.floats(1e-300, 1e300),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20),
)
def test_given_thresholds(thresholds, scale, numbers):
    rng = np.random.default_rng(0)
    fmt = Codebook(rng.integers(-9, 9, len(thresholds) + 1).tolist(), thresholds)
    exact_places = [Fraction(t) * Fraction(scale) for t in thresholds]
    numbers = np.concatenate([numbers, around(exact_places)])
    codes = [count_below(x, scale, [Fraction(t) for t in thresholds]) for x in numbers.tolist()]
    assert fmt.encode(numbers, scale).tolist() == codes
    assert eval(repr(fmt)) == fmt


def test_a_tie_goes_to_the_lower_level():
    fmt = Codebook([-1, 0, 1])
    assert fmt.encode([-0.5, 0.5, -0.49, 0.51]).tolist() == [0, 1, 1, 2]
    assert fmt.encode([0.1 + 0.2], 0.6).tolist() == [2]  # above 0.6 / 2 in doubles, too
    assert fmt.encode([0.3], 0.6).tolist() == [1]


def test_published_formula():
    """alpha * (sum of gaps * [beta x - b > 0] - o), with alpha * beta other than 1."""
    rng = np.random.default_rng(2)
    levels, alpha, beta = [-4, -2, -1, 0, 1, 2, 4], 0.25, 2.0
    b = np.array([-3.5, -1.25, -0.75, 0.25, 1.5, 2.75])
    x = np.concatenate([rng.normal(size=200), b / beta])
    steps = np.diff(levels)
    wanted = alpha * (((beta * x[:, None] - b > 0) * steps).sum(axis=1) - steps.sum() / 2)
    fmt = Codebook(levels, b / (alpha * beta))
    assert qs.QTensor(fmt.encode(x, alpha), fmt, alpha).real().tolist() == wanted.tolist()


def test_equal_thresholds_make_it_binary():
    fmt = Codebook([-1, 0, 1], [0, 0])
    codes = fmt.encode([-3.0, -1e-300, 0.0, 1e-300, 2.0])
    assert fmt.decode(codes).tolist() == [-1, -1, -1, 1, 1]


def test_properties():
    fmt = Codebook([-4, -2, -1, 0, 1, 2, 4])
    assert (fmt.code_bits, fmt.code_min, fmt.code_max, fmt.planes) == (3, 0, 6, 1)
    assert (fmt.zero_code, fmt.shifts, fmt.has_zero_point, fmt.frac_bits) == (3, True, False, 0)
    assert fmt.integers().tolist() == [-4, -2, -1, 0, 1, 2, 4, 4]
    assert fmt.levels().tolist() == [-4, -2, -1, 0, 1, 2, 4]
    assert fmt.numbers == (-4, -2, -1, 0, 1, 2, 4)
    assert fmt.thresholds is None
    assert hash(fmt) == hash(Codebook(np.array([-4, -2, -1, 0, 1, 2, 4])))
    assert fmt != Codebook([-4, -2, -1, 0, 1, 2, 4], frac_bits=1)
    assert str(Codebook(range(17))) == "Codebook of 17 levels"
    odd = Codebook([5, -3], [0.5], frac_bits=2)
    assert (odd.zero_code, odd.shifts, odd.code_bits) == (None, False, 1)
    assert odd.levels().tolist() == [-0.75, 1.25]
    assert odd.decode(odd.encode([0.0, 1.0])).tolist() == [5, -3]
    assert Codebook(range(65536)).code_dtype == np.uint16
    assert Codebook(range(65536)).encode([65535.0, 12.5, 12.6]).tolist() == [65535, 12, 13]
    assert repr(Codebook([0, 1], [-0.0])) == "Codebook([0, 1], [0.0], frac_bits=0)"


@given(st.sampled_from(LEVELS), st.sampled_from([0, 5]), st.integers(0, 2**32))
def test_dot_products(levels, frac_bits, seed):
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(1, 9, 3)
    fmt = Codebook(levels, frac_bits=frac_bits)
    scale = rng.uniform(0.5, 2, n)
    w = qs.QTensor(rng.integers(0, len(levels), (k, n)), fmt, scale, axis=1)
    x = qs.QTensor(rng.integers(0, 256, (m, k)), Affine(8, signed=False), 0.1, 17)
    exact.check_dot(x, w)
    exact.check_dot(qs.QTensor(rng.integers(0, len(levels), (m, k)), fmt, 0.3), w)
    if fmt.shifts:
        exact.check_dot(x, w, product=qs.Shift())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1],), "1 levels, allowed: 2..65536"),
        ((range(65537),), "65537 levels, allowed: 2..65536"),
        (([0, 1.5],), "levels[1]=1.5, allowed: an int"),
        (([0, 2**62],), "levels[1]=4611686018427387904, allowed:"),
        (([1, 0],), "levels=[1, 0], allowed: strictly ascending without thresholds="),
        (([0, 0],), "levels=[0, 0], allowed: strictly ascending without thresholds="),
        (([0, 1], [0.5, 0.7]), "2 thresholds, allowed: 1"),
        (([0, 1, 2], [0.5, 0.4]), "thresholds[1]=0.4 after 0.5, allowed: ascending"),
        (([0, 1], [np.nan]), "thresholds[0]=nan, allowed: a finite real number"),
        (([0, 1], ["a"]), "thresholds[0]='a', allowed: a finite real number"),
        (([0, 1], [True]), "thresholds[0]=True, allowed: a finite real number"),
        (([0, 1], None, 63), "frac_bits=63, allowed: 0..62"),
    ],
)
def test_impossible_codebooks(arguments, message):
    with pytest.raises(DatapathError) as error:
        Codebook(*arguments)
    assert message in str(error.value)


def test_impossible_encoding():
    fmt = Codebook([-1, 0, 1])
    with pytest.raises(ModeError, match=r"rounding=HALF_EVEN, allowed for Codebook.*'half_down'"):
        fmt.encode([1.0], rounding="half_even")
    with pytest.raises(QuantizationError, match=r"scale=-1.0, allowed: finite and > 0"):
        fmt.encode([1.0], -1.0)
    with pytest.raises(ShapeError, match=r"scale.shape=\(2,\)"):
        fmt.encode([1.0], [1.0, 2.0])
    with pytest.raises(qs.errors.CodeError, match=r"allowed: 0..2"):
        qs.QTensor([3], fmt)
