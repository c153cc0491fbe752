"""APoT: the published levels, the closed formula, nearest level."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from formats import fraction_encoders as exact
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim.errors import DatapathError, ModeError
from pyqsim.formats import APoT

#: B: (fields, F, N_max), by the official code's construction.
TABLES = {
    2: ([[0, 4, 2, 1]], 3, 4),
    3: ([[0, 8, 4, 1], [0, 2]], 4, 10),
    4: ([[0, 32, 8, 2], [0, 16, 4, 1]], 6, 48),
    5: ([[0, 64, 16, 2], [0, 32, 8, 1], [0, 4]], 7, 100),
    6: ([[0, 256, 32, 4], [0, 128, 16, 2], [0, 64, 8, 1]], 9, 448),
}
LEVELS = {
    2: [0, 1, 2, 4],
    3: [0, 1, 2, 3, 4, 6, 8, 10],
    4: [0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 33, 36, 48],
    5: [*range(9), 10, 12, 14, 16, 17, 20, 21, 24, 28, 32, 34, 36, 38, 48, 52, 64, 65, 68, 69, 72,
        76, 96, 100],
}  # fmt: skip

POSSIBLE = [
    (bits, k, signed)
    for k in (1, 2, 3, 4, 5)
    for bits in range(1, 17)
    for signed in (False, True)
    if bits - signed >= k
    and ((bits - signed) % k == 0 or (k == 2 and bits - signed >= 3))
    and (2**k - 1) * ((bits - signed) // k) <= 62
]


def code_words(fields):
    """Sums of the fields' addends in the order of the code word, first field most significant."""
    if not fields:
        return [0]
    return [first + rest for first in fields[0] for rest in code_words(fields[1:])]


@pytest.mark.parametrize("magnitude_bits", TABLES)
def test_tables_of_formats_md(magnitude_bits):
    fields, frac_bits, largest = TABLES[magnitude_bits]
    for signed in (False, True):
        fmt = APoT(magnitude_bits + signed, signed=signed)
        words = code_words(fields)
        assert fmt.integers().tolist() == words + [-n for n in words] * signed
        assert fmt.frac_bits == frac_bits
        assert max(words) == largest
    if magnitude_bits in LEVELS:
        assert sorted(words) == LEVELS[magnitude_bits]


@pytest.mark.parametrize(("bits", "k", "signed"), POSSIBLE)
def test_closed_formula(bits, k, signed):
    fmt = APoT(bits, k, signed)
    magnitude_bits = bits - signed
    n, odd = divmod(magnitude_bits, k)
    magnitudes = fmt.integers()[: 2**magnitude_bits]
    if odd:
        largest, frac_bits = 2 ** (2 * n + 1) * (2**n - 1) + 2**n, 3 * n + 1
    else:
        largest, frac_bits = 2 ** ((2**k - 2) * n) * (2**n - 1), (2**k - 1) * n
    assert (magnitudes.max(), fmt.frac_bits) == (largest, frac_bits)
    assert len(np.unique(magnitudes)) == 2**magnitude_bits
    assert magnitudes[0] == 0
    assert all(int(m).bit_count() <= n + odd for m in magnitudes[:: max(1, len(magnitudes) // 99)])
    assert fmt.code_dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert (fmt.code_min, fmt.code_max, fmt.code_bits) == (0, 2**bits - 1, bits)
    assert eval(repr(fmt)) == fmt


@pytest.mark.parametrize(("bits", "k", "signed"), [p for p in POSSIBLE if p[0] <= 11])
def test_every_code_comes_back(bits, k, signed):
    fmt = APoT(bits, k, signed)
    codes = np.arange(2**bits)
    integers = fmt.decode(codes)
    exact_in_double = integers.astype(float).astype(np.int64) == integers
    values = np.ldexp(integers.astype(float), -fmt.frac_bits)
    negative_zero = 2 ** (bits - 1) if signed else -1
    canonical = np.where(codes == negative_zero, 0, codes)
    for scale in (1.0, 2.0**-30):
        got = fmt.encode(values * scale, scale)
        assert (got == canonical)[exact_in_double].all()


def test_k1_is_uniform():
    assert APoT(5, 1, signed=False).integers().tolist() == list(range(32))


@pytest.mark.parametrize(
    ("bits", "k", "signed"),
    [(2, 2, False), (3, 2, True), (4, 2, True), (5, 2, True), (4, 4, False), (4, 1, True)],
)
@pytest.mark.parametrize("scale", exact.SCALES)
@pytest.mark.parametrize("tie", ["half_toward_zero", "half_away"])
def test_nearest_level(bits, k, signed, scale, tie):
    fmt = APoT(bits, k, signed)
    values = {
        code: Fraction(int(n), 2**fmt.frac_bits)
        for code, n in enumerate(fmt.integers())
        if not (signed and code == 2 ** (bits - 1))
    }
    ordered = sorted(values.values())
    middles = [(a + b) / 2 * Fraction(scale) for a, b in pairwise(ordered)]
    x = np.concatenate([exact.around(middles), exact.hard_numbers(5)[:60]])
    got = fmt.encode(x, scale, rounding=tie)
    assert got.tolist() == [exact.nearest(v, scale, values, tie) for v in x]


@given(st.floats(-2, 2), st.floats(1e-3, 1e3))
def test_levels_wider_than_a_double(x, scale):
    fmt = APoT(10, 5, signed=False)  # N up to 3 * 2**60, with 61 significant bits
    code = fmt.encode(x * scale, scale).item()
    v = max(Fraction(x * scale) / Fraction(scale), Fraction(0))
    values = [Fraction(int(n), 2**fmt.frac_bits) for n in fmt.integers()]
    best = min(abs(value - v) for value in values)
    assert abs(values[code] - v) == best
    assert not any(abs(value - v) == best and value < values[code] for value in values)


def test_unsigned_takes_negative_numbers_as_zero():
    assert APoT(4, signed=False).encode([-1.0, -1e-9, -0.0]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("bits", [4, 5])
@pytest.mark.parametrize("guard_bits", range(5))
def test_terms_truncated_with_guard_bits(bits, guard_bits):
    """sum of s * ((x << G) >> e), every code and every int8 x, is Shift(drop=F - G)."""
    fmt = APoT(bits)
    fields, frac_bits, _ = TABLES[bits - 1]
    x, codes = np.arange(-128, 128), np.arange(2**bits)
    expected = [
        [truncated_product(int(v), int(c), fields, frac_bits, bits, guard_bits) for c in codes]
        for v in x
    ]
    weights = qs.QTensor(codes[None, :], fmt)
    as_is = qs.Datapath(product=qs.Shift(drop=frac_bits - guard_bits))
    assert qs.matmul(x[:, None], weights, as_is).tolist() == expected
    scaled = qs.Datapath(product=qs.Shift(drop=frac_bits))
    assert qs.matmul(x[:, None] << guard_bits, weights, scaled).tolist() == expected


def truncated_product(x, code, fields, frac_bits, bits, guard_bits):
    """Fields cut from the code word by hand, each addend 2**-e shifted on its own."""
    total, position = 0, bits - 1
    for field in fields:
        width = len(field).bit_length() - 1
        position -= width
        addend = field[code >> position & (2**width - 1)]
        if addend:
            e = frac_bits - (addend.bit_length() - 1)
            total += (x << guard_bits) >> e
    return -total if code >> (bits - 1) else total


def test_errors():
    with pytest.raises(ModeError, match=r"rounding=FLOOR, allowed for APoT.*'half_toward_zero'"):
        APoT(4).encode(0.5, rounding="floor")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "APoT: bits=1, allowed: 2..16"),
        ((0, 1, False), "APoT: bits=0, allowed: 1..16"),
        ((17,), "APoT: bits=17, allowed: 2..16"),
        ((2,), "APoT: base_bits=2 with 1 magnitude bits, allowed: a divisor of them, or 2"),
        ((8, 3), "APoT: base_bits=3 with 7 magnitude bits, allowed: a divisor of them, or 2"),
        ((4, 0), "APoT: base_bits=0, allowed: 1..16"),
        ((4, 2, "no"), "APoT: signed='no', allowed: True, False"),
        ((6, 6, False), "APoT: bits=6 with base_bits=6 has N up to about 2**62, allowed: below"),
        ((16, 16, False), "APoT: bits=16 with base_bits=16 has N up to about 2**65534"),
    ],
)
def test_impossible_formats(arguments, message):
    with pytest.raises(DatapathError) as error:
        APoT(*arguments)
    assert message in str(error.value)
