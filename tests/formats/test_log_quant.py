"""LogQuant: code table, thresholds of the four log roundings, shifts, scales."""

from fractions import Fraction
from itertools import product
from math import isqrt, log2

import numpy as np
import pytest
from formats import fraction_encoders as exact
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
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


#: bits, guard bits: N of the magnitude codes, from R = round(sqrt(2) * 2**g).
ROOT_TABLES = {
    (1, 1): [0, 3],
    (2, 1): [0, 3, 4, 6],
    (3, 2): [0, 6, 8, 12, 16, 24, 32, 48],
    (2, 4): [0, 23, 32, 46],
    (2, 8): [0, 362, 512, 724],
}


@pytest.mark.parametrize(("bits", "guard_bits"), ROOT_TABLES)
def test_base_root_two_literals(bits, guard_bits):
    fmt = LogQuant(bits, True, base="sqrt2", guard_bits=guard_bits)
    table = ROOT_TABLES[bits, guard_bits]
    assert fmt.integers().tolist() == table + [-n for n in table]


@pytest.mark.parametrize("bits", range(1, 7))
@pytest.mark.parametrize("signed", [False, True])
def test_base_root_two_every_code(bits, signed):
    for guard_bits in (1, 2, 5, 8, 16, 30):
        fmt = LogQuant(bits, signed, base="sqrt2", guard_bits=guard_bits)
        assert not fmt.shifts
        levels = fmt.integers()[: 2**bits].tolist()
        for c in range(1, 2**bits):  # value 2**((c - 2**bits) / 2), to half a unit of g bits
            square = Fraction(levels[c], 2**fmt.frac_bits) ** 2
            error = Fraction(1, 2 ** (guard_bits + 1))
            assert (1 - error) ** 2 <= square / Fraction(2) ** (c - 2**bits) <= (1 + error) ** 2
        assert sorted(set(levels)) == levels
        assert max(levels) < 2**62
        assert eval(repr(fmt)) == fmt
    codes = np.arange(2**fmt.code_bits)  # with the most guard bits the levels are near enough
    canonical = np.where(codes == 2**bits, 0, codes)
    for fsr in (-900, 0, 7):
        values = np.ldexp(fmt.decode(codes).astype(float), fsr - fmt.frac_bits)
        assert fmt.encode(values, 2.0**fsr).tolist() == canonical.tolist()


@pytest.mark.parametrize("rule", ["log", "floor"])
@pytest.mark.parametrize("fsr", [-1060, 0, 3, 1010])
def test_base_root_two_every_threshold(rule, fsr):
    quarters = [Fraction(isqrt(isqrt(2**q << 1600)), 1 << 400) for q in range(4)]
    points = [q * Fraction(2) ** e for e in range(fsr - 6, fsr + 2) for q in quarters]
    x = np.concatenate([exact.around(points), exact.hard_numbers(3)])
    for bits, signed in ((1, False), (2, True), (3, False), (4, True)):
        got = LogQuant(bits, signed, rule, "sqrt2").encode(x, 2.0**fsr)
        assert got.tolist() == [root_code(v, fsr, bits, signed, rule) for v in x]


def root_code(x, fsr, bits, signed, rule):
    """Clip(Round(2 log2 x)), by comparing the fourth power (rounding) or square (floor)."""
    if x == 0 or (x < 0 and not signed):
        return 0
    power, square = (4, Fraction(float(x)) ** 4) if rule == "log" else (2, Fraction(float(x)) ** 2)
    h = exact.rounded_exponent(square, "floor")  # floor(power * log2 x)
    h = (h + 1) // 2 if power == 4 else h
    c = min(h - 2 * fsr + 2**bits, 2**bits - 1)
    return 0 if c <= 0 else c + (2**bits if x < 0 else 0)


# -- dot products by shifts ------------------------------------------------------------------------


def sign_and_c(code, bits):
    """[sign | c] as a sign of +-1 and c."""
    return (-1 if code >> bits else 1), code & (2**bits - 1)


@pytest.mark.parametrize("bits", range(1, 6))
def test_one_operand_logarithmic(bits):
    """Scheme (b): acc = sum over c != 0 of +-w << (c - 1), for every code."""
    rng = np.random.default_rng(bits)
    x = rng.permutation(np.tile(np.arange(2 ** (bits + 1)), 2))
    w = rng.integers(-128, 128, len(x))
    total = 0
    for code, weight in zip(x.tolist(), w.tolist(), strict=True):
        sign, c = sign_and_c(code, bits)
        total += sign * (weight << (c - 1)) if c else 0
    operands = qs.QTensor(x[None, :], LogQuant(bits, signed=True)), w[:, None]
    for how in (qs.Shift(), qs.Multiply()):
        assert qs.matmul(*operands, qs.Datapath(product=how)).tolist() == [[total]]


@pytest.mark.parametrize(("bits_w", "bits_x"), [(1, 1), (3, 3), (4, 4), (5, 4), (2, 5)])
def test_both_operands_logarithmic(bits_w, bits_x):
    """Scheme (c): acc = sum of +-1 << (cw + cx - 2), 0 where either code is; every pair."""
    x, w = np.arange(2 ** (bits_x + 1)), np.arange(2 ** (bits_w + 1))
    expected = [[0] * len(w) for _ in x]
    for i, j in product(range(len(x)), range(len(w))):
        (sx, cx), (sw, cw) = sign_and_c(i, bits_x), sign_and_c(j, bits_w)
        if cx and cw:
            expected[i][j] = sx * sw * (1 << (cw + cx - 2))
    a = qs.QTensor(x[:, None], LogQuant(bits_x, signed=True))
    b = qs.QTensor(w[None, :], LogQuant(bits_w, signed=True))
    for how in (qs.Shift(), qs.Multiply()):
        assert qs.matmul(a, b, qs.Datapath(product=how)).tolist() == expected


@pytest.mark.parametrize("rule", ["floor", "toward_zero"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_terms_below_a_fixed_last_bit_are_cut(bits, rule):
    """w >> (2**b - 1 - c), down from the top exponent: every c, every int8 w; less than 1 lost."""
    c, w = np.arange(2**bits), np.arange(-128, 128)
    cut = qs.Datapath(product=qs.Shift(drop=2**bits - 2, rounding=rule))
    got = qs.matmul(w[:, None], qs.QTensor(c[None, :], LogQuant(bits)), cut)
    lost = []
    for row, weight in zip(got.tolist(), w.tolist(), strict=True):
        for code, term in enumerate(row):
            s = 2**bits - 1 - code
            shifted = weight >> s if rule == "floor" or weight >= 0 else -(-weight >> s)
            assert term == (shifted if code else 0)
            if code and weight % 2**s:
                lost.append(term - Fraction(weight, 2**s))
    assert max(map(abs, lost)) < 1
    # FLOOR loses half a unit of every inexact term on average, TOWARD_ZERO nothing by symmetry.
    mean = sum(lost) / len(lost)
    assert abs(mean + Fraction(1, 2)) < 0.01 if rule == "floor" else abs(mean) < 0.01


def test_full_scale_ranges_of_channels_are_shifts():
    """A range a channel is one more left shift of its sums."""
    rng = np.random.default_rng(0)
    w = rng.normal(0, 1, (20, 4)) * [1, 3, 40, 0.01]
    q = qs.quantize(w, LogQuant(3, signed=True), axis=1)
    exponents = np.log2(q.scale).astype(int) - int(np.log2(q.scale.min()))
    assert len(set(exponents.tolist())) == 4
    x = rng.integers(0, 256, (3, 20))
    shifted = qs.matmul(x, q, qs.Datapath(product=qs.Shift())) << exponents
    unit = Fraction(float(q.scale.min())) / 2**q.format.frac_bits
    reals = [[Fraction(v) for v in row] for row in q.real().tolist()]
    for m, n in product(range(3), range(4)):
        real = sum(int(x[m, k]) * reals[k][n] for k in range(20))
        assert int(shifted[m, n]) * unit == real


# -- refused ---------------------------------------------------------------------------------------


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
        ({"bits": 3, "base": "e"}, "LogQuant: base='e', allowed: '2', 'sqrt2'"),
        ({"bits": 7, "base": "sqrt2"}, "LogQuant: bits=7, allowed: 1..6"),
        (
            {"bits": 3, "base": "sqrt2", "log_rounding": "linear_up"},
            "log_rounding='linear_up', allowed: 'log', 'floor'",
        ),
        ({"bits": 3, "base": "sqrt2", "guard_bits": 0}, "LogQuant: guard_bits=0, allowed: 1..30"),
        ({"bits": 3, "base": "sqrt2", "guard_bits": 31}, "guard_bits=31, allowed: 1..30"),
        ({"bits": 3, "guard_bits": 8}, "guard_bits=8, allowed: None in base 2"),
    ],
)
def test_impossible_formats(arguments, message):
    with pytest.raises(DatapathError) as error:
        LogQuant(**arguments)
    assert message in str(error.value)
