"""Every theorem holds of the encoded C code, and the prover finds every planted bug."""

from __future__ import annotations

from typing import Any

import pytest

z3 = pytest.importorskip("z3", reason="pip install 'pyqsim[formal]'")

from formal import encoding as c  # noqa: E402 - z3 first: without it there is nothing to test
from formal.theorems import THEOREMS, Theorem  # noqa: E402

BY_NAME = {theorem.name: theorem for theorem in THEOREMS}


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.name)
def test_proven(theorem: Theorem, level: int) -> None:
    """No input contradicts any claim."""
    if theorem.slow and level < 2:
        pytest.skip("level 2, or python tests/formal/theorems.py: 10 s to a minute")
    assert theorem.first_counterexample() is None
    assert theorem.count() > 0


class HalfIsAbove(c.Encoding):
    """A draw counts as above half."""

    def compare(self, part: Any, half: Any, rest: Any) -> Any:
        return super().compare(part, half, z3.Or(rest, part == half))


class ForgetsTheRest(c.Encoding):
    """What the divisor left is not looked at after a shift."""

    def compare(self, part: Any, half: Any, rest: Any) -> Any:
        return super().compare(part, half, z3.BoolVal(False))


class TruncatesDivision(c.Encoding):
    """C's division, not corrected to a floor."""

    def divide_floor(self, v: Any, divisor: Any) -> Any:
        return v / divisor


class SignOfTheFloor(c.Encoding):
    """The table's column is chosen by the floor's parity and sign, exact negatives included."""

    def table_bit(self, table: Any, negative: Any, floor: Any, remainder_class: Any) -> Any:
        return super().table_bit(table, floor < -1, floor, remainder_class)


class ShiftsLogically(c.Encoding):
    """The sign bit is not repeated."""

    def shift_right_floor(self, v: Any, shift: int) -> Any:
        return z3.LShR(v, min(shift, self.wide - 1))


class OneBitShort(c.Encoding):
    """The range of a register with one bit less."""

    def register_range(self, bits: int, rule: int, signed: bool) -> tuple[Any, Any]:
        return super().register_range(max(bits - 1, 2), rule, signed)


class SymmetricHasTheMinimum(c.Encoding):
    """-2**(b-1) is not excluded."""

    def register_range(self, bits: int, rule: int, signed: bool) -> tuple[Any, Any]:
        return super().register_range(
            bits, c.SATURATE if rule == c.SATURATE_SYMMETRIC else rule, signed
        )


class WrapsUnsigned(c.Encoding):
    """The top bit of a signed register is not a sign."""

    def wrap(self, v: Any, bits: int, signed: bool) -> Any:
        return super().wrap(v, bits, signed and bits == self.word)


class SameSignTwice(c.Encoding):
    """AP_WRAP: the bits below the sign equal it."""

    def saturated_top(self, bits: int, signed: bool, n: int, negative: Any) -> Any:
        ones = self.low_bits(self.number(-1), n, z3.BoolVal(False)) << (bits - n)
        return z3.If(negative, ones, self.number(0)) if signed else ones


class RoundedSign(c.Encoding):
    """AP_WRAP_SM with n = 0: the sign of the rounded value, not of the floor."""

    def sign_magnitude_wrap(self, bits: int, n: int, q: Any, floor: Any) -> Any:
        return super().sign_magnitude_wrap(bits, n, q, q)


class LowRandomBits(c.Encoding):
    """The word's low bits instead of its top ones."""

    def round_stochastic(self, numerator: Any, shift: int, drawn: int, word: Any) -> Any:
        return super().round_stochastic(numerator, shift, drawn, word << 1)


ROUNDS, DIVIDES = (
    "right shifts round as the table says",
    "any divisor and shift round as the table says",
)
CLAMPS, WRAPS = "saturation, symmetric saturation, zero", "wrapping and trapping registers"


@pytest.mark.parametrize(
    ("bug", "theorem"),
    [
        (HalfIsAbove, ROUNDS),
        (ShiftsLogically, "SingleRounding"),
        (HalfIsAbove, "DoubleRounding: rounding divide by a power of two"),
        (ForgetsTheRest, DIVIDES),
        (TruncatesDivision, DIVIDES),
        (SignOfTheFloor, ROUNDS),
        (ShiftsLogically, ROUNDS),
        (ShiftsLogically, "stochastic rounding"),
        (OneBitShort, CLAMPS),
        (OneBitShort, WRAPS),
        (SymmetricHasTheMinimum, CLAMPS),
        (WrapsUnsigned, WRAPS),
        (SameSignTwice, "HLS AP_WRAP with saturated bits"),
        (RoundedSign, "HLS AP_WRAP_SM"),
        (LowRandomBits, "stochastic rounding"),
    ],
)  # fmt: skip
def test_planted_bugs_are_contradicted(bug: type[c.Encoding], theorem: str) -> None:
    """A theorem that any code satisfies would prove nothing."""
    assert BY_NAME[theorem].first_counterexample(bug) is not None
