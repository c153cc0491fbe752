"""`assert_bit_exact`: silent for a right kernel, a small counterexample for a wrong one."""

from __future__ import annotations

import numpy as np
import pytest
from testing.planted_faults import MAC, SYMMETRIC, chain, half_even, sat, sat20, symmetric, terms

import pyqsim as qs
from pyqsim.testing import assert_bit_exact
from pyqsim.testing.conformance import KernelError, Plan, PythonKernel, conform


def right(a, b):
    return sat(half_even(sat20(terms(a, b)), 5), 8)


def tie_up(a, b):
    return sat((sat20(terms(a, b)) + 16) >> 5, 8)


def test_a_right_kernel_passes():
    assert_bit_exact(right, MAC, a="int8", b="int8", examples=100)
    assert_bit_exact(
        lambda a, b: chain(terms(a, b), lambda x: symmetric(x, 16)), SYMMETRIC, a="int8", b="int8",
        examples=100,
    )  # fmt: skip


def test_zero_points_and_data_come_by_name():
    machine = qs.Datapath(output=(qs.AddBias(40), qs.AddZeroPoint(40)))

    def kernel(a, b, *, bias, out_zero_point, a_zero_point=0, b_zero_point=0):
        a, b = a.astype(np.int64) - a_zero_point, b.astype(np.int64) - np.asarray(b_zero_point)
        return a @ b + bias + out_zero_point

    assert_bit_exact(kernel, machine, examples=100)


def test_a_wrong_kernel_is_explained():
    with pytest.raises(AssertionError) as raised:
        assert_bit_exact(tie_up, MAC, a="int8", b="int8")
    text = str(raised.value)
    assert "shapes: a (1, 1) int8, b (1, 1) int8" in text
    assert "first (m, n, k): (0, 0, 0)" in text
    assert "likely cause: tie rule: output step 0 (Narrow): HALF_UP instead of HALF_EVEN" in text
    line = next(line for line in text.splitlines() if " => " in line)
    a, b = (int(part.split("]")[0]) for part in line.split("[")[1:])
    assert abs(a * b) % 32 == 16  # the smallest operands are a tie


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (lambda a, b: np.zeros((9, 9), int), r"shape=\(9, 9\), allowed: "),
        (lambda a, b: (a @ b).astype(float) + 0.5, "dtype=float64, allowed: integers"),
        (lambda a, b: 1 // 0, "raised ZeroDivisionError.*M="),
        (lambda a, b: [[1], [2, 3]], "output: "),
    ],
)
def test_what_is_no_answer(kernel, words):
    with pytest.raises(KernelError, match=words):
        assert_bit_exact(kernel, MAC, a="int8", b="int8", examples=30)


def test_a_kernel_with_a_memory_is_reported_as_such():
    """It answers the same call in two ways."""
    calls = []

    def kernel(a, b):
        calls.append(1)
        return right(a, b) + (len(calls) == 7)

    report = conform(PythonKernel(kernel), Plan(MAC, np.dtype("int8"), np.dtype("int8")))
    assert not report.passed
    assert "gives other numbers when the same call is repeated" in report.error


def test_a_run_that_compares_nothing_is_no_success():
    """A machine that leaves three values of three terms: the reference refuses every call."""
    machine = qs.Datapath(reduce=(qs.Narrow(bits=8),))
    report = conform(Zeros(), Plan(machine, np.dtype("int8"), np.dtype("int8"), k=3))
    assert report.outputs == 0
    assert not report.passed
    assert "nothing was compared" in report.error


class Zeros:
    """A kernel that makes zeros."""

    name, per_column, zero_points = "zeros", True, (True, True)

    def run(self, calls):
        return [np.zeros(call.sizes[:2], np.int64) for call in calls]


@pytest.mark.parametrize("name", ["nothing", "no.such:thing", "math:nothing", "math:pi", ":"])
def test_kernels_that_are_not_there(name):
    with pytest.raises(KernelError, match="allowed: "):
        PythonKernel.named(name)
