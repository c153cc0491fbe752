"""x86 integer instructions, one lane each; the accumulator of a VNNI instruction is the bias."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, Datapath, Narrow
from pyqsim.modes import FLOOR, HALF_EVEN, HALF_UP, SATURATE, WRAP
from pyqsim.targets.common import (
    FLOATS,
    MINUS_ONE,
    ONE,
    S8,
    S16,
    S32,
    SIGNIFICANDS,
    U8,
    dot,
    multiply_high,
    shifter,
)
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS"]

_SOURCE = "Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2"
_ORDER = "A saturating sum depends on the order: groups in ascending k, from the accumulator given"


def _target(
    name: str, title: str, datapath: Datapath, a: IntegerRange, b: IntegerRange, k: int | None
) -> Target:
    return Target(
        name=f"x86-{name}",
        family="x86",
        title=title,
        datapath=datapath,
        a=a,
        b=b,
        k=k,
        source=_SOURCE,
        confidence="documented",
    )


def _pack(name: str, a: IntegerRange, bits: int, *, signed: bool) -> Target:
    register = Narrow(bits=bits, overflow=SATURATE, signed=signed)
    return replace(
        _target(
            name,
            f"clamp a signed number to {'signed' if signed else 'unsigned'} {bits} bits",
            Datapath(reduce=(register,)),
            a,
            ONE,
            1,
        ),
        pitfalls=(
            "The input is always read as signed",
            "256- and 512-bit forms pack inside each 128-bit lane",
        ),
    )


def _saturating_add(name: str, bits: int, sign: IntegerRange) -> Target:
    verb = "plus" if sign is ONE else "minus"
    datapath = Datapath(reduce=(Accumulate(bits, SATURATE, start="bias"),))
    title = f"bias {verb} a, saturating at {bits} bits"
    lane = IntegerRange.of_bits(bits)
    return replace(_target(name, title, datapath, lane, sign, 1), bias=lane)


def _average(name: str, bits: int) -> Target:
    half = Narrow(shift=1, rounding=HALF_UP, bits=bits, signed=False)
    a = IntegerRange.of_bits(bits, signed=False)
    datapath = Datapath(reduce=(Accumulate(start="bias"), half))
    title = "(bias + a + 1) >> 1 of unsigned numbers"
    return replace(_target(name, title, datapath, a, ONE, 1), bias=a)


TARGETS = (
    replace(
        _target(
            "vpmaddubsw",
            "two u8 x s8 products, their sum saturates at 16 bits",
            Datapath(reduce=(Accumulate(16, SATURATE, group=2),)),
            U8,
            S8,
            2,
        ),
        notes="Exact inside the sum of two; MLAS, oneDNN and FBGEMM build int8 GEMM on it",
        pitfalls=("Saturates with full 8-bit operands; never with 7-bit weights",),
    ),
    replace(
        _target(
            "vpmaddwd",
            "two s16 x s16 products, their sum wraps at 32 bits",
            Datapath(reduce=(Accumulate(32, WRAP, group=2),)),
            S16,
            S16,
            2,
        ),
        pitfalls=("Wraps only where all four operands are -32768: the result is -2**31",),
    ),
    _target("vpdpbusd", "accumulator + 4 u8 x s8 products, wraps", dot(4, 32, WRAP), U8, S8, None),
    replace(
        _target(
            "vpdpbusds",
            "accumulator + 4 u8 x s8 products, one saturation a group",
            dot(4, 32, SATURATE),
            U8,
            S8,
            None,
        ),
        pitfalls=(_ORDER, "Not the clamp of the exact total"),
    ),
    _target(
        "vpdpwssd", "accumulator + 2 s16 x s16 products, wraps", dot(2, 32, WRAP), S16, S16, None
    ),
    replace(
        _target(
            "vpdpwssds",
            "accumulator + 2 s16 x s16 products, one saturation a pair",
            dot(2, 32, SATURATE),
            S16,
            S16,
            None,
        ),
        notes="The sum of two products has 33 bits and is exact",
        pitfalls=(_ORDER, "Arm's SQDMLAL saturates twice: the doubled product, then the sum"),
    ),
    replace(
        _target(
            "pmulhrsw",
            "s16 x s16, rounded shift by 15, wraps",
            multiply_high(15, HALF_UP, 16, WRAP),
            S16,
            S16,
            1,
        ),
        pitfalls=("-32768 x -32768 gives -32768; SQRDMULH and vsmul saturate to 32767",),
    ),
    _target("pmulhw", "s16 x s16, high half", multiply_high(16, FLOOR, 16, WRAP), S16, S16, 1),
    _saturating_add("paddsb", 8, ONE),
    _saturating_add("paddsw", 16, ONE),
    _saturating_add("psubsb", 8, MINUS_ONE),
    _saturating_add("psubsw", 16, MINUS_ONE),
    _average("pavgb", 8),
    _average("pavgw", 16),
    _pack("packssdw", S32, 16, signed=True),
    _pack("packusdw", S32, 16, signed=False),
    _pack("packsswb", S16, 8, signed=True),
    _pack("packuswb", S16, 8, signed=False),
    replace(
        _target(
            "cvtps2dq",
            "float32 to s32, half to even",
            shifter(HALF_EVEN, 32, SATURATE),
            SIGNIFICANDS,
            ONE,
            1,
        ),
        shifts=IntegerRange(-40, 6),
        notes=f"{FLOATS}, nor numbers of 2**31 and more",
        pitfalls=("NaN and all that overflows, upward too, give -2**31: nothing saturates",),
    ),
)
