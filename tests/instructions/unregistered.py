"""Machines of instructions that are no named target: float conversions, unsigned saturating sums.

They are checked like the others and are not in the ledger. `pyqsim.targets` leaves them out:
`distinguish` does not yet settle every pair with them: VSSUBU of two widths, say, are equal
wherever both take the operands.
"""

from __future__ import annotations

from functools import cache

import pyqsim as qs
from pyqsim.datapath import Datapath, Requantize
from pyqsim.requantize import FloatScale
from pyqsim.targets import IntegerRange, Target
from pyqsim.targets.common import MINUS_ONE, ONE, S32, shifter

__all__ = ["machine_of"]

#: Integers that float32 holds exactly.
_SHORT = IntegerRange(-(2**24), 2**24)
_ARM = "Arm Architecture Reference Manual, A64 Advanced SIMD instructions"
_INTEL = "Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2"
_RISCV = "riscv/riscv-v-spec@2f68ef7 v-spec.adoc"


def machine_of(name: str) -> Target:
    """A registered target, or one of these."""
    mine = _machines()
    return mine[name] if name in mine else qs.targets.get(name)


@cache
def _machines() -> dict[str, Target]:
    found = [
        _conversion("x86-cvtps2dq", _INTEL, "half_even"),
        _conversion("arm-fcvtns-32", _ARM, "half_even"),
        _conversion("arm-fcvtas-32", _ARM, "half_away"),
        _conversion("arm-fcvtzs-32", _ARM, "toward_zero"),
        _scaled("x86-mulps-cvtps2dq", _INTEL),
        _scaled("arm-fmul-fcvtns", _ARM),
    ]
    for bits in (8, 16, 32):
        lane = IntegerRange.of_bits(bits, signed=False)
        steps = (qs.Accumulate(bits, "saturate", start="bias", signed=False),)
        for op, sign in (("vsaddu", ONE), ("vssubu", MINUS_ONE)):
            title = f"bias {'plus' if sign is ONE else 'minus'} a, unsigned, saturating"
            found.append(
                _machine(f"riscv-{op}-e{bits}", title, Datapath(reduce=steps), lane, sign, _RISCV)
            )
    return {one.name: one for one in found}


def _conversion(name: str, source: str, rounding: str) -> Target:
    """Of the float32 number a * 2**s, |a| <= 2**24."""
    machine = shifter(qs.Rounding.of(rounding), 32, qs.SATURATE)
    return _machine(name, f"float32 to s32, {rounding}", machine, _SHORT, ONE, source)


def _scaled(name: str, source: str) -> Target:
    """An integer to float32, times a float32 factor, to an integer."""
    machine = Datapath(reduce=(), output=(Requantize(FloatScale()),))
    return _machine(name, "s32 times a float32 factor, to s32", machine, S32, ONE, source)


def _machine(
    name: str, title: str, datapath: Datapath, a: IntegerRange, b: IntegerRange, source: str
) -> Target:
    return Target(
        name=name,
        family=name.split("-")[0],
        title=title,
        datapath=datapath,
        a=a,
        b=b,
        k=1,
        source=source,
        confidence="documented",
    )
