"""RISC-V V instructions, one element each: ``riscv-NAME-VXRM-eBITS`` has results of BITS bits."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, Datapath, Narrow
from pyqsim.modes import FLOOR, HALF_EVEN, HALF_UP, SATURATE, TO_ODD, WRAP, Rounding
from pyqsim.targets.common import MINUS_ONE, ONE, multiply_high, shifter
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS", "VXRM"]

#: The fixed-point rounding mode register.
VXRM: dict[str, Rounding] = {"rnu": HALF_UP, "rne": HALF_EVEN, "rdn": FLOOR, "rod": TO_ODD}

_SOURCE = "riscv/riscv-v-spec@2f68ef7 v-spec.adoc, vxrm and the fixed-point instructions"
_SHIFT = "The shift comes with the call, PowerOfTwoFactor(-s)"


def _target(
    name: str,
    title: str,
    datapath: Datapath,
    a: IntegerRange,
    b: IntegerRange,
    bits: int,
    k: int | None = 1,
) -> Target:
    return Target(
        name=f"riscv-{name}-e{bits}",
        group=f"riscv-{name}-*",
        family="riscv",
        title=title,
        datapath=datapath,
        a=a,
        b=b,
        k=k,
        source=_SOURCE,
        confidence="documented",
    )


def _average(rounding: Rounding, bits: int, *, signed: bool = True) -> Datapath:
    half = Narrow(shift=1, rounding=rounding, bits=bits, signed=signed)
    return Datapath(reduce=(Accumulate(start="bias"), half))


def _rounded(bits: int, mode: str) -> tuple[Target, ...]:
    """The instructions that round, for one element width and rounding mode."""
    rounding = VXRM[mode]
    lane, wide = IntegerRange.of_bits(bits), IntegerRange.of_bits(2 * bits)
    unsigned = IntegerRange.of_bits(bits, signed=False)
    unsigned_wide = IntegerRange.of_bits(min(2 * bits, 63), signed=False)  # int64 holds no more
    average = _average(rounding, bits)
    unsigned_average = _average(rounding, bits, signed=False)
    by, by_wide = f"{_SHIFT}, s in 0..{bits - 1}", f"{_SHIFT}, s in 0..{2 * bits - 1}"
    return (
        replace(
            _target(
                f"vsmul-{mode}",
                f"product, rounded shift by {bits - 1}, saturates",
                multiply_high(bits - 1, rounding, bits, SATURATE),
                lane,
                lane,
                bits,
            ),
            pitfalls=("Only MIN x MIN saturates (vxsat = 1)",),
        ),
        replace(
            _target(f"vaadd-{mode}", "(bias + a) / 2, rounded", average, lane, ONE, bits),
            bias=lane,
        ),
        replace(
            _target(f"vasub-{mode}", "(bias - a) / 2, rounded", average, lane, MINUS_ONE, bits),
            bias=lane,
            pitfalls=("May wrap under rnu and rne",),
        ),
        *(
            replace(
                _target(f"{name}-{mode}", title, unsigned_average, unsigned, sign, bits),
                bias=unsigned,
            )
            for name, title, sign in (
                ("vaaddu", "(bias + a) / 2, rounded, unsigned", ONE),
                ("vasubu", "(bias - a) / 2, rounded, low bits", MINUS_ONE),
            )
        ),
        replace(
            _target(
                f"vssra-{mode}",
                "rounding right shift",
                shifter(rounding, bits, WRAP),
                lane,
                ONE,
                bits,
            ),
            shifts=IntegerRange(1 - bits, 0),
            notes=by,
        ),
        replace(
            _target(
                f"vssrl-{mode}",
                "rounding right shift, unsigned",
                shifter(rounding, bits, WRAP, signed=False),
                unsigned,
                ONE,
                bits,
            ),
            shifts=IntegerRange(1 - bits, 0),
            notes=by,
        ),
        replace(
            _target(
                f"vnclip-{mode}",
                f"s{2 * bits} rounded to {bits} bits, saturates",
                shifter(rounding, bits, SATURATE),
                wide,
                ONE,
                bits,
            ),
            shifts=IntegerRange(1 - 2 * bits, 0),
            notes=by_wide,
            pitfalls=("Rounds before it saturates, without intermediate overflow",),
        ),
        replace(
            _target(
                f"vnclipu-{mode}",
                f"u{2 * bits} rounded to {bits} bits, saturates",
                shifter(rounding, bits, SATURATE, signed=False),
                unsigned_wide,
                ONE,
                bits,
            ),
            shifts=IntegerRange(1 - 2 * bits, 0),
            notes=by_wide,
        ),
    )


def _saturating(bits: int, *, signed: bool) -> Datapath:
    return Datapath(reduce=(Accumulate(bits, SATURATE, start="bias", signed=signed),))


def _plain(bits: int) -> tuple[Target, ...]:
    """The instructions that do not round."""
    lane = IntegerRange.of_bits(bits)
    unsigned = IntegerRange.of_bits(bits, signed=False)
    found = tuple(
        replace(_target(name, title, _saturating(bits, signed=of is lane), of, sign, bits), bias=of)
        for name, title, of, sign in (
            ("vsadd", "bias plus a, saturating", lane, ONE),
            ("vssub", "bias minus a, saturating", lane, MINUS_ONE),
            ("vsaddu", "bias plus a, unsigned, saturating", unsigned, ONE),
            ("vssubu", "bias minus a, unsigned, saturating", unsigned, MINUS_ONE),
        )
    )
    wrapping = Datapath(reduce=(Accumulate(2 * bits, WRAP, start="bias"),))
    widening = _target("vwmacc", "bias + product, wraps", wrapping, lane, lane, 2 * bits, None)
    return (
        *found,
        replace(
            widening,
            bias=IntegerRange.of_bits(2 * bits),
            pitfalls=("No saturating dot product exists",),
        ),
    )


TARGETS = tuple(
    target
    for bits in (8, 16, 32)
    for target in (*_plain(bits), *(t for mode in VXRM for t in _rounded(bits, mode)))
)
