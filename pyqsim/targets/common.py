"""Ranges and step sequences that several families share."""

from __future__ import annotations

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    Clamp,
    Datapath,
    Narrow,
    OutputStep,
    ReduceStep,
    Requantize,
    Scheme,
)
from pyqsim.modes import WRAP, Overflow, Rounding
from pyqsim.requantize import ShiftOnly
from pyqsim.targets.target import IntegerRange

__all__ = [
    "CODES_S8",
    "CODES_U8",
    "FLOATS",
    "MINUS_ONE",
    "ONE",
    "S8",
    "S16",
    "S32",
    "SIGNIFICANDS",
    "U8",
    "U16",
    "dot",
    "layer",
    "multiply_high",
    "quantized",
    "shifter",
]

S8, S16, S32 = (IntegerRange.of_bits(bits) for bits in (8, 16, 32))
U8, U16 = (IntegerRange.of_bits(bits, signed=False) for bits in (8, 16))
#: b of an instruction with one operand, or of a sum.
ONE, MINUS_ONE = IntegerRange(1, 1), IntegerRange(-1, -1)
#: a of a conversion from float32; what else there is to know of its operand.
SIGNIFICANDS = IntegerRange(-(2**24), 2**24)
FLOATS = (
    "The float32 number is a * 2**s, and s comes with the call, PowerOfTwoFactor(s): so can every "
    "finite one be written. Not covered, because datapaths take integers: infinities and NaN"
)
CODES_S8, CODES_U8 = Clamp(-128, 127), Clamp(0, 255)


def dot(group: int | None, bits: int, overflow: Overflow) -> Datapath:
    """Groups of products summed exactly, each added to an accumulator that starts as given."""
    inner = () if group is None else (Accumulate(group=group),)
    return Datapath(reduce=(*inner, Accumulate(bits, overflow, start="bias")))


def multiply_high(shift: int, rounding: Rounding, bits: int, overflow: Overflow) -> Datapath:
    """One product, shifted and rounded into a register."""
    return Datapath(reduce=(Narrow(shift=shift, rounding=rounding, bits=bits, overflow=overflow),))


def shifter(rounding: Rounding, bits: int, overflow: Overflow, *, signed: bool = True) -> Datapath:
    """One number, shifted by what comes with the call, rounded into a register."""
    if signed:
        return Datapath(reduce=(), output=(Requantize(ShiftOnly(rounding, bits, overflow)),))
    wide = Requantize(ShiftOnly(rounding, 64, WRAP))
    return Datapath(reduce=(), output=(wide, Narrow(bits=bits, overflow=overflow, signed=False)))


def quantized(scheme: Scheme, codes: Clamp, *, bias: bool = True) -> tuple[OutputStep, ...]:
    """[AddBias], Requantize, AddZeroPoint, Clamp: what most runtimes do to a 32-bit accumulator."""
    first = (AddBias(32),) if bias else ()
    return (*first, Requantize(scheme), AddZeroPoint(), codes)


def layer(
    scheme: Scheme, codes: Clamp, reduce: tuple[ReduceStep, ...] = (Accumulate(32),)
) -> Datapath:
    """Products with zero points subtracted, summed, requantized."""
    starts = any(isinstance(step, Accumulate) and step.start == "bias" for step in reduce)
    return Datapath(reduce=reduce, output=quantized(scheme, codes, bias=not starts))
