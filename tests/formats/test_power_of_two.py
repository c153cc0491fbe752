"""PowerOfTwo: code table and nearest level."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from formats import fraction_encoders as exact

from pyqsim.errors import DatapathError, ModeError
from pyqsim.formats import PowerOfTwo


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


def test_errors():
    with pytest.raises(ModeError, match=r"rounding=HALF_EVEN, allowed for PowerOfTwo.*half_away"):
        PowerOfTwo(3).encode(1.0, rounding="half_even")
    with pytest.raises(DatapathError, match=r"PowerOfTwo: member='inq', allowed: 'pot'"):
        PowerOfTwo(3, member="inq")
    for bits in (1, 7):
        with pytest.raises(DatapathError, match=rf"PowerOfTwo: bits={bits}, allowed: 2..6"):
            PowerOfTwo(bits)
