"""quantize: fit, then encode; the error is what the step size allows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pyqsim.calibration import fit_scale, quantize
from pyqsim.errors import ModeError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, APoT, LogQuant, Planes, PowerOfTwo

FORMATS = [
    Affine(8),
    Affine(4, narrow=True),
    Affine(8, signed=False),
    LogQuant(3, True),
    LogQuant(4, False, "floor"),
    PowerOfTwo(4),
    APoT(5),
    APoT(4, signed=False),
]
tensors = arrays(np.float64, array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e9, 1e9))


@given(tensors, st.sampled_from(FORMATS), st.data())
def test_quantizing_again_changes_nothing(x, fmt, data):
    axis = data.draw(st.none() | st.integers(0, x.ndim - 1))
    group = data.draw(st.none() | st.integers(1, 3)) if axis != 0 else None
    q = quantize(x, fmt, axis, group=group)
    assert q.shape == x.shape
    assert q.format == fmt
    scale, zero_point = fit_scale(x, fmt, axis, group=group)
    assert (q.scale.tolist(), q.zero_point.tolist()) == (scale.tolist(), zero_point.tolist())
    again = quantize(q.real(), fmt, axis, scale=scale, zero_point=zero_point, group=group)
    assert again == q


@given(tensors, st.sampled_from([Affine(8), Affine(5, narrow=True), Affine(8, signed=False)]))
def test_affine_error_is_half_a_step(x, fmt):
    q = quantize(x, fmt)
    assert (np.abs(q.real() - x) <= q.scale * 0.5 * (1 + 1e-9) + 2.0**-1022).all()


def test_a_channel_has_its_own_scale():
    q = quantize([[-1.0, 0.5], [2.0, 8.0]], Affine(8, narrow=True), axis=0)
    assert q.codes.tolist() == [[-127, 64], [32, 127]]
    assert q.scale.tolist() == [1 / 127, 8 / 127]
    assert q.axis == 0


def test_given_scale_and_zero_point():
    q = quantize([0.5, 1.5, 400.0], Affine(8), scale=1.0, zero_point=1)
    assert q.codes.tolist() == [1, 3, 127]
    assert quantize([[1.0, 1.0]], Affine(8), 1, scale=[0.5, 0.25]).codes.tolist() == [[2, 4]]
    assert quantize([1.0], LogQuant(3), scale=4).codes.tolist() == [6]


def test_rounding_of_each_format():
    assert quantize([2.5, -2.5], Affine(8), scale=1.0).codes.tolist() == [2, -2]
    even = quantize([2.5, -2.5], Affine(8), None, "max", "half_even", scale=1.0)
    assert even.codes.tolist() == [2, -2]
    assert quantize([2.5, -2.5], Affine(8), rounding="half_up", scale=1.0).codes.tolist() == [3, -2]
    assert quantize([0.75], PowerOfTwo(3), scale=1.0).codes.tolist() == [2]
    assert quantize([0.75], PowerOfTwo(3), rounding="half_away", scale=1.0).codes.tolist() == [3]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.int64])
def test_dtypes(dtype):
    x = np.array([1, -3, 7], dtype)
    assert quantize(x, Affine(8)) == quantize(x.astype(float), Affine(8))


def test_images_on_their_own_grid():
    grey = np.arange(256) / 255
    q = quantize(grey, Affine(8, signed=False))
    assert q.codes.tolist() == list(range(256))
    assert q.zero_point == 0


def test_refused():
    x = [[1.0, 2.0], [np.inf, np.nan]]
    with pytest.raises(QuantizationError, match=r"x\[1, 0\]=inf, allowed: finite numbers"):
        quantize(x, Affine(8))
    for bad in ([1j], [None], ["a"], [True]):
        with pytest.raises(OperandError, match=r"x: dtype=.*, allowed: float16"):
            quantize(bad, Affine(8))
    with pytest.raises(OperandError, match=r"fmt=8, allowed: a pyqsim.formats.Format"):
        quantize([1.0], 8, scale=1.0)
    with pytest.raises(QuantizationError, match=r"zero_point=3, allowed: only with scale="):
        quantize([1.0], Affine(8), zero_point=3)
    with pytest.raises(ModeError, match=r"symmetric=True, allowed: None where the scale is given"):
        quantize([1.0], Affine(8), scale=1.0, symmetric=True)
    with pytest.raises(ModeError, match=r"rounding=HALF_EVEN, allowed for LogQuant"):
        quantize([1.0], LogQuant(3), rounding="half_even")
    with pytest.raises(QuantizationError, match=r"scale=0.3, allowed: a power of two for LogQuant"):
        quantize([1.0], LogQuant(3), scale=0.3)
    with pytest.raises(ShapeError, match=r"scale.shape=\(3,\), allowed: a scalar or \(2,\)"):
        quantize([1.0, 2.0], Affine(8), axis=0, scale=[1, 2, 3])
    with pytest.raises(QuantizationError, match=r"Planes of 1 x 2 integers"):
        quantize([1.0], Planes([[1, -1]]))
    with pytest.raises(QuantizationError, match=r"made from codes"):
        quantize([1.0], Planes([[1, -1]]), scale=1.0)
