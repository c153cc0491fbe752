"""Arm NEON instructions, one lane each: ``arm-NAME-BITS`` has results of BITS bits."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, Datapath, Narrow
from pyqsim.modes import (
    FLOOR,
    HALF_AWAY,
    HALF_EVEN,
    HALF_UP,
    SATURATE,
    TOWARD_ZERO,
    WRAP,
    Overflow,
    Rounding,
)
from pyqsim.targets.common import (
    FLOATS,
    MINUS_ONE,
    ONE,
    S8,
    SIGNIFICANDS,
    U8,
    dot,
    multiply_high,
    shifter,
)
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS"]

_SOURCE = "Arm Architecture Reference Manual for A-profile, A64 Advanced SIMD instructions"


def _target(
    name: str,
    title: str,
    datapath: Datapath,
    a: IntegerRange,
    b: IntegerRange,
    k: int | None = 1,
    bits: int | None = None,
) -> Target:
    return Target(
        name=f"arm-{name}" if bits is None else f"arm-{name}-{bits}",
        group=f"arm-{name}" if bits is None else f"arm-{name}-*",
        family="arm",
        title=title,
        datapath=datapath,
        a=a,
        b=b,
        k=k,
        source=_SOURCE,
        confidence="documented",
    )


def _multiply_high(bits: int) -> tuple[Target, ...]:
    lane = IntegerRange.of_bits(bits)
    rounded, floor = (
        multiply_high(bits - 1, rounding, bits, SATURATE) for rounding in (HALF_UP, FLOOR)
    )
    added = Datapath(
        reduce=(
            Narrow(shift=bits - 1, rounding=HALF_UP),
            Accumulate(bits, SATURATE, start="bias"),
        )
    )
    corner = "Only MIN x MIN saturates; x86's PMULHRSW wraps there"
    title = f"s{bits} x s{bits}, doubled, high half"
    return (
        replace(
            _target("sqrdmulh", f"{title}, rounded", rounded, lane, lane, bits=bits),
            pitfalls=(corner, "Ties go up, also negative ones: -0.5 gives 0"),
        ),
        replace(
            _target("sqdmulh", f"{title}, floor", floor, lane, lane, bits=bits),
            pitfalls=(corner,),
        ),
        replace(
            _target("sqrdmlah", "bias + SQRDMULH, one saturation", added, lane, lane, bits=bits),
            bias=lane,
            notes="One rounding and one saturation, of the whole sum",
        ),
    )


def _widening(bits: int) -> tuple[Target, ...]:
    """Results of `bits`, operands of half of them."""
    half = IntegerRange.of_bits(bits // 2)
    plain = Datapath(reduce=(Accumulate(bits, WRAP, start="bias"),))
    found = _target("smlal", "bias + product, wraps", plain, half, half, None, bits)
    return (replace(found, bias=IntegerRange.of_bits(bits)),)


def _sqdmlal(bits: int) -> Target:
    half = IntegerRange.of_bits(bits // 2)
    doubled = Datapath(
        reduce=(
            Narrow(shift=-1, bits=bits, overflow=SATURATE),
            Accumulate(bits, SATURATE, start="bias"),
        )
    )
    return replace(
        _target(
            "sqdmlal", "bias + doubled product, two saturations", doubled, half, half, bits=bits
        ),
        k=None,
        pitfalls=("The doubled product saturates before it is added; VPDPWSSDS saturates once",),
    )


def _saturating_add(name: str, bits: int, sign: IntegerRange) -> Target:
    datapath = Datapath(reduce=(Accumulate(bits, SATURATE, start="bias"),))
    title = f"bias {'plus' if sign is ONE else 'minus'} a, saturating"
    lane = IntegerRange.of_bits(bits)
    return replace(_target(name, title, datapath, lane, sign, bits=bits), bias=lane)


def _shift(name: str, title: str, rounding: Rounding, overflow: Overflow, bits: int) -> Target:
    lane = IntegerRange.of_bits(bits)
    return replace(
        _target(name, title, shifter(rounding, bits, overflow), lane, ONE, bits=bits),
        shifts=IntegerRange(-64, 63),
        notes="The shift comes with the call, PowerOfTwoFactor(s): positive is left",
    )


def _narrowing(
    name: str,
    title: str,
    rounding: Rounding,
    overflow: Overflow,
    bits: int,
    *,
    signed: bool = True,
) -> Target:
    wide = IntegerRange.of_bits(2 * bits)
    datapath = shifter(rounding, bits, overflow, signed=signed)
    return replace(
        _target(name, title, datapath, wide, ONE, bits=bits),
        shifts=IntegerRange(-bits, -1),
        notes=f"The shift comes with the call, PowerOfTwoFactor(-s), s in 1..{bits}",
    )


def _conversion(name: str, rule: str, rounding: Rounding) -> Target:
    datapath = shifter(rounding, 32, SATURATE)
    return replace(
        _target(name, f"float32 to s32, {rule}, saturates", datapath, SIGNIFICANDS, ONE, bits=32),
        shifts=IntegerRange(-40, 39),
        notes=FLOATS,
        pitfalls=("NaN gives 0; x86's CVTPS2DQ gives -2**31 for it and for all that overflows",),
    )


def _lanes(bits: int) -> tuple[Target, ...]:
    """Instructions that exist for lanes of 8, 16 and 32 bits."""
    wide, narrow = f"s{2 * bits}", f"{bits} bits"
    return (
        _saturating_add("sqadd", bits, ONE),
        _saturating_add("sqsub", bits, MINUS_ONE),
        _shift("srshl", "rounding shift, left wraps", HALF_UP, WRAP, bits),
        _shift("sqrshl", "rounding shift, left saturates", HALF_UP, SATURATE, bits),
        _shift("sshl", "shift, floor, left wraps", FLOOR, WRAP, bits),
        _narrowing("sqrshrn", f"{wide} rounded to {narrow}, saturates", HALF_UP, SATURATE, bits),
        _narrowing("sqshrn", f"{wide} shifted to {narrow}, saturates", FLOOR, SATURATE, bits),
        _narrowing(
            "sqrshrun",
            f"{wide} rounded to unsigned {narrow}, saturates",
            HALF_UP,
            SATURATE,
            bits,
            signed=False,
        ),
        _narrowing("rshrn", f"{wide} rounded to {narrow}, wraps", HALF_UP, WRAP, bits),
    )


_NO_SATURATION = ("No saturating form exists",)
_DOT = "accumulator + 4 products, wraps"

TARGETS = (
    replace(
        _target("sdot", f"{_DOT}, s8 x s8", dot(4, 32, WRAP), S8, S8, None), pitfalls=_NO_SATURATION
    ),
    replace(
        _target("udot", f"{_DOT}, u8 x u8", dot(4, 32, WRAP), U8, U8, None), pitfalls=_NO_SATURATION
    ),
    replace(
        _target("usdot", f"{_DOT}, u8 x s8", dot(4, 32, WRAP), U8, S8, None),
        pitfalls=_NO_SATURATION,
    ),
    _target("smmla", "2x8 by 8x2 tile, s8 x s8, wraps", dot(8, 32, WRAP), S8, S8, None),
    *(target for bits in (16, 32) for target in _multiply_high(bits)),
    *(target for bits in (16, 32, 64) for target in _widening(bits)),
    _sqdmlal(32),
    *(target for bits in (8, 16, 32) for target in _lanes(bits)),
    _conversion("fcvtns", "half to even", HALF_EVEN),
    _conversion("fcvtas", "half away from 0", HALF_AWAY),
    _conversion("fcvtzs", "toward 0", TOWARD_ZERO),
)
