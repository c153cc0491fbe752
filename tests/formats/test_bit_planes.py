"""BitPlanes: nearest of all sums of a basis, exact products of planes, popcounts."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from formats import exact_values as exact
from formats.fraction_encoders import around, hard_numbers
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim.errors import DatapathError, ModeError, ShapeError
from pyqsim.formats import Affine, BitPlanes, PiecewiseLinear

FORMATS = [BitPlanes(bits, values) for bits in (1, 2, 3, 4) for values in ("pm1", "01")]


def level_of_code(fmt, basis):
    """Exact value of every code, bit 0 least significant, from the prose."""
    choices = (-1, 1) if fmt.values == "pm1" else (0, 1)
    words = product(choices, repeat=fmt.bits)  # the first factor is the slowest: the top bit
    return [sum(b * v for b, v in zip(reversed(word), basis, strict=True)) for word in words]


def nearest(x, levels):
    """The lower level where two are equally near, the smaller code where two levels are equal."""
    return min(range(len(levels)), key=lambda c: (abs(levels[c] - x), levels[c], c))


def random_basis(fmt, rng, *channels):
    return rng.uniform(0.05, 1, (fmt.planes, *channels) if fmt.planes > 1 else channels)


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_nearest_level(fmt, seed):
    rng = np.random.default_rng(seed)
    basis = random_basis(fmt, rng) if seed < 3 else 2.0 ** np.arange(fmt.planes).squeeze() / 8
    levels = level_of_code(fmt, [Fraction(float(v)) for v in np.atleast_1d(basis)])
    ascending = sorted(levels)
    middles = [(low + high) / 2 for low, high in pairwise(ascending)]
    numbers = np.concatenate([around(levels + middles), hard_numbers(seed)])
    codes = [nearest(Fraction(x), levels) for x in numbers.tolist()]
    assert fmt.encode(numbers, basis).tolist() == codes


def test_a_tie_goes_to_the_lower_level():
    fmt = BitPlanes(2)  # -0.75, -0.25, 0.25, 0.75
    assert fmt.encode([-0.5, 0.0, 0.5], [0.25, 0.5]).tolist() == [0, 1, 2]
    assert fmt.encode([0.0, 1e-300], [0.5, 0.25]).tolist() == [2, 1]  # the top bit weighs less


def test_codes_of_equal_value():
    fmt = BitPlanes(2)
    assert fmt.encode([-2.0, -1.0, -0.9, 0.9, 1.1], [1.0, 1.0]).tolist() == [0, 0, 1, 1, 3]
    fmt = BitPlanes(3, "01")
    assert fmt.encode([0.9, 1.9, 3.0], [1.0, 1.0, 2.0]).tolist() == [1, 3, 5]


def test_planes():
    fmt = BitPlanes(2)
    assert fmt.integers().tolist() == [[-1, 1, -1, 1], [-1, -1, 1, 1]]
    assert BitPlanes(2, "01").integers().tolist() == [[0, 1, 0, 1], [0, 0, 1, 1]]
    assert BitPlanes(1).integers().tolist() == [-1, 1]
    assert BitPlanes(1).levels().tolist() == [-1, 1]
    assert (fmt.planes, fmt.code_bits, fmt.zero_code) == (2, 2, None)
    assert BitPlanes(8, "01").integers().shape == (8, 256)
    assert BitPlanes(3, "01").zero_code == 0
    assert (fmt.shifts, fmt.has_zero_point, fmt.frac_bits) == (False, False, 0)
    for fmt in FORMATS:
        assert eval(repr(fmt)) == fmt


def test_a_basis_a_channel():
    rng = np.random.default_rng(4)
    fmt = BitPlanes(3)
    x, basis = rng.normal(size=(40, 5)), random_basis(fmt, rng, 5)
    codes = fmt.encode(x, basis)
    for c in range(5):
        assert (codes[:, c] == fmt.encode(x[:, c], basis[:, c])).all()
    one = BitPlanes(1)
    assert one.encode(x, [1.0, 2.0, 3.0, 4.0, 5.0]).tolist() == (x > 0).tolist()


def random_tensor(fmt, shape, axis, rng):
    channels = () if axis is None else (shape[axis],)
    codes = rng.integers(fmt.code_min, fmt.code_max + 1, shape)
    if isinstance(fmt, PiecewiseLinear):
        return qs.QTensor(codes, fmt, fmt.scales(np.full(channels, 1.7), 0.3), axis=axis)
    if isinstance(fmt, BitPlanes):
        return qs.QTensor(codes, fmt, random_basis(fmt, rng, *channels), axis=axis)
    return qs.QTensor(codes, fmt, 0.37, 3)


@given(
    st.sampled_from(FORMATS),
    st.sampled_from([*FORMATS, Affine(8), PiecewiseLinear(4, "repo")]),
    st.integers(0, 2**32),
)
def test_dot_products(fmt, other, seed):
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(1, 9, 3)
    w, x = random_tensor(fmt, (k, n), 1, rng), random_tensor(other, (m, k), None, rng)
    exact.check_dot(x, w)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_popcounts(bits):
    """D_ij = 2 pop(w_i & a_j) - pop(a_j), between -K and K."""
    rng = np.random.default_rng(bits)
    a = rng.integers(0, 2**bits, (6, 37))
    w = rng.integers(0, 2**bits, (37, 5))
    d = qs.matmul(
        qs.QTensor(a, BitPlanes(bits, "01")), qs.QTensor(w, BitPlanes(bits)), qs.Datapath(output=())
    ).reshape(bits, bits, 6, 5)
    for i, j, m, n in np.ndindex(d.shape):
        a_word, w_word = word(a[m] >> i & 1), word(w[:, n] >> j & 1)
        assert d[i, j, m, n] == 2 * (a_word & w_word).bit_count() - a_word.bit_count()


def word(bits):
    return sum(int(bit) << k for k, bit in enumerate(bits))


def test_merge_with_a_common_unit():
    rng = np.random.default_rng(9)
    unit, basis_w, basis_a = Fraction(1, 64), np.array([3, 10, 21]), np.array([7, 12])
    w = qs.QTensor(rng.integers(0, 8, (30, 4)), BitPlanes(3), basis_w / 64)
    a = qs.QTensor(rng.integers(0, 4, (5, 30)), BitPlanes(2, "01"), basis_a / 64)
    merge = np.multiply.outer(basis_a, basis_w)[:, :, None, None, None]
    merged = qs.matmul(a, w, qs.Datapath(output=(qs.Merge(),)), merge=merge)
    assert (merged == exact.values(a) @ exact.values(w) / unit**2).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "bits=0, allowed: 1..8"),
        ((9,), "bits=9, allowed: 1..8"),
        ((2, "pm2"), "values='pm2', allowed: 'pm1', '01'"),
    ],
)
def test_impossible_formats(arguments, message):
    with pytest.raises(DatapathError) as error:
        BitPlanes(*arguments)
    assert message in str(error.value)


def test_impossible_encoding():
    with pytest.raises(ModeError, match=r"HALF_UP, allowed for BitPlanes.*'half_down'"):
        BitPlanes(2).encode([1.0], rounding="half_up")
    with pytest.raises(ShapeError, match=r"scale.shape=\(3,\), allowed: \(2, ...\)"):
        BitPlanes(2).encode([1.0], [1.0, 2.0, 3.0])
    with pytest.raises(DatapathError, match="planes=2"):
        BitPlanes(2).levels()
