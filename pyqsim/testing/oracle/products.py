"""Term k of a dot product: Multiply, Shift, Lookup or AddLogs."""

from __future__ import annotations

from dataclasses import dataclass

from pyqsim.datapath import AddLogs, Lookup, Multiply, Product, Shift
from pyqsim.errors import CodeError
from pyqsim.testing.oracle.philox import random_word
from pyqsim.testing.oracle.rounding import round_quotient

__all__ = ["PRODUCT_STEP", "Factors", "product_term"]

#: The step number that STOCHASTIC products draw with.
PRODUCT_STEP = 255


@dataclass(frozen=True)
class Factors:
    """All that one term depends on: both operands' integers, codes, zero points, and its place."""

    a: int
    b: int
    za: int
    zb: int
    a_code: int
    b_code: int
    a_shifts: bool
    b_shifts: bool
    k: int  # original index within the scale group
    position: int  # slot in the order
    m: int
    n: int


def product_term(product: Product, factors: Factors) -> int:
    """Value of one real term."""
    if isinstance(product, Multiply):
        return _multiply(product, factors)
    if isinstance(product, Lookup):
        return _look_up(product, factors)
    if isinstance(product, AddLogs):
        return _add_logs(product, factors)
    return _shift(product, factors)


def _multiply(product: Multiply, f: Factors) -> int:
    if product.zero_points == "subtract":
        return (f.a - f.za) * (f.b - f.zb)
    return f.a * f.b


def _look_up(product: Lookup, f: Factors) -> int:
    """``table[a_code, b_code]`` or ``table[k, a_code, b_code]``."""
    table = product.table.values
    for name, code, size in (
        ("a", f.a_code, table.shape[-2]),
        ("b", f.b_code, table.shape[-1]),
    ):
        if not 0 <= code < size:
            raise CodeError(f"Lookup: code {code} of {name}, allowed: 0..{size - 1}")
    if table.ndim == 3:
        return int(table[f.k, f.a_code, f.b_code])
    return int(table[f.a_code, f.b_code])


def _add_logs(product: AddLogs, f: Factors) -> int:
    """``(e_a + e_b) * 2**guard_bits``; -1 for a zero code and for the sign not asked for."""
    if f.a == 0 or f.b == 0:
        return -1
    wanted = 1 if product.sign == "positive" else -1
    if _sign(f.a) * _sign(f.b) != wanted:
        return -1
    (e_a,), (e_b,) = _powers(f.a), _powers(f.b)
    return (e_a + e_b) * (1 << product.guard_bits)


def _shift(product: Shift, f: Factors) -> int:
    """Sum of rounded shifted copies of x; a zero code gives 0."""
    if f.a_shifts and f.b_shifts:
        if f.a == 0 or f.b == 0:
            return 0
        x, s = _sign(f.a), _sign(f.b)
        exponents = [ea + eb for ea in _powers(f.a) for eb in _powers(f.b)]
    else:
        shifting, x = (f.b, f.a - f.za) if f.b_shifts else (f.a, f.b - f.zb)
        if shifting == 0:
            return 0
        s, exponents = _sign(shifting), _powers(shifting)

    if product.per == "sum":
        return _dropped(s * sum(x * 2**e for e in exponents), product, f, term=0)
    if product.sign == "before":
        return sum(_dropped(s * x * 2**e, product, f, t) for t, e in enumerate(exponents))
    return s * sum(_dropped(x * 2**e, product, f, t) for t, e in enumerate(exponents))


def _dropped(value: int, product: Shift, f: Factors, term: int) -> int:
    """R of the prose: rounding right shift by `drop`."""
    random = 0
    if product.rounding.seed is not None:
        random = random_word(
            product.rounding.seed, position=f.position, n=f.n, m=f.m, step=PRODUCT_STEP, term=term
        )
    return round_quotient(value, 2**product.drop, product.rounding, random)


def _sign(number: int) -> int:
    return -1 if number < 0 else 1


def _powers(number: int) -> list[int]:
    """Exponents of the powers of two in the magnitude, lowest first."""
    magnitude = abs(number)
    return [e for e in range(magnitude.bit_length()) if magnitude >> e & 1]
