"""The doors that every format shares: what is taken, what is refused and how it is named."""

import numpy as np
import pytest

from pyqsim.errors import DatapathError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, APoT, LogQuant, PowerOfTwo

FORMATS = [Affine(8), Affine(5, signed=False), LogQuant(3, True), PowerOfTwo(4), APoT(5)]
each_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)


@each_format
@pytest.mark.parametrize("dtype", ["f2", "<f4", ">f4", "<f8", ">f8", "i1", ">i4", "i8", "u1", "u8"])
def test_every_real_dtype(fmt, dtype):
    x = np.array([[0, 1, 2], [3, 5, 100]]).astype(dtype)
    expected = fmt.encode(x.astype(float), 8.0)
    assert (fmt.encode(x, 8.0) == expected).all()
    assert (fmt.encode(x[::-1, ::2], 8.0) == expected[::-1, ::2]).all()
    assert fmt.encode(x[0, 0], 8.0).shape == ()
    assert fmt.encode(x[:0], 8.0).shape == (0, 3)


@each_format
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_first_number_that_is_not_finite(fmt, bad, dtype):
    x = np.ones((2, 3), dtype)
    x[1, 1:] = bad
    with pytest.raises(QuantizationError) as error:
        fmt.encode(x)
    assert str(error.value) == f"x[1, 1]={bad}, allowed: finite numbers"


def test_integers_that_float64_does_not_hold():
    assert Affine(8).encode([2**53, -(2**53)]).tolist() == [127, -128]
    for bad in (2**53 + 1, -(2**53) - 1):
        with pytest.raises(QuantizationError) as error:
            Affine(8).encode([0, bad])
        assert str(error.value) == f"x[1]={bad}, allowed: integers in -2**53..2**53"


@pytest.mark.parametrize("x", [[1j], [True], ["a"], [None], np.ones(2, np.longdouble)])
def test_dtypes_refused(x):
    with pytest.raises(OperandError, match=r"x: dtype=.*, allowed: float16, float32, float64 and"):
        Affine(8).encode(x)


@each_format
@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_scales_refused(fmt, scale):
    with pytest.raises(QuantizationError) as error:
        fmt.encode([1.0, 2.0], [1.0, scale])
    assert str(error.value) == f"scale[1]={scale}, allowed: finite and > 0"
    with pytest.raises(OperandError, match=r"scale: dtype=complex128, allowed: real numbers"):
        fmt.encode(1.0, 1j)


@pytest.mark.parametrize(
    ("fmt", "zero_point", "allowed"),
    [
        (Affine(8), 128, "-128..127"),
        (Affine(8, narrow=True), -128, "-127..127"),
        (Affine(8, signed=False), -1, "0..255"),
        (PowerOfTwo(4), 1, "0..0"),
        (LogQuant(3), -1, "0..0"),
        (APoT(5), 3, "0..0"),
    ],
    ids=str,
)
def test_zero_points_refused(fmt, zero_point, allowed):
    with pytest.raises(QuantizationError) as error:
        fmt.encode(1.0, 1.0, zero_point)
    assert str(error.value) == f"zero_point={zero_point}, allowed: {allowed} for {fmt}"
    with pytest.raises(OperandError, match=r"zero_point: dtype=float64, allowed: an integer dtype"):
        fmt.encode(1.0, 1.0, 0.0)


def test_shapes_that_do_not_broadcast():
    for scale in ([1.0, 2.0], [[1.0], [2.0]]):
        with pytest.raises(ShapeError, match=r"scale.shape=.*, allowed: broadcastable to \(3,\)"):
            Affine(8).encode([1.0, 2.0, 3.0], scale)
    with pytest.raises(
        ShapeError, match=r"zero_point.shape=\(3,\), allowed: broadcastable to \(\)"
    ):
        Affine(8).encode(1.0, 1.0, [1, 2, 3])


@each_format
def test_frozen_and_hashable(fmt):
    with pytest.raises(AttributeError):
        fmt.bits = 3
    assert {fmt: 1}[eval(repr(fmt))] == 1


@each_format
def test_levels_and_zero(fmt):
    levels = fmt.levels()
    assert levels.dtype == np.float64
    assert (np.diff(levels) > 0).all()
    assert fmt.encode([0.0, -0.0]).tolist() == [fmt.zero_code] * 2
    assert fmt.decode(np.array([fmt.zero_code])).tolist() == [0]


def test_errors_are_value_or_type_errors():
    assert issubclass(QuantizationError, ValueError)
    assert issubclass(DatapathError, ValueError)
    assert issubclass(OperandError, TypeError)
