"""What codes of several planes stand for, and their dot products, in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import pyqsim as qs


def fractions(numbers) -> np.ndarray:
    """Doubles as exact fractions, in an array of objects."""
    exact = np.vectorize(lambda v: Fraction(float(v)), otypes=[object])
    return exact(np.asarray(numbers, dtype=np.float64))


def plane_scales(q: qs.QTensor) -> np.ndarray:
    """Exact unit of every plane and channel, (planes, channels or 1)."""
    scales = fractions(q.scale).reshape(q.format.planes, -1)
    return scales * Fraction(1, 2**q.format.frac_bits)


def values(q: qs.QTensor) -> np.ndarray:
    """Exact reals of a matrix with channels, if any, along its last axis."""
    integers = q.integers().reshape(q.format.planes, *q.shape) - q.zero_point
    terms = integers.astype(object) * plane_scales(q)[:, np.newaxis, :]
    return terms.sum(axis=0)


def dot_by_planes(a: qs.QTensor, b: qs.QTensor, **options) -> np.ndarray:
    """Accumulators of `matmul` times their exact scales, summed."""
    accumulators = qs.matmul(a, b, qs.Datapath(output=(), **options))
    shape = (a.format.planes, b.format.planes, a.shape[0], b.shape[1])
    assert accumulators.shape == tuple(n for n in shape[:2] if n > 1) + shape[2:]
    scale_a, scale_b = plane_scales(a), plane_scales(b)
    units = scale_a[:, None, None, :1] * scale_b[None, :, None, :]
    return (accumulators.reshape(shape).astype(object) * units).sum(axis=(0, 1))


def check_dot(a: qs.QTensor, b: qs.QTensor, **options) -> None:
    """The accumulators hold the dot product of the decoded values exactly."""
    assert (dot_by_planes(a, b, **options) == values(a) @ values(b)).all()
