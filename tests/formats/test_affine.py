"""Affine: every code, every rule, and the exact quotient."""

import numpy as np
import pytest
from formats import fraction_encoders as exact
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.errors import DatapathError, ModeError
from pyqsim.formats import Affine
from pyqsim.modes import ROUNDINGS, STOCHASTIC, Rounding

FORMATS = [
    Affine(bits, signed, narrow)
    for bits in range(1, 17)
    for signed, narrow in ((True, False), (False, False), (True, True))
    if not (narrow and bits == 1)
]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_every_code(fmt):
    low = -(2 ** (fmt.bits - 1)) + fmt.narrow if fmt.signed else 0
    high = 2 ** (fmt.bits - 1) - 1 if fmt.signed else 2**fmt.bits - 1
    codes = np.arange(low, high + 1)
    assert (fmt.code_min, fmt.code_max, fmt.code_bits) == (low, high, fmt.bits)
    assert fmt.code_dtype == f"{'int' if fmt.signed else 'uint'}{8 if fmt.bits <= 8 else 16}"
    assert fmt.decode(codes).tolist() == codes.tolist()
    assert fmt.levels().tolist() == codes.tolist()
    encoded = fmt.encode(codes * 0.375, 0.375)
    assert encoded.dtype == fmt.code_dtype
    assert encoded.tolist() == codes.tolist()
    assert fmt.integers().shape == (2**fmt.bits,)
    assert eval(repr(fmt)) == fmt
    assert (fmt.planes, fmt.frac_bits, fmt.shifts, fmt.zero_code) == (1, 0, False, 0)
    assert fmt.has_zero_point


def test_patterns_are_twos_complement():
    assert Affine(3).integers().tolist() == [0, 1, 2, 3, -4, -3, -2, -1]
    assert Affine(3, signed=False).integers().tolist() == list(range(8))
    assert Affine(3, narrow=True).integers().tolist() == [0, 1, 2, 3, -4, -3, -2, -1]
    assert Affine(3).patterns(np.array([-4, -1, 3], dtype=np.int8)).tolist() == [4, 7, 3]


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
@pytest.mark.parametrize("scale", exact.SCALES)
def test_every_rule_at_every_threshold(rule, scale):
    name = rule.name.lower()
    thresholds = [exact.Fraction(h, 2) * exact.Fraction(scale) for h in range(20)]
    x = np.concatenate([exact.around(thresholds), exact.hard_numbers(2)])
    for fmt, zero_point in ((Affine(4), 0), (Affine(4), -3), (Affine(3, signed=False), 5)):
        got = fmt.encode(x, scale, zero_point, rule)
        low, high = fmt.code_min, fmt.code_max
        expected = [exact.affine(v, scale, zero_point, low, high, name) for v in x]
        assert got.tolist() == expected, (fmt, zero_point)


@given(
    st.integers(-300, 300),
    st.floats(min_value=1e-30, max_value=1e30),
    st.integers(-3, 3),
    st.integers(0, 255),
)
def test_ties_and_their_neighbours(halves, scale, ulps, zero_point):
    x = float(halves * exact.Fraction(scale) / 2)
    x += ulps * float(np.spacing(x))
    got = Affine(8, signed=False).encode(x, scale, zero_point)
    assert got.item() == exact.affine(x, scale, zero_point, 0, 255)


def test_a_rounded_quotient_would_lie():
    # Both quotients are ties in float64; the doubles 0.1 and 0.3 lie above and below 1/10 and 3/10.
    assert (0.75 / 0.1, 0.75 / 0.3) == (7.5, 2.5)
    assert Affine(8).encode([0.75, 0.75], [0.1, 0.3]).tolist() == [7, 3]


def test_zero_point_is_added_after_rounding():
    # HALF_EVEN of 0.5 is 0; HALF_EVEN of 0.5 + 1 would be 2.
    assert Affine(8).encode(0.5, 1.0, 1).item() == 1


def test_user_table():
    always = Rounding(0xFFFF)
    assert Affine(8).encode([0.0, 0.25, -0.25], 1.0, 0, always).tolist() == [1, 1, 0]


def test_rules_refused():
    with pytest.raises(ModeError, match=r"STOCHASTIC\(seed=1.*allowed for Affine\(bits=8"):
        Affine(8).encode(0.5, 1.0, 0, STOCHASTIC(1))
    with pytest.raises(ModeError, match=r"rounding='nearest', allowed: 'floor', "):
        Affine(8).encode(0.5, rounding="nearest")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bits": 0}, "Affine: bits=0, allowed: 1..16"),
        ({"bits": 17}, "Affine: bits=17, allowed: 1..16"),
        ({"bits": 8.0}, "Affine: bits=8.0, allowed: an int in 1..16"),
        ({"bits": True}, "Affine: bits=True, allowed: an int in 1..16"),
        ({"bits": 8, "signed": 1}, "Affine: signed=1, allowed: True, False"),
        ({"bits": 8, "narrow": "yes"}, "Affine: narrow='yes', allowed: True, False"),
        ({"bits": 1, "narrow": True}, "narrow=True with signed=True, bits=1, allowed: signed=True"),
        ({"bits": 8, "signed": False, "narrow": True}, "narrow=True with signed=False, bits=8"),
    ],
)
def test_impossible_formats(arguments, message):
    with pytest.raises(DatapathError) as error:
        Affine(**arguments)
    assert message in str(error.value)


def test_numpy_parameters_become_python_ones():
    fmt = Affine(np.int64(8), np.True_)
    assert repr(fmt) == "Affine(bits=8, signed=True, narrow=False)"
    assert hash(fmt) == hash(Affine(8))
