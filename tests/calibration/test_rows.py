"""Sums of rows: rounded once, in no order."""

from fractions import Fraction

import numpy as np
import pytest

from pyqsim.calibration.rows import deviation, mean, real_rows, squares
from pyqsim.errors import QuantizationError, ShapeError


def test_no_order():
    row = np.ldexp(np.random.default_rng(0).normal(size=999), np.arange(999) % 60)
    for turned in (row[::-1], np.sort(row)):
        assert (mean(turned), deviation(turned)) == (mean(row), deviation(row))
        assert squares(turned) == squares(row)
    exact = sum(Fraction(v) for v in row.tolist())
    assert mean(row) == float(exact) / 999


def test_deviation_is_unbiased():
    row = np.random.default_rng(1).normal(3, 2, 500)
    assert deviation(row) == pytest.approx(np.std(row, ddof=1), rel=1e-14)
    assert deviation(np.array([4.0])) == deviation(np.array([])) == mean(np.array([])) == 0


def test_rows():
    assert real_rows([[1, 2]]).dtype == np.float64
    with pytest.raises(ShapeError, match=r"x.shape=\(2,\), allowed: \(parameters, elements\)"):
        real_rows([1.0, 2.0])
    with pytest.raises(QuantizationError, match=r"x\[0, 1\]=nan"):
        real_rows([[1.0, np.nan]])
