"""linear: leading axes, a whole int8 layer by hand, encodings, events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import double

import pyqsim as qs

S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)


def numbers(*shape: int) -> Any:
    return np.random.Generator(np.random.PCG64(sum(shape))).integers(-128, 128, shape)


@pytest.mark.parametrize("leading", [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (2, 0)])
def test_leading_axes(leading: tuple[int, ...]) -> None:
    """M is their product; the result has them back."""
    x, w = numbers(*leading, 7), numbers(7, 4)
    expected = x @ w
    for operand in (x, qs.QTensor(x, S8, 0.5)):
        y = qs.ops.linear(operand, w, qs.Datapath())
        assert y.shape == (*leading, 4)
        assert y.tolist() == expected.tolist()


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_no_inputs(leading: tuple[int, ...]) -> None:
    """K = 0: sums of nothing."""
    y = qs.ops.linear(np.zeros((*leading, 0), int), np.zeros((0, 4), int), qs.Datapath())
    assert y.shape == (*leading, 4)
    assert not y.any()


def test_int8_layer_by_hand() -> None:
    """TFLite's fully connected, per channel: bias, double rounding, zero point, clamp."""
    x, w = numbers(2, 3, 9), numbers(9, 4)
    scales, bias = np.array([0.002, 0.01, 0.003, 0.5]), np.array([100, -5000, 7, 0])
    scheme = qs.requantize.DoubleRounding()
    parameters = scheme.encode(0.05 * scales / 0.1)
    layer = qs.Datapath(
        reduce=qs.Accumulate(32),
        output=(qs.AddBias(32), qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(-128, 127)),
    )
    y = qs.ops.linear(
        qs.QTensor(x, S8, 0.05, -4),
        qs.QTensor(w, S8, scales, axis=1),
        layer,
        bias=bias,
        requantize=parameters,
        out_zero_point=11,
        encoding=qs.Encoding(S8, 0.1, 11),
    )
    acc = (x + 4) @ w + bias
    pairs = zip(parameters.multiplier.tolist(), parameters.shift.tolist(), strict=True)
    columns = [double(acc[..., n], m, s) for n, (m, s) in enumerate(pairs)]
    expected = np.clip(np.stack(columns, axis=-1) + 11, -128, 127)
    assert y.codes.tolist() == expected.tolist()
    assert (y.format, float(y.scale), int(y.zero_point)) == (S8, 0.1, 11)


def test_events_count_flattened_rows() -> None:
    """m counts the leading axes together, in C order."""
    x = np.zeros((2, 3, 2), int)
    x[1, 1] = [100, 100]
    datapath = qs.Datapath(reduce=qs.Accumulate(8, "saturate"))
    y, events = qs.ops.linear(x, [[1], [1]], datapath, events=True, counts=True)
    assert y[1, 1, 0] == 127
    assert events.first == (0, 4, 0, 1)
    assert events.counts[:, 0].tolist() == [0, 0, 0, 0, 1, 0]


def test_planes_lead() -> None:
    """Accumulators of planes stand before the leading axes."""
    fmt = qs.Planes([[c % 4 for c in range(16)], [c // 4 for c in range(16)]])
    codes, w = numbers(2, 3, 5) % 16, numbers(5, 4)
    y = qs.ops.linear(qs.QTensor(codes, fmt), w, qs.Datapath())
    assert y.shape == (2, 2, 3, 4)
    assert (y[0] + 4 * y[1]).tolist() == (codes @ w).tolist()


def test_refused() -> None:
    """A number, another K, per-channel activations of three axes, codes that do not fit."""
    w, errors = np.ones((2, 3), int), qs.errors
    with pytest.raises(errors.ShapeError, match=r"x: shape=\(\)"):
        qs.ops.linear(5, w, qs.Datapath())
    with pytest.raises(errors.ShapeError, match=r"a: shape=\(1, 3\), b: shape=\(2, 3\)"):
        qs.ops.linear([[1, 2, 3]], w, qs.Datapath())
    with pytest.raises(errors.ShapeError, match="axis=0"):
        qs.ops.linear(qs.QTensor(np.ones((2, 1, 2), int), S8, axis=0), w, qs.Datapath())
    with pytest.raises(errors.CodeError, match=r"codes\[0, 0\]=300, allowed: -128..127"):
        qs.ops.linear([[100, 200]], w, qs.Datapath(), encoding=qs.Encoding(S8))
    with pytest.raises(errors.OperandError, match="x: dtype=float64"):
        qs.ops.linear([[1.0, 2.0]], w, qs.Datapath())
