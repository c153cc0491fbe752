"""Max and average pooling against loops: order of values, valid taps, ties of both signs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import rounded

import pyqsim as qs
from pyqsim.modes import ROUNDINGS

S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
Ints = np.ndarray[Any, Any]
Pads = tuple[tuple[int, int], tuple[int, int]]
NONE: Pads = ((0, 0), (0, 0))

GEOMETRIES: list[tuple[tuple[int, int], tuple[int, int], Pads]] = [
    ((2, 2), (2, 2), NONE),
    ((3, 2), (1, 2), NONE),
    ((3, 3), (2, 1), ((1, 1), (1, 1))),
    ((3, 4), (2, 2), ((2, 0), (1, 3))),
]


def windows(
    x: Ints, size: tuple[int, int], stride: tuple[int, int], pads: Pads
) -> Iterator[tuple[tuple[int, int, int, int], list[int]]]:
    """Each output's place and the taps inside the image."""
    batch, height, width, channels = x.shape
    oh = (height + sum(pads[0]) - size[0]) // stride[0] + 1
    ow = (width + sum(pads[1]) - size[1]) // stride[1] + 1
    for b, i, j, c in np.ndindex(batch, oh, ow, channels):
        rows = range(i * stride[0] - pads[0][0], i * stride[0] - pads[0][0] + size[0])
        columns = range(j * stride[1] - pads[1][0], j * stride[1] - pads[1][0] + size[1])
        taps = [
            int(x[b, r, s, c]) for r in rows for s in columns if 0 <= r < height and 0 <= s < width
        ]
        yield (b, i, j, c), taps


def images(low: int, high: int, seed: int = 1) -> Ints:
    return np.random.Generator(np.random.PCG64(seed)).integers(low, high, (2, 6, 7, 3))


FORMATS = [
    S8, U8, qs.Affine(4, narrow=True), qs.LogQuant(3, signed=True), qs.PowerOfTwo(4), qs.APoT(4),
    qs.APoT(6), qs.APoT(5, signed=False), qs.Planes([[3, -7, 100, 0, -1, 8, 8, -50]]),
]  # fmt: skip


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=repr)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_max_compares_values(fmt: qs.Format, geometry: Any) -> None:
    """Codes of most formats are not in the order of their values."""
    codes = images(fmt.code_min, fmt.code_max + 1)
    size, stride, padding = geometry
    x = qs.QTensor(codes, fmt, 0.5)
    y = qs.ops.max_pool2d(x, size, stride=stride, padding=padding)
    integers = fmt.integers()[codes & (len(fmt.integers()) - 1)]
    observed = fmt.integers()[y.codes.astype(int) & (len(fmt.integers()) - 1)]
    for place, taps in windows(integers, size, stride, padding):
        assert observed[place] == max(taps), f"{fmt} {place} {taps}: observed {observed[place]}"
    assert y.format == fmt
    assert float(y.scale) == 0.5


def test_some_formats_would_fail_on_codes() -> None:
    """The test above means something: the largest code is not the largest value."""
    for fmt in (qs.LogQuant(3, signed=True), qs.APoT(4), qs.APoT(5, signed=False)):
        integers = fmt.integers()
        assert integers.argmax() != len(integers) - 1


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=repr)
def test_max_of_plain_integers(geometry: Any, dtype: Any) -> None:
    """Any dtype; padding never wins, not even over the smallest number."""
    size, stride, padding = geometry
    info = np.iinfo(dtype)
    x = images(0, 100).astype(dtype)
    x[0] = info.min
    y = qs.ops.max_pool2d(x, size, stride=stride, padding=padding)
    for place, taps in windows(x, size, stride, padding):
        assert y[place] == max(taps), f"{place} {taps}: observed {y[place]}"


def test_max_keeps_zero_point() -> None:
    """The zero point stays; negative codes lose against padding's absence only."""
    x = qs.QTensor(np.full((1, 2, 2, 1), -128), S8, 0.5, 17)
    y = qs.ops.max_pool2d(x, 3, stride=1, padding=1)
    assert y.codes.ravel().tolist() == [-128] * 4
    assert int(y.zero_point) == 17


@pytest.mark.parametrize(
    "x", [np.zeros((1, 2, 2, 1), int), qs.QTensor(np.zeros((1, 2, 2, 1), int), S8)]
)
def test_window_wholly_in_the_padding(x: Any) -> None:
    """There is no largest of no numbers: refused, for tensors and plain integers alike."""
    for size, padding in ((1, 1), (2, 2), ((2, 1), ((0, 0), (0, 1)))):
        with pytest.raises(qs.errors.ShapeError, match="padding"):
            qs.ops.max_pool2d(x, size, padding=padding)


# -- average ---------------------------------------------------------------------------------------


def tflite_mean(taps: list[int]) -> int:
    """TFLite's AVERAGE_POOL, with C's truncating division."""
    total, n = sum(taps), len(taps)
    nudged = total + n // 2 if total > 0 else total - n // 2
    return nudged // n if nudged >= 0 else -(-nudged // n)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=repr)
@pytest.mark.parametrize("zero_point", [0, -9])
def test_average_is_tflites(geometry: Any, zero_point: int) -> None:
    """Raw codes, taps inside the image only, half away from zero."""
    size, stride, padding = geometry
    codes = images(-128, 128, 2)
    y = qs.ops.average_pool2d(
        qs.QTensor(codes, S8, 0.5, zero_point), size, stride=stride, padding=padding
    )
    for place, taps in windows(codes, size, stride, padding):
        expected = tflite_mean(taps)
        assert y.codes[place] == expected, f"{place} {taps}: observed {y.codes[place]}"
    assert int(y.zero_point) == zero_point


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_average_ties_of_both_signs(rule: qs.Rounding) -> None:
    """All sums -8..8 of two and of four taps, by every rounding."""
    for taps in (2, 4):
        x = np.zeros((17, 1, taps, 1), int)
        x[:, 0, 0, 0] = np.arange(-8, 9)
        y = qs.ops.average_pool2d(x, (1, taps), rounding=rule)
        expected = rounded(np.arange(-8, 9), taps, rule.name or "")
        assert y.ravel().tolist() == expected.tolist(), f"{rule} / {taps}"


@pytest.mark.parametrize("rule", ["half_up", "floor", "half_even", "ceil"])
def test_average_of_valid_taps(rule: str) -> None:
    """Windows over the edge divide by fewer taps."""
    x = images(-100, 100, 3)
    size, stride, padding = GEOMETRIES[3]
    y = qs.ops.average_pool2d(x, size, stride=stride, padding=padding, rounding=rule)
    for place, taps in windows(x, size, stride, padding):
        expected = int(rounded(np.array(sum(taps)), len(taps), rule.upper()))
        assert y[place] == expected, f"{rule} {place} {taps}: observed {y[place]}"


def test_stride_is_the_size_by_default() -> None:
    x = images(0, 99)
    for pool in (qs.ops.max_pool2d, qs.ops.average_pool2d):
        assert (pool(x, (2, 3)) == pool(x, (2, 3), stride=(2, 3))).all()


def test_empty() -> None:
    """No images and no channels."""
    for pool in (qs.ops.max_pool2d, qs.ops.average_pool2d):
        for shape, expected in (((0, 4, 4, 2), (0, 2, 2, 2)), ((1, 4, 4, 0), (1, 2, 2, 0))):
            assert pool(np.zeros(shape, int), 2).shape == expected
            assert pool(qs.QTensor(np.zeros(shape, int), S8), 2).codes.shape == expected


def test_refused() -> None:
    """What cannot be pooled."""
    x = np.ones((1, 4, 4, 2), int)
    shape, operand = qs.errors.ShapeError, qs.errors.OperandError
    two_planes = qs.QTensor(x, qs.Planes([[0, 1], [1, 0]]))
    for pool in (qs.ops.max_pool2d, qs.ops.average_pool2d):
        with pytest.raises(shape, match=r"x: shape=\(4, 4, 2\)"):
            pool(x[0], 2)
        with pytest.raises(shape, match="window of 5 along H, allowed: at most 4"):
            pool(x, 5)
        with pytest.raises(shape, match="axis=3"):
            pool(qs.QTensor(x, S8, axis=3), 2)
        with pytest.raises(operand, match="dtype=float64"):
            pool(x * 1.0, 2)
        with pytest.raises(operand, match=r"planes=2|format="):
            pool(two_planes, 2)
    with pytest.raises(operand, match="format="):
        qs.ops.average_pool2d(qs.QTensor(x, qs.APoT(4)), 2)
