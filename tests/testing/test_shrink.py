"""Failing calls are made small: one output, few terms, small numbers, simple data."""

from __future__ import annotations

import time

import numpy as np

import pyqsim as qs
from pyqsim.diagnostics import Call
from pyqsim.testing.conformance.shrink import shrink


def large_call(seed, datapath, **data):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-128, 128, (4, 60)), rng.integers(-128, 128, (60, 3))
    return Call(a.astype(np.int8), b.astype(np.int8), datapath, data)


def test_one_output_one_term_small_numbers():
    """What fails is any product of two negative numbers: -1 * -1 is the smallest."""
    call = large_call(1, qs.Datapath(output=(qs.AddBias(40),)), bias=np.array([700, -3, 9]))

    def fails(c):
        return bool(((c.a < 0)[:, :, None] & (c.b < 0)[None]).any())

    small = shrink(call, fails, seconds=20)
    assert small.sizes == (1, 1, 1)
    assert (small.a.item(), small.b.item()) == (-1, -1)
    assert small.data["bias"].tolist() == [0]
    assert small.run().tolist() == [[1]]


def test_terms_that_are_needed_stay():
    """A sum of 300 from products of at most 100: three terms, whatever was there before."""
    call = large_call(2, qs.Datapath())

    def fails(c):
        terms = np.clip(c.a.astype(int)[:, :, None] * c.b.astype(int)[None], -100, 100)
        return bool((terms.sum(1) >= 300).any())

    small = shrink(call, fails, seconds=20)
    assert small.sizes == (1, 1, 3)
    assert (np.abs(small.a.astype(int) * small.b.T.astype(int)) <= 127).all()


def test_zero_points_and_parameters_follow_their_columns():
    fmt = qs.Affine(8)
    rng = np.random.default_rng(3)
    a = qs.QTensor(rng.integers(-128, 128, (3, 9)), fmt, 1.0, 5)
    b = qs.QTensor(rng.integers(-128, 128, (9, 3)), fmt, np.ones(3), [7, -128, 1], axis=1)
    scheme = qs.requantize.DoubleRounding()
    machine = qs.Datapath(output=(qs.Narrow(bits=32), qs.Requantize(scheme)))
    call = Call(a, b, machine, {"requantize": scheme.encode([0.5, 0.25, 0.125])})

    def fails(c):  # only the second column's multiplier and zero point
        zero = np.broadcast_to(c.b.zero_point, c.sizes[1])
        shift = np.broadcast_to(c.data["requantize"].shift, c.sizes[1])
        return bool(((zero == -128) & (shift == -1)).any())

    small = shrink(call, fails, seconds=20)
    assert small.sizes[:2] == (1, 1)
    assert small.b.zero_point.tolist() == [-128]
    assert small.data["requantize"].shift.tolist() == [-1]
    assert not small.a.zero_point.any()


def test_time_is_limited_and_errors_are_no_failures():
    call = large_call(4, qs.Datapath())

    def slow(c):
        time.sleep(0.05)
        return True

    began = time.perf_counter()
    shrink(call, slow, seconds=0.3)
    assert time.perf_counter() - began < 5

    def refuses(c):
        if c.sizes != call.sizes:
            raise qs.errors.ShapeError("smaller calls are not taken")
        return True

    assert shrink(call, refuses, seconds=5).sizes == call.sizes
