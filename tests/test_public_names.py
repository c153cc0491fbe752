"""The spellings that others build on: a change here breaks users."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import pyqsim as qs


def test_formats_and_tensors() -> None:
    """From real numbers to codes and back."""
    fmt = qs.Affine(bits=8, signed=True)
    x = np.array([[0.5, -1.0], [0.25, 1.0]])
    q = qs.quantize(x, fmt, axis=None, method="max", rounding="half_even")
    assert q.codes.dtype == np.int8
    assert (q.format, q.axis, q.zero_point.tolist()) == (fmt, None, 0)
    assert q.real().dtype == np.float64
    given = qs.quantize(x, fmt, scale=0.01, zero_point=3)
    assert given.codes.tolist() == [[53, -97], [28, 103]]
    q = qs.QTensor([[1, 2]], fmt, scale=0.1, zero_point=0, axis=None)
    assert q.real().tolist() == [[0.1, 0.2]]
    for fmt in (qs.LogQuant(3), qs.PowerOfTwo(4), qs.APoT(4, base_bits=2, signed=True)):
        assert fmt.planes == 1
        levels = fmt.levels()
        assert (np.diff(levels) > 0).all()
        allowed = fmt.integers()[fmt.code_min : fmt.code_max + 1]
        assert set(allowed * 2.0**-fmt.frac_bits) == set(levels)


def test_matmul_and_plan() -> None:
    """A datapath, a call with events, a plan."""
    dp = qs.Datapath(product=qs.Multiply(), reduce=(qs.Accumulate(24, "saturate"),), output=())
    a, b = np.array([[1, 2], [3, 4]], np.int8), np.array([[5], [6]], np.int8)
    y, events = qs.matmul(a, b, dp, events=True)
    assert y.dtype == np.int32
    assert (events.overflows, events.first) == (0, None)
    assert (events.minimum, events.maximum) == (5, 39)
    assert events.steps[0].overflows == 0
    biased = qs.Datapath(reduce=(qs.Accumulate(24, "saturate", start="bias"),))
    y = qs.matmul(a, b, biased, bias=[100], kernel="reference", isa="auto", threads=2)
    assert y.tolist() == [[117], [139]]
    p = qs.plan(b, dp)
    y = p(a)
    assert p(a, out=y) is y
    assert y.tolist() == [[17], [39]]
    assert "kernel" in p.explain()
    assert qs.testing.oracle.matmul(a, b, dp).tolist() == [[17], [39]]


def test_schemes_and_narrow() -> None:
    """Requantize parameters, encoded or given."""
    scheme = qs.requantize.DoubleRounding()
    params = scheme.encode([0.5, 0.25])
    acc = np.array([[100, 100]])
    assert scheme.apply(acc, params).tolist() == [[50, 25]]
    codes = scheme.apply(acc, params, zero_point=10, clamp=(0, 40))
    assert codes.tolist() == [[40, 35]]
    params = qs.requantize.Multiplier(2**30, 1)  # 2**30 * 2**(1 - 31) = 1
    assert qs.requantize.SingleRounding().apply(acc, params).tolist() == [[100, 100]]
    v = qs.narrow([1000, 12], shift=3, rounding="half_even", bits=8, overflow="saturate")
    assert v.tolist() == [125, 2]


def test_testing_is_imported_on_request_only() -> None:
    """The core stays small: neither the oracle nor the command line come with it."""
    code = """
import sys, pyqsim
early = [m for m in sys.modules if m.startswith(("pyqsim.testing", "pyqsim.cli", "rich"))]
pyqsim.testing.oracle
sys.exit(f"imported at once: {early}" if early else 0)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        qs.nothing  # noqa: B018 - the lookup itself is the test
