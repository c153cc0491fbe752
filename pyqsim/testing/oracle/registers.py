"""What a register does with a value outside its range."""

from __future__ import annotations

from pyqsim.datapath import Register
from pyqsim.modes import OverflowRule

__all__ = ["apply_register", "register_range"]


def register_range(register: Register) -> tuple[int, int] | None:
    """Smallest and largest value held; None where exact.

    Signed ``[-2^(b-1), 2^(b-1)-1]``, unsigned ``[0, 2^b-1]``, symmetric without the minimum.
    """
    if register.bits is None:
        return None
    if not register.signed:
        return 0, (1 << register.bits) - 1
    half = 1 << (register.bits - 1)
    if register.overflow.rule is OverflowRule.SATURATE_SYMMETRIC:
        return -(half - 1), half - 1
    return -half, half - 1


def apply_register(value: int, register: Register, floor: int | None = None) -> tuple[int, bool]:
    """Apply the range rule to one value.

    Parameters
    ----------
    value : int
        The rounded value.
    register : Register
    floor : int, optional
        Floor of the value before rounding (SIGN_MAGNITUDE_WRAP(0) reads a bit of it). Default:
        the value itself.

    Returns
    -------
    value : int
        What the register holds. Under TRAP, the value as it is.
    overflowed : bool

    Examples
    --------
    >>> from pyqsim.modes import SATURATE, WRAP
    >>> apply_register(200, Register(8, SATURATE)), apply_register(200, Register(8, WRAP))
    ((127, True), (-56, True))
    """
    limits = register_range(register)
    if limits is None or limits[0] <= value <= limits[1]:
        return value, False
    rule = register.overflow.rule
    if rule is OverflowRule.TRAP:
        return value, True
    if rule is OverflowRule.SATURATE_ZERO:
        return 0, True
    if rule in (
        OverflowRule.SATURATE,
        OverflowRule.SATURATE_SYMMETRIC,
        OverflowRule.SATURATE_HOLD,
    ):
        return (limits[0] if value < limits[0] else limits[1]), True
    return _from_pattern(
        _wrapped(value, register, value if floor is None else floor), register
    ), True


def _wrapped(q: int, register: Register, floor: int) -> int:
    """Bit pattern of the three wrapping rules, for a value that overflowed."""
    assert register.bits is not None
    W, rule, n = register.bits, register.overflow.rule, register.overflow.saturated_bits
    if rule is OverflowRule.WRAP:
        return q % (1 << W)
    if rule is OverflowRule.WRAP_SATURATED_BITS:
        return _top_bits(q, W, n, register.signed) | q % (1 << (W - n))
    assert rule is OverflowRule.SIGN_MAGNITUDE_WRAP
    return _sign_magnitude(q, W, n, floor)


def _top_bits(q: int, W: int, n: int, signed: bool) -> int:
    """n top bits in their place: the sign, then its complement; unsigned: all ones."""
    if not signed:
        bits = "1" * n
    elif q < 0:
        bits = "1" + "0" * (n - 1)
    else:
        bits = "0" + "1" * (n - 1)
    return int(bits, 2) << (W - n)


def _sign_magnitude(q: int, W: int, n: int, floor: int) -> int:
    """n < 2: sign s, the other bits of q inverted if s differs from bit W-1 of q.

    n > 1: the top n bits as WRAP_SATURATED_BITS, the others inverted if bit W-n equals the sign.
    """
    true_sign = int(q < 0)
    if n < 2:
        s = true_sign if n == 1 else floor >> W & 1
        low, inverted = W - 1, (q >> (W - 1) & 1) != s
        top = s << (W - 1)
    else:
        low, inverted = W - n, (q >> (W - n) & 1) == true_sign
        top = _top_bits(q, W, n, signed=True)
    kept = ~q if inverted else q
    return top | kept % (1 << low)


def _from_pattern(pattern: int, register: Register) -> int:
    """Two's complement reading of a W-bit pattern; unsigned: the pattern."""
    assert register.bits is not None
    if register.signed and pattern >= 1 << (register.bits - 1):
        return pattern - (1 << register.bits)
    return pattern
