"""Stochastic rounding: every draw enumerated, the mean measured, pieces equal to the whole."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import ceil, e, floor, log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.errors import CodeError, DatapathError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, PowerOfTwo
from pyqsim.testing.oracle.philox import philox4x32_10
from pyqsim.training import StochasticAffine, StochasticPowerOfTwo

# -- to an affine grid -----------------------------------------------------------------------------


@given(
    st.floats(-12, 12) | st.integers(-96, 96).map(lambda n: n / 8),
    st.sampled_from([1.0, 0.5, 0.1, 0.75]),
    st.integers(-8, 7),
    st.integers(1, 5),
)
def test_every_draw_by_fractions(x, scale, zero_point, bits):
    """floor(q) + [R / 2**B < q - floor(q)] + Z, clamped; and the exact expectation over all R."""
    f = StochasticAffine(Affine(4), scale, 0, zero_point, random_bits=bits)
    draws = np.arange(2**bits)
    got = f.encode_with(np.full(2**bits, x), draws).tolist()
    q = Fraction(x) / Fraction(scale)
    low, fraction = floor(q), q - floor(q)
    free = [low + (Fraction(r, 2**bits) < fraction) + zero_point for r in range(2**bits)]
    assert got == [min(max(c, -8), 7) for c in free]
    if min(free) >= -8 and max(free) <= 7:
        mean = Fraction(sum(got), 2**bits) - zero_point
        assert mean - low == Fraction(ceil(fraction * 2**bits), 2**bits)
        assert 0 <= mean - q < Fraction(1, 2**bits)
        if (fraction * 2**bits).denominator == 1:
            assert mean == q


def test_the_quotient_is_exact():
    """0.3 / 0.1 is below 3 as a rational and 2.9999999999999996 or 3 as a float: P(up) is 1."""
    f = StochasticAffine(Affine(8), 0.1, 0, random_bits=4)
    assert set(f.encode_with(np.full(16, 0.3), np.arange(16)).tolist()) == {3}
    assert set(f.encode_with(np.full(16, -0.3), np.arange(16)).tolist()) == {-3, -2}


def test_no_bias():
    """1000 numbers, 1500 draws each: every mean, and the mean of all, within 5 sigma.

    One error lies in (-1, 1) with variance p (1 - p); 32 random bits bias it by 2**-32 at most.
    """
    x = np.random.default_rng(1).uniform(-100, 100, 1000)
    draws = 1500
    errors = StochasticAffine(Affine(8), 1.0, 7).forward(np.tile(x, (draws, 1))) - x
    fraction = x - np.floor(x)
    variance = fraction * (1 - fraction)
    assert (abs(errors.mean(axis=0)) <= 5 * np.sqrt(variance / draws) + 1e-9).all()
    assert abs(errors.mean()) <= 5 * np.sqrt(variance.mean() / errors.size) + 1e-9
    nearest = np.rint(x) - x
    assert abs(nearest).max() > 0.4  # what a rounding to nearest would show on every draw


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**40))
def test_pieces_equal_the_whole(first, second, start):
    low, high = sorted((first, second))
    x = np.random.default_rng(2).normal(0, 5, 60)
    f = StochasticAffine(Affine(6), 0.3, 5)
    whole = f.encode(x, start=start)
    cuts = [(0, low), (low, high), (high, 60)]
    pieces = [f.encode(x[a:b], start=start + a) for a, b in cuts]
    assert np.concatenate(pieces).tolist() == whole.tolist()


def test_threads_and_shapes_do_not_matter():
    x = np.random.default_rng(3).normal(0, 5, (8, 25))
    f = StochasticAffine(Affine(6), 0.3, 5, zero_point=3)
    whole = f.forward(x, stream=4)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda i: f.forward(x[i], start=25 * i, stream=4), range(8)))
    assert np.stack(rows).tobytes() == whole.tobytes()
    assert f.forward(x.reshape(-1), stream=4).tobytes() == whole.tobytes()
    assert f.forward(np.asfortranarray(x), stream=4).tobytes() == whole.tobytes()
    assert f.forward(x, stream=5).tobytes() != whole.tobytes()


def test_frozen_bits():
    """Codes of seed 2026, from the oracle's generator in fractions; they must never change."""
    x, zero_point = np.linspace(-1, 1, 12), [-1, 0, 2]
    codes = []
    for i, q in enumerate(Fraction(v) * 4 for v in x.tolist()):
        word1 = philox4x32_10((i, 0, 0, 2**32 - 1), (2026, 0))[1]
        codes.append(floor(q) + (Fraction(word1, 2**32) < q - floor(q)) + zero_point[i % 3])
    assert codes == [-5, -3, 0, -3, -1, 2, 0, 1, 4, 2, 3, 6]
    got = StochasticAffine(Affine(8), 0.25, 2026, zero_point).encode(x.reshape(4, 3))
    assert got.reshape(-1).tolist() == codes


def test_grid_points_and_clipping():
    f = StochasticAffine(Affine(4), 0.5, 1)
    grid = np.arange(-8, 8) * 0.5
    assert f.forward(grid).tolist() == grid.tolist()
    assert f.encode([1e300, -1e300, 3.6, -4.1]).tolist() == [7, -8, 7, -8]


def test_per_channel():
    x = np.random.default_rng(4).normal(0, 2, (3, 40))
    scale, zero_point = np.array([[0.5], [0.1], [2.0]]), np.array([[0], [-4], [3]])
    got = StochasticAffine(Affine(4), scale, 9, zero_point).encode(x)
    for i in range(3):
        one = StochasticAffine(Affine(4), scale[i, 0], 9, zero_point[i, 0])
        assert got[i].tolist() == one.encode(x[i], start=40 * i).tolist()


def test_gradient_is_the_derivative_of_the_expectation():
    """At 10 random bits the expectation is a staircase of 2**-10: differences over whole steps."""
    bits, scale, zero_point = 10, 0.5, 2
    f = StochasticAffine(Affine(4), scale, 0, zero_point, random_bits=bits)
    x = np.arange(-7 * 1024, 5 * 1024, 77) / 1024 + scale / 2048  # middle of a stair

    def expected(x):
        draws = np.arange(2**bits)[:, None]
        codes = f.encode_with(np.broadcast_to(x, (2**bits, x.size)), draws).astype(float)
        return scale * (codes.mean(axis=0) - zero_point)

    step = scale / 2**bits
    slope = (expected(x + step) - expected(x - step)) / (2 * step)
    assert slope.tolist() == f.backward(x, 1.0).dx.tolist()  # dyadic: exact
    assert 0 < slope.mean() < 1
    # code_max stands for 0.5 * (7 - 2) = 2.5, code_min for -5
    edges = f.backward([-5.001, -5.0, 2.5, 2.501, 1e300, -1e300], 2.0)
    assert edges.dx.tolist() == [0, 2, 2, 0, 0, 0]


def test_refused():
    with pytest.raises(OperandError, match="allowed: an Affine"):
        StochasticAffine(PowerOfTwo(3), 1.0, 0)
    with pytest.raises(QuantizationError, match=r"scale=-1\.0"):
        StochasticAffine(Affine(8), -1.0, 0)
    with pytest.raises(DatapathError, match=r"random_bits=0, allowed: 1\.\.32"):
        StochasticAffine(Affine(8), 1.0, 0, random_bits=0)
    with pytest.raises(DatapathError, match="seed=-1"):
        StochasticAffine(Affine(8), 1.0, -1)
    with pytest.raises(CodeError, match=r"draws: 0..4, allowed: 0..2\*\*2-1"):
        StochasticAffine(Affine(8), 1.0, 0, random_bits=2).encode_with(np.zeros(2), [0, 4])
    with pytest.raises(ShapeError, match=r"scale.shape=\(3,\)"):
        StochasticAffine(Affine(8), np.ones(3), 0).encode(np.zeros(2))


# -- to powers of two ------------------------------------------------------------------------------


def expectation(variant, x, bits=10):
    f = StochasticPowerOfTwo(-8, 3, variant, 0, bits)
    return f.forward_with(np.full(2**bits, x), np.arange(2**bits)).mean()


@pytest.mark.parametrize("exponent", [-5, 0, 2])
def test_qkeras_is_unbiased(exponent):
    """m - 1 is a multiple of 2**-10 for these: the mean over all draws is x, exactly."""
    for k in [0, 1, *range(5, 1020, 97), 1023]:
        x = 2.0**exponent * (1 + k / 1024)
        assert expectation("qkeras", x) == x
        assert expectation("qkeras", -x) == -x


@pytest.mark.parametrize("m", [1.0, 1.1, e / 2, 1.5, 1.75, 1.999])
@pytest.mark.parametrize("exponent", [-5, 0, 2])
def test_deepshift_is_biased_as_stated(m, exponent):
    """E = 2**e (1 + ceil(log2(m) 2**B) / 2**B), log2(m) as NumPy gives it."""
    x = 2.0**exponent * m
    up = ceil(log2(m) * 2**10) / 2**10
    assert expectation("deepshift", x) == 2.0**exponent * (1 + up)
    assert expectation("deepshift", -x) == -(2.0**exponent) * (1 + up)


def test_largest_bias():
    m = np.linspace(1, 2, 1001)
    ratio = (1 + np.log2(m)) / m
    assert round(ratio.max(), 4) == 1.0615
    assert abs(m[ratio.argmax()] - e / 2) < 1e-3
    # measured: 20000 draws, standard error sqrt(.25 / 20000) = 0.0035 of x = 1.359
    x = np.full(20000, e / 2)
    biased = StochasticPowerOfTwo(-8, 3, "deepshift", 1).forward(x).mean() / (e / 2)
    unbiased = StochasticPowerOfTwo(-8, 3, "qkeras", 1).forward(x).mean() / (e / 2)
    assert abs(biased - 1.0615) < 5 * 0.0035
    assert abs(unbiased - 1) < 5 * 0.0035
    assert biased - unbiased > 0.03


def test_both_neighbours_and_nothing_else():
    x = np.random.default_rng(5).normal(0, 1, 500)
    for variant in ("qkeras", "deepshift"):
        y = StochasticPowerOfTwo(-20, 5, variant, 2).forward(x)
        exponents = np.log2(abs(y))
        assert (np.sign(y) == np.sign(x)).all()
        assert set(exponents - np.floor(np.log2(abs(x)))) == {0.0, 1.0}


def test_powers_zero_and_limits():
    q = StochasticPowerOfTwo(-3, 1, "qkeras", 3)
    d = StochasticPowerOfTwo(-3, 1, "deepshift", 3)
    powers = [0.125, -0.25, 0.5, -1.0, 2.0]
    for f in (q, d):
        many = np.tile(powers, (200, 1))
        assert (f.forward(many) == many).all()
        assert f.forward([5.0, -1e300, 0.01, -5e-324]).tolist() == [2, -2, 0.125, -0.125]
    assert q.forward([0.0, -0.0]).tolist() == [0.125, 0.125]
    assert d.forward([0.0, -0.0]).tolist() == [0.0, 0.0]


def test_pieces_of_powers():
    x = np.random.default_rng(6).normal(0, 1, 50)
    f = StochasticPowerOfTwo(-6, 0, "qkeras", 4)
    pieces = [f.forward(x[:13], stream=2), f.forward(x[13:], start=13, stream=2)]
    assert np.concatenate(pieces).tolist() == f.forward(x, stream=2).tolist()


def test_straight_through():
    x, upstream = np.array([0.3, 100.0, 0.0]), np.array([1.0, -2.0, 3.0])
    g = StochasticPowerOfTwo(-6, 0, "deepshift", 4).backward(x, upstream)
    assert g.dx.tolist() == upstream.tolist()


def test_numpy_integers_are_taken():
    x = np.linspace(-1, 1, 9)
    top = 2**64 - 1
    f = StochasticAffine(Affine(8), 0.3, np.uint64(top), random_bits=np.int8(20))
    expected = StochasticAffine(Affine(8), 0.3, top, random_bits=20).encode(x, start=3)
    assert f.encode(x, start=np.uint8(3)).tolist() == expected.tolist()
    g = StochasticPowerOfTwo(np.int8(-6), np.int8(0), "qkeras", np.uint64(top), np.int8(20))
    assert g == StochasticPowerOfTwo(-6, 0, "qkeras", top, 20)
    assert eval(repr(g)) == g


def test_powers_refused():
    with pytest.raises(DatapathError, match="variant='round', allowed: 'qkeras', 'deepshift'"):
        StochasticPowerOfTwo(-6, 0, "round", 1)
    with pytest.raises(DatapathError, match="low=-6, allowed: at most high=-7"):
        StochasticPowerOfTwo(-6, -7, "qkeras", 1)
