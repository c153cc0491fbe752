"""PowerOfTwo: code table, zero and thresholds of every member."""

from fractions import Fraction
from itertools import pairwise
from math import isqrt, log2

import numpy as np
import pytest
from formats import fraction_encoders as exact
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.errors import DatapathError, ModeError
from pyqsim.formats import PowerOfTwo
from pyqsim.formats.logarithm import nearest_logarithm


def test_levels_of_formats_md():
    assert PowerOfTwo(3).levels().tolist() == [-1, -1 / 2, -1 / 4, 0, 1 / 4, 1 / 2, 1]
    expected = [0, *(2.0**e for e in range(-6, 1))]
    assert PowerOfTwo(4).levels()[7:].tolist() == expected
    assert PowerOfTwo(2).levels().tolist() == [-1, 0, 1]


@pytest.mark.parametrize("bits", range(2, 7))
def test_every_code(bits):
    fmt = PowerOfTwo(bits)
    count = 2 ** (bits - 1)
    magnitudes = [0] + [2 ** (c - 1) for c in range(1, count)]
    assert fmt.integers().tolist() == magnitudes + [-n for n in magnitudes]
    assert fmt.frac_bits == count - 2
    assert (fmt.code_bits, fmt.code_min, fmt.code_max) == (bits, 0, 2**bits - 1)
    assert fmt.levels().max() == 1
    assert len(fmt.levels()) == 2**bits - 1
    codes = np.arange(2**bits)
    values = np.ldexp(fmt.decode(codes).astype(float), -fmt.frac_bits)
    assert fmt.encode(values).tolist() == np.where(codes == count, 0, codes).tolist()
    assert eval(repr(fmt)) == fmt
    assert fmt.shifts
    assert not fmt.has_zero_point


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
@pytest.mark.parametrize("scale", exact.SCALES)
@pytest.mark.parametrize("tie", ["half_toward_zero", "half_away"])
def test_nearest_level(bits, scale, tie):
    fmt = PowerOfTwo(bits)
    values = {
        code: Fraction(int(n), 2**fmt.frac_bits)
        for code, n in enumerate(fmt.integers())
        if code != 2 ** (bits - 1)
    }
    ordered = sorted(values.values())
    middles = [(a + b) / 2 * Fraction(scale) for a, b in pairwise(ordered)]
    x = np.concatenate([exact.around(middles), exact.hard_numbers(4)[:100]])
    got = fmt.encode(x, scale, rounding=tie)
    assert got.tolist() == [exact.nearest(v, scale, values, tie) for v in x]


def test_ties_go_to_the_smaller_magnitude_by_default():
    x = [0.75, -0.75, 0.125, -0.125]
    assert PowerOfTwo(3).encode(x).tolist() == [2, 6, 0, 0]
    assert PowerOfTwo(3).encode(x, rounding="half_away").tolist() == [3, 7, 1, 5]


#: member: (bits, exponents at scale 1, has zero, code of each exponent ascending, code bits).
MEMBERS = [
    ("pot", 4, range(-6, 1), True, range(1, 8), 4),
    ("pot_paper", 3, range(-3, 1), True, range(1, 5), 4),
    ("pot_paper", 4, range(-7, 1), True, range(1, 9), 5),
    ("deepshift_q", 4, range(-7, 1), False, range(8), 4),
    ("deepshift_ps", 4, range(-6, 1), True, range(1, 8), 4),
    ("inq", 5, range(-7, 1), True, range(1, 9), 5),
    ("inq", 2, range(1), True, range(1, 2), 2),
    ("inq", 7, range(-31, 1), True, range(1, 33), 7),
    ("qkeras_po2", 4, range(-4, 4), False, range(8), 4),
    ("qkeras_po2", 2, range(-1, 1), False, range(2), 2),
    ("qkeras_po2", 6, range(-16, 16), False, range(32), 6),
]
by_member = pytest.mark.parametrize(
    ("member", "bits", "exponents", "zero", "codes", "code_bits"), MEMBERS
)


def code_table(member, bits, exponents, zero, codes):
    """Code -> exact value at scale 1, without the code of "-0"."""
    values = {c: Fraction(2) ** e for c, e in zip(codes, exponents, strict=True)}
    signed = member in ("inq", "pot_paper")
    negative = {-c if signed else c + 2 ** (bits - 1): -v for c, v in values.items()}
    return {**({0: Fraction(0)} if zero else {}), **values, **negative}


@by_member
def test_members_every_code(member, bits, exponents, zero, codes, code_bits):
    fmt = PowerOfTwo(bits, member)
    table = code_table(member, bits, exponents, zero, codes)
    assert {
        int(c): Fraction(int(n), 2**fmt.frac_bits)
        for c, n in zip(list(table), fmt.decode(np.array(list(table))), strict=True)
    } == table
    assert len(fmt.levels()) == len(table)
    assert fmt.levels().tolist() == sorted(map(float, table.values()))
    assert fmt.code_bits == code_bits
    assert fmt.integers().shape == (2**code_bits,)
    assert (fmt.code_min, fmt.code_max) == (min(table), max(table))
    assert fmt.zero_code == (0 if zero else None)
    codes_back = fmt.encode([float(v) * 0.75 for v in table.values()], 0.75)
    assert codes_back.tolist() == list(table)
    assert codes_back.dtype == (np.int8 if min(table) < 0 else np.uint8)
    assert eval(repr(fmt)) == fmt
    assert fmt.shifts
    allowed = range(fmt.code_min, fmt.code_max + 1)
    minus_zero = [2 ** (bits - 1)] if zero and min(table) == 0 else []
    assert sorted([*table, *minus_zero]) == list(allowed)


def test_counts_of_formats_md():
    for bits in range(2, 7):
        assert len(PowerOfTwo(bits, "pot_paper").levels()) == 2**bits + 1
        assert len(PowerOfTwo(bits, "deepshift_q").levels()) == 2**bits
        assert len(PowerOfTwo(bits, "inq").levels()) == 2 ** (bits - 1) + 1
        assert len(PowerOfTwo(bits, "qkeras_po2").levels()) == 2**bits
        pot = PowerOfTwo(bits).levels().tolist()
        assert PowerOfTwo(bits, "deepshift_ps").levels().tolist() == pot


@pytest.mark.parametrize(("member", "bits"), [("pot_paper", 3), ("inq", 4), ("inq", 2)])
@pytest.mark.parametrize("scale", exact.SCALES)
@pytest.mark.parametrize("tie", ["half_toward_zero", "half_away"])
def test_members_nearest_in_the_linear_domain(member, bits, scale, tie):
    fmt = PowerOfTwo(bits, member)
    codes = np.arange(fmt.code_min, fmt.code_max + 1)
    values = {
        int(c): Fraction(int(n), 2**fmt.frac_bits)
        for c, n in zip(codes, fmt.decode(codes), strict=True)
    }
    middles = [(a + b) / 2 * Fraction(scale) for a, b in pairwise(sorted(values.values()))]
    x = np.concatenate([exact.around(middles), exact.hard_numbers(4)[:60]])
    got = fmt.encode(x, scale, rounding=tie)
    assert got.tolist() == [exact.nearest(v, scale, values, tie) for v in x]


@pytest.mark.parametrize("member", ["deepshift_q", "deepshift_ps", "qkeras_po2"])
@pytest.mark.parametrize("scale", exact.SCALES)
def test_members_nearest_in_the_log_domain(member, scale):
    bits = 4
    fmt = PowerOfTwo(bits, member)
    root = Fraction(isqrt(2 << 400), 1 << 200)
    rows = {m: (exponents, zero, codes) for m, b, exponents, zero, codes, _ in MEMBERS if b == bits}
    exponents, zero, codes = rows[member]
    points = [root * Fraction(2) ** e * Fraction(scale) for e in range(-10, 6)]
    x = np.concatenate([exact.around(points), exact.hard_numbers(7)])

    def expected(v):
        if v == 0:
            return 0
        e = exact.rounded_exponent(abs(Fraction(float(v))) / Fraction(scale), "log")
        code = codes[min(max(e, exponents[0]), exponents[-1]) - exponents[0]]
        return code + 2 ** (bits - 1) * bool(v < 0)

    assert fmt.encode(x, scale).tolist() == [expected(v) for v in x]
    if not zero:
        assert fmt.encode([0.0, -0.0]).tolist() == [0, 0]
        assert fmt.decode(np.array([0]))[0] == 1


@given(st.integers(2**52, 2**53 - 1), st.integers(-40, 40), st.integers(-2, 2))
def test_logarithm_of_a_quotient_at_its_threshold(divisor, exponent, ulps):
    """The nearest double to sqrt(2) * divisor: the quotient is within 2**-52 of the threshold."""
    numerator = isqrt(2 * divisor * divisor) + ulps
    x, scale = np.ldexp(float(numerator), exponent), float(divisor)
    ratio = Fraction(x) / Fraction(scale)
    got = nearest_logarithm(np.array([x]), np.array([scale]))
    assert got.tolist() == [exact.rounded_exponent(ratio, "log")]
    assert nearest_logarithm(np.array(x), np.array(scale)) == got[0]  # without axes too


def test_inq_at_its_published_scale():
    # max 1.4: n1 = 0; 1.5 * 2**n1 is beyond every weight. Thresholds 3/4, 3/8, ... and half the
    # smallest level, 2**-8.
    fmt = PowerOfTwo(5, "inq")
    x = [1.4, 0.75, 0.375, 2.0**-8, 2.0**-8 + 2.0**-30]
    assert fmt.encode(x).tolist() == [8, 7, 6, 0, 1]
    assert fmt.encode(x, rounding="half_away").tolist() == [8, 8, 7, 1, 1]


def test_errors():
    with pytest.raises(ModeError, match=r"rounding=HALF_EVEN, allowed for PowerOfTwo.*half_away"):
        PowerOfTwo(3).encode(1.0, rounding="half_even")
    for member in ("deepshift_q", "deepshift_ps", "qkeras_po2"):
        with pytest.raises(ModeError, match=r"rounding=HALF_AWAY, allowed for PowerOfTwo.*no ties"):
            PowerOfTwo(3, member).encode(1.0, rounding="half_away")
    with pytest.raises(DatapathError, match=r"PowerOfTwo: member='po2', allowed: 'pot', 'pot_pap"):
        PowerOfTwo(3, member="po2")
    with pytest.raises(DatapathError, match=r"PowerOfTwo: bits=8, allowed: 2..7"):
        PowerOfTwo(8, "inq")
    for bits in (1, 7):
        with pytest.raises(DatapathError, match=rf"PowerOfTwo: bits={bits}, allowed: 2..6"):
            PowerOfTwo(bits)


MAX_VALUES = [None, 0.01, 0.25, 0.3, 0.5, 0.7, 1.5, 2, 3.0, 8.0, 1e6]


def quantized_po2(x, bits, max_value):
    """What google/qkeras' `quantized_po2` computes (quantizers.py), in float64 and without eps."""
    sign_bit = 1 if max_value is None or max_value > 1 else 0
    low, high = -(2 ** (bits - 1 - sign_bit)), 2 ** (bits - 1 - sign_bit) - 1
    size = abs(x) if max_value is None else min(abs(x), max_value)
    exponent = min(max(round(log2(size)), low), high) if size else low
    return -(2.0**exponent) if x < 0 else 2.0**exponent


@pytest.mark.parametrize("max_value", MAX_VALUES)
@pytest.mark.parametrize("bits", range(2, 7))
def test_max_value_of_qkeras(bits, max_value):
    fmt = PowerOfTwo(bits, "qkeras_po2", max_value)
    assert eval(repr(fmt)) == fmt
    assert (fmt.code_bits, fmt.zero_code) == (bits, None)
    x = np.random.default_rng(bits).lognormal(-2, 6, 3000) * np.where(np.arange(3000) % 2, 1, -1)
    x = np.concatenate([x, 2.0 ** np.arange(-40, 40), [0.0, 1e30, -1e30]])
    wanted = [quantized_po2(float(v), bits, max_value) for v in x]
    got = np.ldexp(fmt.decode(fmt.encode(x)).astype(float), -fmt.frac_bits)
    assert got.tolist() == wanted
    reached = {quantized_po2(v, bits, max_value) for v in [0.0, *(2.0 ** np.arange(-70, 70))]}
    assert fmt.levels().tolist() == sorted([-v for v in reached] + list(reached))
    assert len(fmt.levels()) <= 2**bits


@pytest.mark.parametrize("bits", range(2, 7))
def test_what_fits_with_max_value(bits):
    """Of at most 1: 2**(b-1) exponents where the largest is -1, one too many where it is 0."""
    root = np.sqrt(0.5)
    fits = PowerOfTwo(bits, "qkeras_po2", np.nextafter(root, 0))
    assert len(fits.levels()) == 2**bits
    assert fits.levels()[-1] == 0.5
    assert len(PowerOfTwo(bits, "qkeras_po2", 1.01).levels()) == 2 ** (bits - 1) + 2
    for value in (np.nextafter(root, 1), 0.8, 1, 1.0):
        with pytest.raises(DatapathError, match=r"allowed: > 1, or at most sqrt\(1/2\), as"):
            PowerOfTwo(bits, "qkeras_po2", value)


def test_max_value_refused():
    for value in (0, -1.0, float("inf"), float("nan"), True, "1"):
        with pytest.raises(DatapathError, match=r"max_value=.*, allowed: finite and > 0"):
            PowerOfTwo(4, "qkeras_po2", value)
    for member in ("pot", "inq"):
        with pytest.raises(DatapathError, match=f"max_value=2.0, allowed: None for {member}"):
            PowerOfTwo(4, member, 2.0)
