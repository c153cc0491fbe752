"""What is proven of the encoded C code: each theorem is a claim that no input contradicts.

``python tests/formal/theorems.py`` proves all of them and prints widths, cases and seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import z3

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from formal import encoding as c

Claims = Iterator[tuple[str, Any]]


@dataclass(frozen=True)
class Theorem:
    """Claims that hold for all values of their variables; one a shift, width or rule."""

    name: str
    widths: str
    claims: Callable[[c.Encoding], Claims]
    wide: int = 128
    slow: bool = False

    def first_counterexample(self, encoding: type[c.Encoding] = c.Encoding) -> str | None:
        """The first claim that some input contradicts; None: all are proven."""
        for what, claim in self.claims(encoding(self.wide)):
            solver = z3.Solver()
            solver.set("timeout", 120_000)
            solver.add(z3.Not(claim))
            found = solver.check()
            if found == z3.sat:
                return f"{self.name}: {what}: {solver.model()}"
            if found != z3.unsat:
                raise AssertionError(f"{self.name}: {what}: z3 does not know")
        return None

    def count(self) -> int:
        return sum(1 for _ in self.claims(c.Encoding(self.wide)))


# -- the definition, in words twice and thrice as wide: nothing wraps ------------------------------


def extended(v: Any, width: int) -> Any:
    return z3.SignExt(width - v.size(), v)


def is_rounded(n: Any, denominator: Any, floor: Any, rounded: Any, table: Any, width: int) -> Any:
    """``n = floor * denominator + r, 0 <= r < denominator``, and the table's bit was added.

    2 r against the denominator says the remainder's class; a denominator of 1 rounds nothing.
    """
    n, floor, rounded = (extended(v, width) for v in (n, floor, rounded))
    r = n - floor * denominator
    twice, odd = 2 * r, z3.Extract(0, 0, floor) == 1
    classes = (
        r == 0,
        z3.And(r > 0, twice < denominator),
        twice == denominator,
        twice > denominator,
    )
    entry = [
        z3.And((n < 0) == bool(i & 8), odd == bool(i & 4), classes[i & 3], is_set(table, i))
        for i in range(16)
    ]
    by_table = rounded == floor + z3.If(
        z3.Or(*entry), z3.BitVecVal(1, width), z3.BitVecVal(0, width)
    )
    return z3.And(r >= 0, r < denominator, z3.If(denominator == 1, rounded == n, by_table))


def product_sized(e: c.Encoding, v: Any) -> Any:
    """|v| is at most that of a product of two words."""
    limit = e.number(1) << (e.wide - 2)
    return z3.And(-limit <= v, v <= limit)


# -- rounding --------------------------------------------------------------------------------------


def right_shifts(e: c.Encoding) -> Claims:
    """Every product, every table, every right shift; divisor 1."""
    n, table = z3.BitVec("n", e.wide), z3.BitVec("table", 16)
    for shift in range(e.wide + 1):
        rounded, floor = e.round_quotient(n, e.number(1), shift, table)
        width = e.wide + shift + 2  # holds floor * 2**shift for any floor
        denominator = z3.BitVecVal(1, width) << shift
        claim = is_rounded(n, denominator, floor, rounded, table, width)
        yield f"shift {shift}", z3.Implies(product_sized(e, n), claim)


def left_shifts(e: c.Encoding) -> Claims:
    """n * 2**shift modulo the wide word, whatever the table."""
    n, table = z3.BitVec("n", e.wide), z3.BitVec("table", 16)
    for shift in range(1, e.wide):
        rounded, floor = e.round_quotient(n, e.number(1), -shift, table)
        exact = extended(n, 2 * e.wide) << shift
        low = z3.Extract(e.wide - 1, 0, exact)
        yield f"shift {-shift}", z3.And(rounded == low, floor == low)


def every_divisor(e: c.Encoding) -> Claims:
    """Every numerator, divisor and table, divided by z3's own division."""
    n, d, table = z3.BitVec("n", e.wide), z3.BitVec("d", e.wide), z3.BitVec("table", 16)
    largest = e.number((1 << (e.word - 1)) - 1)
    domain = z3.And(product_sized(e, n), d >= 1, d <= largest)
    for shift in range(e.wide + 1):
        rounded, floor = e.round_quotient(n, d, shift, table)
        width = 3 * e.wide
        denominator = extended(d, width) << shift
        claim = is_rounded(n, denominator, floor, rounded, table, width)
        yield f"shift {shift}", z3.Implies(domain, claim)


def floor_of_truncated(_: c.Encoding) -> Claims:
    """From C's division (n = q d + m, |m| < d, m of n's sign) to floor and remainder, integers."""
    q, m, d = z3.Ints("q m d")
    n = q * d + m
    divides = z3.And(d >= 1, -d < m, m < d, z3.Implies(m < 0, n < 0), z3.Implies(m > 0, n > 0))
    for negative in (False, True):
        floor = q - 1 if negative else q
        r = z3.simplify(n - floor * d, som=True)
        sign = m < 0 if negative else m >= 0
        yield (
            f"m {'< 0' if negative else '>= 0'}",
            z3.Implies(z3.And(divides, sign), z3.And(r >= 0, r < d)),
        )


def classes_after_both(_: c.Encoding) -> Claims:
    """R = dropped d + r against half of d 2^s is dropped against half of 2^s, r deciding a draw."""
    dropped, half, d, r = z3.Ints("dropped half d r")
    domain = z3.And(d >= 1, r >= 0, r < d, dropped >= 0, dropped < 2 * half, half >= 1)
    whole = dropped * d + r
    cases = (
        ("above", dropped > half, 2 * whole > 2 * half * d),
        ("draw, rest", z3.And(dropped == half, r > 0), 2 * whole > 2 * half * d),
        ("draw", z3.And(dropped == half, r == 0), 2 * whole == 2 * half * d),
        ("below", dropped < half, 2 * whole < 2 * half * d),
        ("zero", z3.And(dropped == 0, r == 0), whole == 0),
        ("not zero", z3.Or(dropped > 0, r > 0), whole > 0),
    )
    for name, condition, claim in cases:
        yield name, z3.Implies(z3.And(domain, condition), claim)


def stochastic(e: c.Encoding) -> Claims:
    """One is added to the floor where the dropped bits and R reach 2**shift; R < 2**shift."""
    n, word = z3.BitVec("n", e.wide), z3.BitVec("word", e.word)
    for shift in range(1, e.word + 1):
        for drawn in sorted({shift // 2, shift}):
            result = e.round_stochastic(n, shift, drawn, word)
            width = 2 * e.wide
            unit = z3.BitVecVal(1, width) << shift
            floor = extended(n, width) >> shift
            top = z3.LShR(word, e.word - drawn) if drawn else z3.BitVecVal(0, e.word)
            random = z3.ZeroExt(width - e.word, top) << (shift - drawn)
            carries = extended(n, width) - floor * unit + random >= unit
            expected = floor + z3.If(carries, z3.BitVecVal(1, width), z3.BitVecVal(0, width))
            claim = z3.And(random < unit, extended(result, width) == expected)
            yield f"shift {shift}, {drawn} bits", z3.Implies(product_sized(e, n), claim)


# -- registers -------------------------------------------------------------------------------------


def registers(rules: tuple[int, ...]) -> Iterator[tuple[int, bool, int]]:
    for rule in rules:
        yield from ((bits, True, rule) for bits in range(2, 65))
        if rule != c.SATURATE_SYMMETRIC:
            yield from ((bits, False, rule) for bits in range(1, 64))


def clamping_rules(e: c.Encoding) -> Claims:
    """Inside: the value; outside: the nearest number of the range, or zero."""
    v = z3.BitVec("v", e.wide)
    rules = (c.SATURATE, c.SATURATE_SYMMETRIC, c.SATURATE_HOLD, c.SATURATE_ZERO)
    for bits, signed, rule in registers(rules):
        low = (-(1 << (bits - 1)) + (rule == c.SATURATE_SYMMETRIC)) if signed else 0
        high = (1 << (bits - signed)) - 1
        below, above = (0, 0) if rule == c.SATURATE_ZERO else (low, high)
        expected = z3.If(
            v < e.number(low), e.number(below), z3.If(v > e.number(high), e.number(above), v)
        )
        yield (
            f"{bits} bits, signed={signed}, rule {rule}",
            (e.fit(bits, rule, signed, 0, v, v) == expected),
        )


def wrapping_rules(e: c.Encoding) -> Claims:
    """In the range, and congruent to the value modulo 2**bits; there is one such number."""
    v = z3.BitVec("v", e.wide)
    for bits, signed, rule in registers((c.WRAP, c.TRAP)):
        held = e.fit(bits, rule, signed, 0, v, v)
        low = -(1 << (bits - 1)) if signed else 0
        high = (1 << (bits - signed)) - 1
        congruent = z3.Extract(bits - 1, 0, held - v) == 0
        inside = z3.And(held >= e.number(low), held <= e.number(high))
        yield f"{bits} bits, signed={signed}, rule {rule}", z3.And(inside, congruent)


_HLS_WIDTHS = (*range(2, 17), 24, 31, 32, 33, 63, 64)


def is_set(v: Any, index: int) -> Any:
    return z3.Extract(index, index, v) == 1


def hls_wrap(e: c.Encoding) -> Claims:
    """AP_WRAP with n saturated bits, bit by bit."""
    v = z3.BitVec("v", e.wide)
    for bits in _HLS_WIDTHS:
        for signed in (True, False):
            if not signed and bits == 64:
                continue
            for n in range(1, bits + 1):
                low = -(1 << (bits - 1)) if signed else 0
                high = (1 << (bits - signed)) - 1
                held = e.fit(bits, c.WRAP_SATURATED_BITS, signed, n, v, v)
                negative = v < 0
                wanted = []
                for i in range(bits):
                    if i < bits - n:
                        wanted.append(is_set(held, i) == is_set(v, i))
                    elif not signed:
                        wanted.append(is_set(held, i))
                    else:
                        wanted.append(
                            is_set(held, i) == (negative if i == bits - 1 else z3.Not(negative))
                        )
                outside = z3.Or(v < e.number(low), v > e.number(high))
                claim = z3.If(
                    outside, z3.And(*wanted, in_register(e, held, bits, signed)), held == v
                )
                yield f"{bits} bits, signed={signed}, n={n}", claim


def in_register(e: c.Encoding, held: Any, bits: int, signed: bool) -> Any:
    low = -(1 << (bits - 1)) if signed else 0
    return z3.And(held >= e.number(low), held <= e.number((1 << (bits - signed)) - 1))


def hls_sign_magnitude(e: c.Encoding) -> Claims:
    """AP_WRAP_SM with n saturated bits, bit by bit; floor is the unrounded value's."""
    v, floor = z3.BitVec("v", e.wide), z3.BitVec("floor", e.wide)
    for bits in _HLS_WIDTHS:
        for n in range(bits + 1):
            held = e.fit(bits, c.SIGN_MAGNITUDE_WRAP, True, n, v, floor)
            true_sign = v < 0
            if n > 1:
                invert = is_set(v, bits - n) == true_sign
                top = [
                    is_set(held, i) == (true_sign if i == bits - 1 else z3.Not(true_sign))
                    for i in range(bits - n, bits)
                ]
                kept = bits - n
            else:
                sign = is_set(floor, bits) if n == 0 else true_sign
                invert = sign != is_set(v, bits - 1)
                top, kept = [is_set(held, bits - 1) == sign], bits - 1
            low = [is_set(held, i) == z3.Xor(is_set(v, i), invert) for i in range(kept)]
            inside = in_register(e, v, bits, True)
            claim = z3.If(inside, held == v, z3.And(*top, *low, in_register(e, held, bits, True)))
            yield f"{bits} bits, n={n}", claim


# -- requantize chains -----------------------------------------------------------------------------

HALF_UP, HALF_AWAY = 0xCCCC, 0x88CC


def doubling_high_multiply(e: c.Encoding) -> Claims:
    """gemmlowp: trunc((p + nudge) / 2**31), nudge 2**30 or 1 - 2**30; INT32_MAX at 2**62."""
    p = z3.BitVec("p", e.wide)
    table = z3.BitVecVal(HALF_UP, 16)
    limit = e.number(1 << 62)
    rounded, floor = e.round_quotient(p, e.number(1), 31, table)
    held = e.fit(32, c.SATURATE, True, 0, rounded, floor)
    nudge = z3.If(p >= 0, e.number(1 << 30), e.number(1 - (1 << 30)))
    by_hand = (p + nudge) / e.number(1 << 31)
    expected = z3.If(p == limit, e.number((1 << 31) - 1), by_hand)
    # products of two int32: 2**62, and all others between these
    most = (1 << 31) * ((1 << 31) - 1)
    domain = z3.Or(p == limit, z3.And(p <= e.number(most), p >= e.number(-most)))
    yield "every product of two int32", z3.Implies(domain, held == expected)


def divide_by_power_of_two(e: c.Encoding) -> Claims:
    """gemmlowp: (x >> r) + (remainder > threshold), threshold = mask // 2 + (x < 0)."""
    x = z3.BitVec("x", 32)
    for r in range(32):
        rounded, floor = e.round_quotient(
            z3.SignExt(e.wide - 32, x), e.number(1), r, z3.BitVecVal(HALF_AWAY, 16)
        )
        held = e.fit(32, c.WRAP, True, 0, rounded, floor)
        mask = z3.BitVecVal((1 << r) - 1, 32)
        threshold = z3.LShR(mask, 1) + z3.If(x < 0, z3.BitVecVal(1, 32), z3.BitVecVal(0, 32))
        up = z3.If((x & mask) > threshold, z3.BitVecVal(1, 32), z3.BitVecVal(0, 32))
        yield f"exponent {r}", z3.Extract(31, 0, held) == (x >> r) + up


def single_rounding(e: c.Encoding) -> Claims:
    """TFLite: (x m + 2**(t-1)) >> t with t = 31 - shift, in 64 bits."""
    p = z3.BitVec("p", 64)
    domain = z3.And(p <= (1 << 62), p >= -(1 << 62))
    for total in range(1, 63):
        wide = z3.SignExt(e.wide - 64, p)
        rounded, _ = e.round_quotient(wide, e.number(1), total, z3.BitVecVal(HALF_UP, 16))
        by_hand = (p + z3.BitVecVal(1 << (total - 1), 64)) >> total
        yield (
            f"total shift {total}",
            z3.Implies(domain, rounded == z3.SignExt(e.wide - 64, by_hand)),
        )


def product_fits(_: c.Encoding) -> Claims:
    """A product of two int64 is at most 2**126, so no wide product overflows; integers."""
    x, y = z3.Ints("x y")
    limit = 1 << 63
    domain = z3.And(-limit <= x, x < limit, -limit <= y, y < limit)
    yield (
        "int64 * int64",
        z3.Implies(domain, z3.And(x * y <= limit * limit, x * y >= -limit * limit)),
    )


_HLS = "128-bit values, 2..16, 24, 31..33, 63, 64 bits, every n"

THEOREMS = (
    Theorem(
        "right shifts round as the table says",
        "128-bit numerators, shifts 0..128, every table",
        right_shifts,
        slow=True,
    ),
    Theorem(
        "left shifts are exact modulo the word",
        "128-bit numerators, shifts 1..127",
        left_shifts,
    ),
    Theorem(
        "any divisor and shift round as the table says",
        "12-bit numerators, 6-bit divisors, shifts 0..12, every table",
        every_divisor,
        wide=12,
        slow=True,
    ),
    Theorem("floor and remainder from C's division", "integers of any size", floor_of_truncated),
    Theorem(
        "remainder classes after divisor and shift",
        "integers of any size",
        classes_after_both,
    ),
    Theorem(
        "stochastic rounding",
        "128-bit numerators, 64-bit random words, shifts 1..64",
        stochastic,
        slow=True,
    ),
    Theorem("products never overflow the wide word", "int64 by int64, integers", product_fits),
    Theorem(
        "saturation, symmetric saturation, zero",
        "128-bit values, every width",
        clamping_rules,
    ),
    Theorem("wrapping and trapping registers", "128-bit values, every width", wrapping_rules),
    Theorem("HLS AP_WRAP with saturated bits", _HLS, hls_wrap, slow=True),
    Theorem("HLS AP_WRAP_SM", _HLS, hls_sign_magnitude, slow=True),
    Theorem(
        "DoubleRounding: doubling high multiply",
        "every product of two int32",
        doubling_high_multiply,
    ),
    Theorem(
        "DoubleRounding: rounding divide by a power of two",
        "int32, exponents 0..31",
        divide_by_power_of_two,
    ),
    Theorem("SingleRounding", "products up to 2**62, total shifts 1..62", single_rounding),
)


def prove(theorem: Theorem) -> tuple[str | None, float]:
    """A counterexample or None, and how many seconds that took."""
    start = time.perf_counter()
    return theorem.first_counterexample(), time.perf_counter() - start


def main() -> int:
    """Prove everything on two cores, the slow ones first; print a table."""
    began, failed = time.perf_counter(), 0
    theorems = sorted(THEOREMS, key=lambda theorem: not theorem.slow)
    with ProcessPoolExecutor(2) as pool:
        for theorem, (found, seconds) in zip(theorems, pool.map(prove, theorems), strict=True):
            count = f"{theorem.count():5} claims"
            print(f"{seconds:6.1f} s  {count}  {theorem.name}: {theorem.widths}", flush=True)
            if found is not None:
                failed = 1
                print(f"          CONTRADICTED  {found}")
    claims = sum(theorem.count() for theorem in THEOREMS)
    print(f"{time.perf_counter() - began:6.1f} s  {claims:5} claims  all")
    return failed


if __name__ == "__main__":
    sys.exit(main())
