"""``ops.add`` put a linear sum into a logarithmic format, and took schemes it does not define."""

from __future__ import annotations

import pytest

import pyqsim as qs

X = qs.QTensor([3], qs.Affine(8))


def test_other_formats_are_refused() -> None:
    """The codes of a result must be linear in its value."""
    with pytest.raises(qs.errors.OperandError, match="allowed: Affine"):
        qs.ops.add(X, X, qs.Encoding(qs.LogQuant(3)))


def test_other_schemes_are_refused() -> None:
    """TFLite's ADD is defined for the integer schemes."""
    with pytest.raises(qs.errors.DatapathError, match="DoubleRounding, SingleRounding"):
        qs.ops.add(X, X, qs.Encoding(qs.Affine(8)), scheme=qs.requantize.FloatScale())
