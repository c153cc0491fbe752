"""Binary: both value sets, the sign of zero, the tie."""

from fractions import Fraction

import numpy as np
import pytest
from formats import fraction_encoders as exact

from pyqsim.errors import DatapathError, ModeError
from pyqsim.formats import Affine, Binary


@pytest.mark.parametrize(("values", "levels"), [("pm1", [-1, 1]), ("01", [0, 1])])
def test_every_code(values, levels):
    fmt = Binary(values)
    assert fmt.integers().tolist() == fmt.levels().tolist() == levels
    assert (fmt.code_bits, fmt.code_min, fmt.code_max, fmt.frac_bits) == (1, 0, 1, 0)
    assert fmt.zero_code == (None if values == "pm1" else 0)
    assert (fmt.shifts, fmt.has_zero_point, fmt.planes) == (True, False, 1)
    assert fmt.encode(np.array(levels) * 0.375, 0.375).tolist() == [0, 1]
    assert fmt.encode(0.0).dtype == np.uint8
    assert eval(repr(fmt)) == fmt
    assert Binary() == Binary("pm1")


def test_sign_of_zero_is_plus():
    assert Binary().encode([0.0, -0.0, 5e-324, -5e-324]).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("scale", exact.SCALES)
def test_encode(scale):
    x = np.concatenate([exact.around([Fraction(scale) / 2]), exact.hard_numbers(8)])
    assert Binary().encode(x, scale).tolist() == [int(v >= 0) for v in x]
    ratio = [Fraction(float(v)) / Fraction(scale) for v in x]
    half = Fraction(1, 2)
    assert Binary("01").encode(x, scale).tolist() == [int(r > half) for r in ratio]
    assert Binary("01").encode(x, scale, rounding="half_away").tolist() == [
        r >= half for r in ratio
    ]
    one_bit = Affine(1, signed=False).encode(x, scale, rounding="half_toward_zero")
    assert Binary("01").encode(x, scale).tolist() == one_bit.tolist()


def test_errors():
    with pytest.raises(DatapathError, match=r"Binary: values='pm', allowed: 'pm1', '01'"):
        Binary("pm")
    with pytest.raises(
        ModeError, match=r"rounding=HALF_AWAY, allowed for Binary.*none but the sign"
    ):
        Binary().encode(1.0, rounding="half_away")
    with pytest.raises(ModeError, match=r"rounding=FLOOR, allowed for Binary.*'half_away'"):
        Binary("01").encode(1.0, rounding="floor")
