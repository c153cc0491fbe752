"""LogQuant: code table, thresholds of the four log roundings, scales."""

from fractions import Fraction
from math import isqrt, log2

import numpy as np
import pytest
from formats import fraction_encoders as exact
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.errors import DatapathError, ModeError, QuantizationError
from pyqsim.formats import LogQuant

RULES = ("log", "floor", "linear_up", "linear_down")


def test_levels_of_formats_md():
    assert LogQuant(2).levels().tolist() == [0, 1 / 8, 1 / 4, 1 / 2]
    # b = 3, FSR = 1: {0, 2^-6 .. 2^0}
    assert (2 * LogQuant(3).levels()).tolist() == [0, *(2.0**e for e in range(-6, 1))]


@pytest.mark.parametrize("bits", range(1, 6))
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_every_code(bits, signed, rule):
    fmt = LogQuant(bits, signed, rule)
    assert fmt.frac_bits == 2**bits - 1
    assert fmt.code_bits == bits + signed
    assert (fmt.code_min, fmt.code_max) == (0, 2 ** (bits + signed) - 1)
    assert fmt.code_dtype == np.uint8
    magnitudes = [0] + [2 ** (c - 1) for c in range(1, 2**bits)]
    expected = magnitudes + [-n for n in magnitudes] * signed
    assert fmt.integers().tolist() == expected
    assert (fmt.shifts, fmt.has_zero_point, fmt.planes, fmt.zero_code) == (True, False, 1, 0)
    codes = np.arange(2**fmt.code_bits)
    for fsr in (-1000, -3, 0, 5, 1000):
        values = np.ldexp(fmt.decode(codes).astype(float), fsr - fmt.frac_bits)
        canonical = np.where(codes == 2**bits, 0, codes)  # "-0" becomes 0
        assert fmt.encode(values, 2.0**fsr).tolist() == canonical.tolist()
    assert eval(repr(fmt)) == fmt


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("fsr", [-1060, -20, 0, 3, 1010])
def test_every_threshold(rule, fsr):
    root = Fraction(isqrt(2 << 400), 1 << 200)
    factors = (1, root, Fraction(3, 2))
    points = [f * Fraction(2) ** e for e in range(fsr - 18, fsr + 3) for f in factors]
    x = np.concatenate([exact.around(points), exact.hard_numbers(3)])
    for bits, signed in ((1, False), (2, True), (3, False), (4, True)):
        got = LogQuant(bits, signed, rule).encode(x, 2.0**fsr)
        expected = [exact.log_quant(v, fsr, bits, signed, rule) for v in x]
        assert got.tolist() == expected, (bits, signed)


@given(st.floats(min_value=5e-324, allow_infinity=False))
def test_float32_threshold_of_formats_md(x):
    x = np.float32(min(x, 3e38))
    if x < 2.0**-126:
        return
    fraction = int(x.view(np.uint32)) & 0x7FFFFF
    e = exact.rounded_exponent(Fraction(float(x)), "floor")
    assert LogQuant(3).rounded_exponent(np.array([float(x)]))[0] == e + (fraction >= 0x3504F4)


def test_agrees_with_the_logarithm_away_from_thresholds():
    x = np.random.default_rng(0).uniform(1e-3, 1e3, 500)
    got = LogQuant(3).rounded_exponent(x)
    assert got.tolist() == [round(log2(v)) for v in x]


def test_scale_must_be_a_power_of_two():
    assert LogQuant(3).encode(2.0**-1073, 2.0**-1073).item() == 7
    with pytest.raises(QuantizationError) as error:
        LogQuant(3).encode([1.0, 2.0], [0.5, 0.75])
    assert str(error.value).startswith("scale[1]=0.75, allowed: a power of two for LogQuant(bits=3")
    with pytest.raises(QuantizationError, match=r"scale=0.0, allowed: finite and > 0"):
        LogQuant(3).encode(1.0, 0.0)


def test_other_roundings_are_refused():
    with pytest.raises(ModeError, match=r"rounding=HALF_EVEN, allowed for LogQuant.*: none but"):
        LogQuant(3).encode(1.0, rounding="half_even")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 0}, "LogQuant: bits=0, allowed: 1..5"),
        ({"bits": 6}, "LogQuant: bits=6, allowed: 1..5"),
        ({"bits": 3, "signed": None}, "LogQuant: signed=None, allowed: True, False"),
        (
            {"bits": 3, "log_rounding": "nearest"},
            "LogQuant: log_rounding='nearest', allowed: 'log', 'floor', 'linear_up', 'linear_down'",
        ),
    ],
)
def test_impossible_formats(arguments, message):
    with pytest.raises(DatapathError) as error:
        LogQuant(**arguments)
    assert message in str(error.value)
