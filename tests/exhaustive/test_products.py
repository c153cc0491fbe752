"""Every pair of 8-bit codes, and every code of every shifting format, through one product."""

from __future__ import annotations

from itertools import product as pairs
from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import rounded
from exhaustive.kernels import on_each_kernel

import pyqsim as qs
from pyqsim.modes import ROUNDINGS

S8, U8 = qs.Affine(8), qs.Affine(8, signed=False)
X = np.arange(-128, 128)
SHIFTING = (
    qs.LogQuant(2),
    qs.LogQuant(3, signed=True),
    qs.LogQuant(4, signed=True),
    qs.PowerOfTwo(3),
    qs.PowerOfTwo(5),
    qs.APoT(4),
    qs.APoT(5),
    qs.APoT(4, signed=False),
    qs.APoT(5, base_bits=1),
    qs.APoT(7, base_bits=3),
)
VARIANTS = (("before", "term"), ("after", "term"), ("after", "sum"), ("before", "sum"))


def all_codes(fmt: qs.Format) -> Any:
    return np.arange(fmt.code_min, fmt.code_max + 1)


def same(observed: Any, expected: Any, inputs: str) -> None:
    """Integer equality; the error line reads inputs, observed, expected."""
    wrong = np.argwhere(observed != expected)
    if len(wrong):
        m, n = wrong[0]
        pytest.fail(f"{inputs} m={m} n={n}: observed {observed[m, n]}, expected {expected[m, n]}")


# -- Multiply --------------------------------------------------------------------------------------


@pytest.mark.parametrize("a_format", [S8, U8], ids=["s8", "u8"])
@pytest.mark.parametrize("mode", ["subtract", "fold"])
def test_multiply_all_pairs(a_format: qs.Affine, mode: Any) -> None:
    """All 65536 pairs for zero points at both ends and inside, on either side."""
    a_codes, b_codes = all_codes(a_format), all_codes(S8)
    output = (qs.CorrectZeroPoints(),) if mode == "fold" else ()
    datapath = qs.Datapath(product=qs.Multiply(mode), output=output)
    for za, zb in pairs([*a_codes[[0, 100, 127, 128, 255]]], [-128, -1, 0, 5, 127]):
        a = qs.QTensor(a_codes[:, None], a_format, zero_point=int(za))
        b = qs.QTensor(b_codes[None, :], S8, zero_point=zb)
        expected = (a_codes[:, None] - za) * (b_codes[None, :] - zb)
        for kernel, observed in on_each_kernel(a, b, datapath):
            same(observed, expected, f"{kernel} {mode} za={za} zb={zb}")


def test_fold_without_correction_is_the_raw_product() -> None:
    """Before CorrectZeroPoints the register holds a * b: with 8 bits its wrap is visible."""
    datapath = qs.Datapath(
        product=qs.Multiply("fold"), reduce=(qs.Accumulate(8),), output=(qs.CorrectZeroPoints(),)
    )
    a = qs.QTensor(X[:, None], S8, zero_point=3)
    b = qs.QTensor(X[None, :], S8, zero_point=-7)
    raw = X[:, None] * X[None, :]
    expected = (raw + 128) % 256 - 128 + 7 * X[:, None] - 3 * X[None, :] - 21
    same(qs.matmul(a, b, datapath), expected, "fold, 8 bits")


def test_multiply_plain_arrays_and_negative_one() -> None:
    """Integer arrays of every dtype are their own integers."""
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        a = X.astype(dtype)
        same(qs.matmul(a[:, None], a[None, :], qs.Datapath()), np.outer(X, X), f"{dtype}")
    u = np.arange(256)
    for unsigned in (np.uint8, np.uint16, np.uint32, np.uint64):
        b = u.astype(unsigned)
        same(qs.matmul(b[:, None], b[None, :], qs.Datapath()), np.outer(u, u), f"{unsigned}")


# -- Shift -----------------------------------------------------------------------------------------


class Powers:
    """The set bits of the magnitudes of a format's integers, as columns of a padded table."""

    def __init__(self, fmt: qs.Format) -> None:
        self.integers = fmt.integers()
        sets = [[e for e in range(62) if abs(int(n)) >> e & 1] for n in self.integers]
        depth = max(map(len, sets))
        self.exponents = np.array([s + [0] * (depth - len(s)) for s in sets])
        self.used = np.array([[i < len(s) for i in range(depth)] for s in sets])
        self.sign = np.where(self.integers < 0, -1, 1)

    def term(self, x: Any, drop: int, rule: str, sign: str, per: str) -> Any:
        """The table of Shift's docstring, for all x (rows) and codes (columns)."""
        if per == "sum":
            return rounded(x[:, None] * self.integers, 2**drop, rule) * self.used[:, 0]
        powers = 1 << self.exponents
        signed = self.sign[:, None] * powers if sign == "before" else powers
        copies = x[:, None, None] * signed
        total = (rounded(copies, 2**drop, rule) * self.used).sum(axis=2)
        return total if sign == "before" else self.sign * total


@pytest.mark.parametrize("rule", ROUNDINGS, ids=repr)
def test_shift_all_codes(rule: qs.Rounding) -> None:
    """Every code of every format, every int8, every drop, both signs, per term and per sum."""
    name = rule.name or ""
    for fmt in SHIFTING:
        powers, b = Powers(fmt), qs.QTensor(all_codes(fmt)[None, :], fmt)
        for drop, (sign, per) in pairs(range(21), VARIANTS[:3]):
            shift = qs.Shift(drop, rule, sign, per)
            expected = powers.term(X, drop, name, sign, per)
            for kernel in ("reference", "auto"):
                observed = qs.matmul(X[:, None], b, qs.Datapath(product=shift), kernel=kernel)
                same(observed, expected, f"{kernel} {fmt} {shift}")


@pytest.mark.parametrize("fmt", SHIFTING, ids=repr)
def test_shift_laws(fmt: qs.Format) -> None:
    """drop=0 is Multiply; with one power "before", and always per sum, Multiply then Narrow."""
    b = qs.QTensor(all_codes(fmt)[None, :], fmt)
    integers = fmt.integers()
    exact = qs.matmul(X[:, None], b, qs.Datapath())
    same(exact, X[:, None] * integers, "Multiply on N")
    one_power = np.array([bin(abs(int(n))).count("1") == 1 for n in integers])
    for rule, (sign, per) in pairs(ROUNDINGS, VARIANTS):
        shifted = qs.Datapath(product=qs.Shift(0, rule, sign, per))
        same(qs.matmul(X[:, None], b, shifted), exact, f"{fmt} drop=0 {rule} {sign} {per}")
    for rule, drop, (sign, per) in pairs(ROUNDINGS, (1, 3, 8), VARIANTS):
        if (sign, per) == ("after", "term"):
            continue
        shift = qs.Shift(drop, rule, sign, per)
        observed = qs.matmul(X[:, None], b, qs.Datapath(product=shift))
        narrow = (qs.Narrow(shift=drop, rounding=rule), qs.Accumulate())
        expected = qs.matmul(X[:, None], b, qs.Datapath(reduce=narrow))
        law = one_power if per == "term" else integers != 0
        same(observed[:, law], expected[:, law], f"{fmt} {shift} == Multiply, Narrow({drop})")
        assert not observed[:, integers == 0].any(), f"{shift}: a zero code gives 0"


def test_shifting_first_operand() -> None:
    """Where only a shifts, x is b less its zero point: the transpose of the other case."""
    fmt = qs.APoT(5)
    a = qs.QTensor(all_codes(fmt)[:, None], fmt)
    b = qs.QTensor(X[None, :], S8, zero_point=-9)
    for rule, drop, (sign, per) in pairs(ROUNDINGS, (0, 1, 4), VARIANTS):
        shift = qs.Shift(drop, rule, sign, per)
        expected = Powers(fmt).term(X + 9, drop, rule.name or "", sign, per).T
        same(qs.matmul(a, b, qs.Datapath(product=shift)), expected, f"{shift}")


def both_shifting(na: int, nb: int, drop: int, rule: str, sign: str, per: str) -> int:
    """Both operands shift: x is a's sign, each pair of powers is one power."""
    sa, sb = (-1 if n < 0 else 1 for n in (na, nb))
    if per == "sum":
        return int(rounded(np.array(na * nb), 2**drop, rule)) if na * nb else 0
    powers = [
        ea + eb for ea, eb in pairs(range(30), range(30)) if abs(na) >> ea & 1 and abs(nb) >> eb & 1
    ]
    x = sa * sb if sign == "before" else sa
    total = sum(int(rounded(np.array(x * 2**e), 2**drop, rule)) for e in powers)
    return total if sign == "before" else sb * total


@pytest.mark.parametrize("rule", ["FLOOR", "HALF_EVEN", "HALF_AWAY", "JAM", "TO_ODD"])
def test_shift_both(rule: str) -> None:
    """LogQuant times APoT, all codes."""
    fa, fb = qs.LogQuant(2, signed=True), qs.APoT(4)
    a, b = qs.QTensor(all_codes(fa)[:, None], fa), qs.QTensor(all_codes(fb)[None, :], fb)
    for drop, (sign, per) in pairs((0, 1, 3, 5), VARIANTS):
        shift = qs.Shift(drop, rule.lower(), sign, per)
        expected = np.array(
            [
                [both_shifting(int(x), int(y), drop, rule, sign, per) for y in fb.integers()]
                for x in fa.integers()
            ]
        )
        same(qs.matmul(a, b, qs.Datapath(product=shift)), expected, f"{shift}")


# -- Lookup ----------------------------------------------------------------------------------------


def test_lookup_all_pairs() -> None:
    """A random 256 x 256 table; signed codes index by their bit pattern, zero points do not act."""
    rng = np.random.Generator(np.random.PCG64(3))
    table = rng.integers(-(2**40), 2**40, (256, 256))
    datapath = qs.Datapath(product=qs.Lookup(table))
    u = np.arange(256)
    same(qs.matmul(u[:, None], u[None, :], datapath), table, "plain codes")
    a = qs.QTensor(X[:, None], S8, zero_point=-3)
    b = qs.QTensor(u[None, :], U8, zero_point=200)
    same(qs.matmul(a, b, datapath), table[X % 256], "signed x unsigned")
    fmt = qs.APoT(8)
    c = qs.QTensor(all_codes(fmt)[None, :], fmt)
    same(qs.matmul(a, c, datapath), table[X % 256], "signed x APoT codes")
    layers = np.stack([table, -table])
    two = qs.matmul(
        np.stack([u, u[::-1]], axis=1), np.stack([u, u]), qs.Datapath(product=qs.Lookup(layers))
    )
    same(two, table - table[::-1], "a table for each k")
