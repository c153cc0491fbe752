"""The C code of rounding and narrowing, line by line, as z3 bit-vectors of any word width.

`Encoding(128)` is csrc/arith.h, round_quotient.c and apply_register.c as they stand: pqs_wide has
128 bits, int64_t half as many. A smaller width is the same code on smaller words.
"""

from __future__ import annotations

from typing import Any

import z3

#: pqs_overflow, by number.
(
    WRAP,
    SATURATE,
    SATURATE_SYMMETRIC,
    SATURATE_HOLD,
    TRAP,
    SATURATE_ZERO,
    WRAP_SATURATED_BITS,
    SIGN_MAGNITUDE_WRAP,
) = range(8)


class Encoding:
    """Functions of C on terms of z3; sizes, shifts, widths and rules are Python numbers."""

    def __init__(self, wide: int = 128) -> None:
        self.wide, self.word = wide, wide // 2

    def number(self, value: int) -> Any:
        return z3.BitVecVal(value, self.wide)

    # -- arith.h -----------------------------------------------------------------------------

    def wrap(self, v: Any, bits: int, signed: bool) -> Any:
        low = z3.Extract(bits - 1, 0, v)
        extend = z3.SignExt if signed else z3.ZeroExt
        return extend(self.wide - bits, low)

    def wrap_word(self, v: Any) -> Any:
        return self.wrap(v, self.word, signed=True)

    def shift_left(self, v: Any, shift: int) -> Any:
        return v << shift if shift < self.wide else self.number(0)

    def shift_right_floor(self, v: Any, shift: int) -> Any:
        return v >> min(shift, self.wide - 1)

    def divide_floor(self, v: Any, divisor: Any) -> Any:
        return v / divisor - z3.If(z3.SRem(v, divisor) < 0, self.number(1), self.number(0))

    # -- round_quotient.c --------------------------------------------------------------------

    def compare(self, part: Any, half: Any, rest: Any) -> Any:
        """The enum: 0 zero, 1 below half, 2 half, 3 above half."""
        zero, below, tie, above = (self.number(n) for n in range(4))
        return z3.If(
            z3.UGT(part, half),
            above,
            z3.If(
                part == half,
                z3.If(rest, above, tie),
                z3.If(z3.Or(part != 0, rest), below, zero),
            ),
        )

    def divide(self, numerator: Any, divisor: Any, shift: int) -> tuple[Any, Any]:
        """Floor and remainder class of ``numerator / (divisor * 2**shift)``, shift >= 0."""
        one = divisor == 1
        quotient = z3.If(one, numerator, self.divide_floor(numerator, divisor))
        remainder = numerator - quotient * divisor
        if shift == 0:
            return quotient, self.compare(2 * remainder, divisor, z3.BoolVal(False))
        if shift <= self.wide - 1:
            floor = self.shift_right_floor(quotient, shift)
            dropped = quotient - (floor << shift)
            return floor, self.compare(dropped, self.number(1) << (shift - 1), remainder != 0)
        floor = z3.If(quotient < 0, self.number(-1), self.number(0))
        positive = z3.Or(quotient > 0, remainder > 0)
        below = z3.If(positive, self.number(1), self.number(0))
        return floor, z3.If(quotient < 0, self.number(3), below)

    def table_bit(self, table: Any, negative: Any, floor: Any, remainder_class: Any) -> Any:
        """``table >> (8 * negative + 4 * odd + class) & 1``."""
        index = z3.Concat(
            z3.If(negative, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1)),
            z3.Extract(0, 0, floor),
            z3.Extract(1, 0, remainder_class),
        )
        return z3.ZeroExt(self.wide - 1, z3.Extract(0, 0, z3.LShR(table, z3.ZeroExt(12, index))))

    def round_quotient(
        self, numerator: Any, divisor: Any, shift: int, table: Any
    ) -> tuple[Any, Any]:
        """pqs_quotient: rounded and floor, by a table (BitVec 16)."""
        if shift < 0:
            numerator, shift = self.shift_left(numerator, -shift), 0
        floor, remainder_class = self.divide(numerator, divisor, shift)
        rounded = floor + self.table_bit(table, numerator < 0, floor, remainder_class)
        if shift == 0:
            exact = divisor == 1
            return z3.If(exact, numerator, rounded), z3.If(exact, numerator, floor)
        return rounded, floor

    def round_stochastic(self, numerator: Any, shift: int, drawn: int, word: Any) -> Any:
        """``(numerator + R) >> shift``, R of the top `drawn` bits of a random word, shift > 0."""
        drawn = min(drawn, shift)
        addend = self.number(0)
        if drawn:
            top = z3.LShR(z3.ZeroExt(self.wide - self.word, word), self.word - drawn)
            addend = self.shift_left(top, shift - drawn)
        return self.shift_right_floor(numerator + addend, shift)

    # -- apply_register.c --------------------------------------------------------------------

    def register_range(self, bits: int, rule: int, signed: bool) -> tuple[Any, Any]:
        maximum = (self.number(1) << (bits - signed)) - 1
        symmetric = rule == SATURATE_SYMMETRIC
        return (-maximum - (0 if symmetric else 1) if signed else self.number(0)), maximum

    def low_bits(self, v: Any, bits: int, invert: Any) -> Any:
        mask = (self.number(1) << bits) - 1
        return (v ^ z3.If(invert, mask, self.number(0))) & mask

    def saturated_top(self, bits: int, signed: bool, n: int, negative: Any) -> Any:
        ones = self.low_bits(self.number(-1), n, z3.BoolVal(False)) << (bits - n)
        if not signed:
            return ones
        sign = self.number(1) << (bits - 1)
        return z3.If(negative, sign, ones & ~sign)

    def wrap_saturated_bits(self, bits: int, signed: bool, n: int, q: Any) -> Any:
        return self.saturated_top(bits, signed, n, q < 0) | self.low_bits(
            q, bits - n, z3.BoolVal(False)
        )

    def sign_magnitude_wrap(self, bits: int, n: int, q: Any, floor: Any) -> Any:
        negative = q < 0
        if n > 1:
            invert = self.bit(q, bits - n) == negative
            top = self.saturated_top(bits, True, n, negative)
            return top | self.low_bits(q, bits - n, invert)
        sign = self.bit(floor, bits) if n == 0 else negative
        invert = sign != self.bit(q, bits - 1)
        top = z3.If(sign, self.number(1), self.number(0)) << (bits - 1)
        return top | self.low_bits(q, bits - 1, invert)

    def bit(self, v: Any, index: int) -> Any:
        return (v >> index & 1) == 1

    def overflowed(self, bits: int, rule: int, signed: bool, n: int, value: Any, floor: Any) -> Any:
        low, high = self.register_range(bits, rule, signed)
        if rule in (SATURATE, SATURATE_SYMMETRIC, SATURATE_HOLD):
            return self.wrap_word(z3.If(value < low, low, high))
        if rule == SATURATE_ZERO:
            return self.number(0)
        held = value
        if rule == WRAP_SATURATED_BITS:
            held = self.wrap_saturated_bits(bits, signed, n, value)
        if rule == SIGN_MAGNITUDE_WRAP:
            held = self.sign_magnitude_wrap(bits, n, value, floor)
        return self.wrap_word(self.wrap(held, bits, signed))

    def fit(self, bits: int, rule: int, signed: bool, n: int, value: Any, floor: Any) -> Any:
        """What the register holds, sign-extended to the wide word; bits=0: exact."""
        if bits == 0:
            return self.wrap_word(value)
        low, high = self.register_range(bits, rule, signed)
        outside = z3.Or(value < low, value > high)
        held = self.overflowed(bits, rule, signed, n, value, floor)
        return z3.If(outside, held, self.wrap_word(value))

    # -- narrow.c ----------------------------------------------------------------------------

    def narrow(
        self,
        value: Any,
        multiplier: Any,
        divisor: Any,
        shift: int,
        table: Any,
        register: tuple[int, int, bool, int],
    ) -> Any:
        rounded, floor = self.round_quotient(value * multiplier, divisor, shift, table)
        bits, rule, signed, n = register
        return self.fit(bits, rule, signed, n, rounded, floor)
