"""Planes.digits and Planes.split: the planes add up to the integer, and so do the products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim.errors import DatapathError
from pyqsim.formats import Affine, Planes

WIDTHS = [(bits, width) for bits in (1, 2, 5, 8, 12, 16) for width in range(1, bits + 1)]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("bits", "width"), WIDTHS)
def test_digits(bits, width, signed):
    fmt = Planes.digits(bits, width, signed)
    digits = fmt.integers().reshape(fmt.planes, -1)
    assert fmt.planes == -(-bits // width)
    weights = 2 ** (width * np.arange(fmt.planes))
    integers = Affine(bits, signed).integers()
    assert (weights @ digits == integers).all()
    assert digits[:-1].min(initial=0) == 0
    assert digits[:-1].max(initial=0) == (2**width - 1) * (fmt.planes > 1)
    top = bits - width * (fmt.planes - 1)
    low, high = (-(2 ** (top - 1)), 2 ** (top - 1) - 1) if signed else (0, 2**top - 1)
    assert (digits[-1].min(), digits[-1].max()) == (low, high)
    assert fmt.zero_code == 0


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("threshold", [0, 1, 7, 127, 128, 255, 256])
def test_split(threshold, signed):
    small, large = Planes.split(threshold, signed=signed).integers()
    integers = Affine(8, signed).integers()
    assert (small + large == integers).all()
    assert (small * large == 0).all()
    assert (small == np.where(np.abs(integers) <= threshold, integers, 0)).all()


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_merged_digits_are_the_product(width_a, width_b, signed_a, signed_b, seed):
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(1, 9, 3)
    formats = Planes.digits(9, width_a, signed_a), Planes.digits(9, width_b, signed_b)
    widths = width_a, width_b
    a, b = rng.integers(0, 512, (m, k)), rng.integers(0, 512, (k, n))
    weights = [2 ** (w * np.arange(f.planes)) for w, f in zip(widths, formats, strict=True)]
    merge = np.multiply.outer(*weights)[:, :, None, None, None]
    machine = qs.Datapath(output=(qs.Merge(),))
    merged = qs.matmul(qs.QTensor(a, formats[0]), qs.QTensor(b, formats[1]), machine, merge=merge)
    integers_a, integers_b = Affine(9, signed_a).integers()[a], Affine(9, signed_b).integers()[b]
    assert (merged == integers_a @ integers_b).all()


@given(st.integers(0, 130), st.integers(0, 130), st.integers(0, 2**32))
def test_merged_outliers_are_the_product(threshold_a, threshold_b, seed):
    rng = np.random.default_rng(seed)
    m, k, n = rng.integers(1, 9, 3)
    a, b = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    split = (
        qs.QTensor(a & 255, Planes.split(threshold_a)),
        qs.QTensor(b & 255, Planes.split(threshold_b)),
    )
    planes = qs.matmul(*split, qs.Datapath(output=()))
    assert planes.shape == (2, 2, m, n)
    assert (planes.sum(axis=(0, 1)) == a @ b).all()
    assert (qs.matmul(*split, qs.Datapath(output=(qs.Merge(),))) == a @ b).all()


def test_scales_reassemble_the_reals():
    codes = np.arange(-128, 128)
    fmt = Planes.digits(8, 3)
    q = qs.QTensor(codes & 255, fmt, 0.25 * 8.0 ** np.arange(3))
    assert q.real().tolist() == (codes * 0.25).tolist()
    q = qs.QTensor(codes & 255, Planes.split(15), 0.25)
    assert q.real().tolist() == (codes * 0.25).tolist()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Planes.digits(0, 1), "Planes.digits: bits=0, allowed: 1..16"),
        (lambda: Planes.digits(17, 1), "Planes.digits: bits=17, allowed: 1..16"),
        (lambda: Planes.digits(8, 9), "Planes.digits: width=9, allowed: 1..8"),
        (lambda: Planes.digits(8, 0), "Planes.digits: width=0, allowed: 1..8"),
        (lambda: Planes.digits(8, 4, "yes"), "Planes.digits: signed='yes', allowed: True, False"),
        (lambda: Planes.split(-1), "Planes.split: threshold=-1, allowed: 0..65536"),
        (lambda: Planes.split(1, 17), "Planes.split: bits=17, allowed: 1..16"),
        (lambda: Planes.split(1, 8, 1), "Planes.split: signed=1, allowed: True, False"),
    ],
)
def test_impossible_planes(make, message):
    with pytest.raises(DatapathError) as error:
        make()
    assert message in str(error.value)
