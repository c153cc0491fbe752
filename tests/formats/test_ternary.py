"""Ternary: codes, and both kinds of threshold against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from formats import fraction_encoders as exact

from pyqsim.errors import CodeError, DatapathError, ModeError
from pyqsim.formats import Ternary
from pyqsim.tensor import QTensor


def test_every_code():
    fmt = Ternary()
    assert fmt.integers().tolist() == [0, 1, 0, -1]
    assert fmt.levels().tolist() == [-1, 0, 1]
    assert (fmt.code_bits, fmt.code_min, fmt.code_max, fmt.zero_code) == (2, -1, 1, 0)
    assert (fmt.frac_bits, fmt.shifts, fmt.has_zero_point) == (0, True, False)
    assert fmt.code_dtype == np.int8
    assert fmt.encode([-0.3, 0.0, -0.0, 0.3], 0.3).tolist() == [-1, 0, 0, 1]
    with pytest.raises(CodeError, match=r"codes\[0\]=-2, allowed: -1\.\.1 for Ternary"):
        QTensor([-2], fmt)


@pytest.mark.parametrize("scale", exact.SCALES)
@pytest.mark.parametrize("threshold", ["half", 0.5, 0.33, 1 / 128, 1, np.float32(0.7)])
def test_encode(scale, threshold):
    fmt = Ternary(threshold)
    limit = Fraction(1, 2) if threshold == "half" else Fraction(float(threshold))
    x = np.concatenate([exact.around([limit * Fraction(scale)]), exact.hard_numbers(9)])

    def expected(v):
        size = abs(Fraction(float(v))) / Fraction(scale)
        beyond = size > limit or (size == limit and threshold != "half")
        return 0 if not beyond else 1 if v > 0 else -1

    assert fmt.encode(x, scale).tolist() == [expected(v) for v in x]
    assert eval(repr(fmt)) == fmt


def test_half_is_the_apot_program():
    x = np.linspace(-3, 3, 97)  # holds +-0.5
    assert Ternary().encode(x).tolist() == np.rint(np.clip(x, -1, 1)).tolist()


def test_qkeras_threshold_in_float32():
    x = np.float32(0.33) + np.arange(-3, 4) * np.spacing(np.float32(0.33))
    assert Ternary(0.33).encode(x).tolist() == (x >= np.float32(0.33)).tolist()


def test_errors():
    for bad in (0.0, 1.01, 1 / 129, float("nan"), "third", True, None):
        with pytest.raises(DatapathError, match=r"Ternary: threshold=.*, allowed: 'half' or a num"):
            Ternary(bad)
    with pytest.raises(ModeError, match=r"rounding=HALF_EVEN, allowed for Ternary.*its threshold"):
        Ternary().encode(1.0, rounding="half_even")
