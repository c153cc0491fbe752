"""Assert that a kernel is bit exact, from a test of your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyqsim.datapath import Datapath
from pyqsim.formats import Format
from pyqsim.testing.conformance.cases import Plan
from pyqsim.testing.conformance.kernels import PythonKernel
from pyqsim.testing.conformance.run import Report, Section, explain_failures
from pyqsim.testing.random_operands import OperandKind, default_kinds

__all__ = ["assert_bit_exact"]


def _kind(given: Any, default: OperandKind) -> OperandKind:
    if given is None:
        return default
    return given if isinstance(given, Format) else np.dtype(given)


def assert_bit_exact(
    kernel: Callable[..., Any],
    datapath: Datapath,
    *,
    a: Any = None,
    b: Any = None,
    examples: int = 300,
    zero_points: bool = True,
) -> None:
    """Raise AssertionError unless a kernel gives a datapath's numbers, to the last bit.

    Hypothesis draws layers from `pyqsim.testing.strategies.layers`; the first that differs is
    made small, confirmed by the oracle, and explained.

    Parameters
    ----------
    kernel : callable
        ``kernel(a, b, **numbers)``: codes (M, K) and (K, N), and by keyword what the layer has of
        `a_zero_point` (int), `b_zero_point`, `bias`, `multiplier`, `shift`, `scale` and
        `out_zero_point` (arrays of N); returns the (M, N) outputs.
    datapath : Datapath
    a, b : Format or integer dtype, optional
        Of one plane. Default: signed 8-bit codes, or what the datapath's product reads.
    examples : int
        Layers drawn.
    zero_points : bool
        Whether operands of formats that have one are given zero points.

    Raises
    ------
    AssertionError
        With shapes, the smallest failing operands, the first (m, n, k), a line ``inputs =>
        observed  expected: expected``, and the likely cause.

    Examples
    --------
    >>> import numpy as np
    >>> import pyqsim as qs
    >>> from pyqsim.testing import assert_bit_exact
    >>> def kernel(a, b):
    ...     return a.astype(np.int32) @ b.astype(np.int32)
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(32),))
    >>> assert_bit_exact(kernel, machine, a="int8", b="int8", examples=20)
    """
    from pyqsim.testing.strategies.search import examples_of  # needs the extra `testing`

    default_a, default_b = default_kinds(datapath)
    plan = Plan(datapath, _kind(a, default_a), _kind(b, default_b))
    under_test = PythonKernel(kernel)
    section = Section("layers")
    for call in examples_of(datapath, a, b, zero_points, examples):
        (observed,) = under_test.run([call])
        section.add(call, call.run(), observed)
    if section.failing:
        report = Report(under_test.name, plan, [section])
        explain_failures(under_test, report)
        raise AssertionError(str(report))
