"""NVDLA: the convolution accumulator, the SDP's X stage, the output converter."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, Datapath, Requantize, Scheme
from pyqsim.modes import SATURATE
from pyqsim.requantize import NvdlaOutput, NvdlaSdp, NvdlaTruncate
from pyqsim.targets.common import ONE, S8, S16, S32
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS"]

_HARDWARE = "nvdla/hw nvdlav1@8e06b1b"


def _accumulator(bits: int) -> Datapath:
    """Exact sums of 64 products, saturating additions of them, then the truncation."""
    return Datapath(
        reduce=(Accumulate(group=64), Accumulate(bits, SATURATE)),
        output=(Requantize(NvdlaTruncate()),),
    )


def _converter(name: str, title: str, scheme: Scheme, notes: str) -> Target:
    """A stage that scales 32-bit numbers."""
    return Target(
        name=name,
        family="nvdla",
        title=title,
        datapath=Datapath(reduce=(), output=(Requantize(scheme),)),
        a=S32,
        b=ONE,
        k=1,
        source=f"{_HARDWARE} SDP and its C model, rounding AC_RND_INF, AC_SAT",
        confidence="read",
        notes=f"{notes}. Multipliers are registers of 16 bits; which ones a compiler writes is its "
        "own, here those of 15 bits that are nearest",
    )


_INT8 = Target(
    name="nvdla-cacc-int8",
    family="nvdla",
    title="convolution accumulator, int8: 34-bit saturating sum, rounded to 32",
    datapath=_accumulator(34),
    a=S8,
    b=S8,
    source=f"{_HARDWARE} CMAC, CACC; nvdla/doc@31f5740 precision.rst",
    confidence="read",
    shifts=IntegerRange(-31, 0),
    notes="truncate comes with the call, PowerOfTwoFactor(-truncate), 0..31. K tiles of 64 "
    "channels: conv2d's order (('c', 64), 'kh', 'kw', 'c')",
    pitfalls=(
        "Rounds half away from zero, but keeps 16 fraction bits only: beyond truncate = 16 a "
        "negative value a little above a tie comes out 1 too low",
    ),
)

TARGETS = (
    _INT8,
    replace(
        _INT8,
        name="nvdla-cacc-int16",
        group="",
        title="convolution accumulator, int16: 48-bit saturating sum, rounded to 32",
        datapath=_accumulator(48),
        a=S16,
        b=S16,
        notes="As nvdla-cacc-int8; 38-bit partial sums of 64 products",
    ),
    _converter(
        "nvdla-sdp-x",
        "SDP X stage: (x + operand) * 16-bit multiplier, rounded, saturated to 32 bits",
        NvdlaSdp(),
        "The operand (a bias) is the offset of FixedPointFactor: see requantize.nvdla_operand",
    ),
    _converter(
        "nvdla-output-int8",
        "output converter to int8: 17 bits saturated, then 8",
        NvdlaOutput(8),
        "The offset register is subtracted: FixedPointFactor takes minus it",
    ),
    _converter(
        "nvdla-output-int16",
        "output converter to int16: 17 bits saturated, then 16",
        NvdlaOutput(16),
        "The offset register is subtracted: FixedPointFactor takes minus it",
    ),
)
