"""The published programs' rules as plain loops: levels, codes, dot products equal to ours.

Piecewise linear codes have theirs in `test_piecewise_linear`, the clipping of APoT in
`training/test_reparameterized_clipping`.
"""

from fractions import Fraction
from math import floor, isqrt, trunc

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.errors import OverflowTrap
from pyqsim.formats import Affine, APoT, PowerOfTwo

# -- DeepShift: shifts of int32, no multiplication -------------------------------------------------


def shift_and_sign_q(weight, bits):
    """Variant Q: the rounded logarithm of a clamped weight, in float32; 0 keeps its sign 0."""
    smallest = -(2 ** (bits - 1) - 1)
    if weight == 0:
        return smallest, 0
    size = np.clip(np.abs(weight), np.float32(2.0**smallest), np.float32(1))
    return int(np.rint(np.log(size) / np.float32(np.log(2)))), 1 if weight > 0 else -1


def shift_and_sign_ps(shift, sign, bits):
    """Variant PS: two learned reals, clamped and rounded half to even."""
    smallest = -(2 ** (bits - 1) - 2)
    rounded = round(sign)
    return round(min(max(shift, smallest), 0)), (rounded > 0) - (rounded < 0)


def shift_kernel(x, shifts, signs, bias):
    """One output: int32 words shifted right with FLOOR, added or subtracted; the bias last."""
    total = 0
    for word, shift, sign in zip(x, shifts, signs, strict=True):
        if sign > 0:
            total += word >> -shift
        elif sign < 0:
            total -= word >> -shift
        assert -(2**31) <= total < 2**31
    return total + bias


def decoded(fmt, codes):
    return [Fraction(int(n), 2**fmt.frac_bits) for n in fmt.decode(codes)]


@pytest.mark.parametrize("bits", range(2, 7))
def test_deepshift_q_codes(bits):
    """Equal but within 16 ulp of sqrt(2) * 2**e, where the program's logarithm errs."""
    fmt = PowerOfTwo(bits, "deepshift_q")
    rng = np.random.default_rng(bits)
    root = Fraction(isqrt(2 << 200), 1 << 100)
    thresholds = np.array([float(root * Fraction(2) ** e) for e in range(-34, 1)], np.float32)
    near = [thresholds]
    for target in (0, np.inf):
        last = thresholds
        for _ in range(20):
            last = np.nextafter(last, np.float32(target))
            near.append(last)
    powers = np.ldexp(np.float32(1), np.arange(-40, 4)).astype(np.float32)
    x = np.concatenate([*near, powers, rng.normal(0, 0.3, 2000).astype(np.float32)])
    x = np.concatenate([x, -x])
    program = [shift_and_sign_q(v, bits) for v in x]
    wanted = [sign * Fraction(2) ** shift for shift, sign in program]
    got = decoded(fmt, fmt.encode(x))
    different = [float(v) for v, a, b in zip(x, got, wanted, strict=True) if a != b]
    for v in different:
        ulps = np.abs(thresholds - np.float32(abs(v))) / np.spacing(np.float32(abs(v)))
        assert ulps.min() <= 16
    assert set(got) == {Fraction(v) for v in fmt.levels()}
    assert set(wanted) == set(got)


def test_deepshift_q_keeps_a_weight_of_zero_and_the_format_does_not():
    assert shift_and_sign_q(np.float32(0), 4) == (-7, 0)
    assert decoded(PowerOfTwo(4, "deepshift_q"), [0]) == [Fraction(1, 128)]


@pytest.mark.parametrize("bits", range(2, 7))
def test_deepshift_ps_codes(bits):
    """Every pair of rounded parameters is a level; encoding it gives it back."""
    fmt = PowerOfTwo(bits, "deepshift_ps")
    rng = np.random.default_rng(bits)
    smallest = -(2 ** (bits - 1) - 2)
    learned = zip(rng.uniform(smallest - 2, 2, 3000), rng.uniform(-1.6, 1.6, 3000), strict=True)
    halves = [(s / 2, p / 2) for s in range(2 * smallest - 2, 3) for p in range(-3, 4)]
    program = [shift_and_sign_ps(s, p, bits) for s, p in [*learned, *halves]]
    wanted = [sign * Fraction(2) ** shift for shift, sign in program]
    assert decoded(fmt, fmt.encode([float(v) for v in wanted])) == wanted
    assert set(wanted) == {Fraction(v) for v in fmt.levels()}


@pytest.mark.parametrize("member", ["deepshift_q", "deepshift_ps"])
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6])
def test_deepshift_kernel(member, bits):
    """The datapath that the docstring of PowerOfTwo names, on words that lose bits."""
    fmt = PowerOfTwo(bits, member)
    rng = np.random.default_rng(bits)
    x = rng.integers(-(2**26), 2**26, (4, 31))
    x[0] = rng.integers(-3, 4, 31)  # FLOOR of -1 is -1, however far
    codes = rng.integers(0, 2**bits, (31, 5))
    bias = rng.integers(-(2**20), 2**20, 5)
    machine = qs.Datapath(
        product=qs.Shift(drop=fmt.frac_bits),
        reduce=(qs.Accumulate(32, "trap"),),
        output=(qs.AddBias(32, "trap"),),
    )
    got = qs.matmul(x, qs.QTensor(codes, fmt), machine, bias=bias)
    values = np.array(decoded(fmt, codes.ravel())).reshape(codes.shape)
    shifts = [[1 - v.denominator.bit_length() for v in column] for column in values.T]
    signs = [[(v > 0) - (v < 0) for v in column] for column in values.T]
    columns = list(zip(shifts, signs, bias.tolist(), strict=True))
    wanted = [[shift_kernel(row, *column) for column in columns] for row in x.tolist()]
    assert got.tolist() == wanted
    exact = x.astype(object) @ values + bias
    if bits > 2:
        assert (exact != got).any()  # the low bits are lost


def test_deepshift_sums_are_int32():
    """The program's words have no wider sum: one more addition overflows."""
    fmt = PowerOfTwo(4, "deepshift_q")
    machine = qs.Datapath(product=qs.Shift(drop=7), reduce=(qs.Accumulate(32, "trap"),))
    one = qs.QTensor([[7], [7]], fmt)  # 2**0
    assert qs.matmul([[2**30, 2**30 - 1]], one, machine).tolist() == [[2**31 - 1]]
    with pytest.raises(OverflowTrap):
        qs.matmul([[2**30, 2**30]], one, machine)


@pytest.mark.parametrize(("integer_bits", "fraction_bits"), [(4, 4), (2, 6), (8, 8), (3, 0)])
def test_deepshift_activations(integer_bits, fraction_bits):
    """floor(x * 2**f) / 2**f in [-2**(i-1), 2**(i-1) - 1]: no fraction on top."""
    unit = Fraction(1, 2**fraction_bits)
    low, high = -(2 ** (integer_bits - 1)), 2 ** (integer_bits - 1) - 1
    fmt = Affine(integer_bits + fraction_bits)
    edges = [high, low, 0, high + 1, low - 1]
    x = [e + k * float(unit) / 4 for e in edges for k in range(-9, 10)]
    x += np.random.default_rng(0).normal(0, -low, 500).tolist()
    wanted = [min(max(floor(Fraction(v) / unit) * unit, low), high) for v in x]
    codes = qs.quantize(x, fmt, scale=float(unit), rounding="floor")
    clamped = qs.ops.clamp(codes, low << fraction_bits, high << fraction_bits)
    assert [Fraction(v) for v in clamped.real()] == wanted
    assert fmt.code_max * unit - max(wanted) == 1 - unit  # what is lost
    # The kernel's words are cut toward 0, also where the activations were not rounded before.
    held = [v for v in x if low <= v <= high]
    words = qs.quantize(held, fmt, scale=float(unit), rounding="toward_zero").codes
    assert words.tolist() == [trunc(Fraction(v) / unit) for v in held]


# -- INQ: two programs that differ at ties ---------------------------------------------------------


def inq_weight(weight, bits, n1, *, upper_half_open):
    """The level b with (a + b) / 2 <= abs(w) < 3 b / 2, a the one below it, 0 below the last."""
    size, level = abs(weight), Fraction(0)
    for exponent in range(n1 + 1 - 2 ** (bits - 2), n1 + 1):
        b = Fraction(2) ** exponent
        middle = (level + b) / 2 if level else b / 2
        if size >= middle if upper_half_open else size > middle:
            level = b
    return -level if weight < 0 else level


@pytest.mark.parametrize("bits", range(2, 8))
@pytest.mark.parametrize(
    ("upper_half_open", "rounding"),
    [(True, "half_away"), (False, "half_toward_zero")],
    ids=["INQ-pytorch", "official"],
)
@pytest.mark.parametrize("largest", [1.0, 1.4375, 1.5, 0.75, 0.1, 3.0])
def test_inq(bits, upper_half_open, rounding, largest):
    rng = np.random.default_rng(bits)
    ties = [m * largest / 1.5 * 2.0**-e for m in (0.75, 1.5) for e in range(40)]
    x = np.concatenate([rng.uniform(-largest, largest, 300), ties, 0.75 * 2.0 ** -np.arange(3, 40)])
    x = np.concatenate([x[np.abs(x) <= largest], [largest, -largest, 0.0]])
    n1 = next(n for n in range(10, -10, -1) if 4 * Fraction(largest) / 3 >= Fraction(2) ** n)
    q = qs.quantize(x, PowerOfTwo(bits, "inq"), rounding=rounding)
    assert q.scale == 2.0**n1
    wanted = [inq_weight(Fraction(v), bits, n1, upper_half_open=upper_half_open) for v in x]
    assert [Fraction(v) for v in q.real()] == wanted


# -- PyTorch's experimental APoT linear layer ------------------------------------------------------


def linear_apot_product(x, index, fields, bits):
    """x shifted by the place of every set bit of the code word's fields, and added."""
    total, place = 0, fields * bits
    for _ in range(fields):
        place -= bits
        field = index >> place & (2**bits - 1)
        total += sum(x << (place + bit) for bit in range(bits) if field >> bit & 1)
    return total


def test_pytorch_multiplies_by_the_index():
    """All 16 codes: the product is that of the code as a number, not of the level."""
    x, codes = np.arange(-8, 8), np.arange(16)
    program = [[linear_apot_product(int(v), int(c), 2, 2) for c in codes] for v in x]
    as_numbers = qs.QTensor(codes[None, :], Affine(4, signed=False))
    assert qs.matmul(x[:, None], as_numbers, qs.Datapath()).tolist() == program
    fmt = APoT(4, signed=False)
    levels = qs.matmul(x[:, None], qs.QTensor(codes[None, :], fmt), qs.Datapath())
    assert levels.tolist() == [[int(v) * int(n) for n in fmt.integers()] for v in x]
    equal = (levels == program).all(axis=0)
    assert codes[equal].tolist() == [0, 8]
