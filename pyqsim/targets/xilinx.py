"""Xilinx: DSP48E2 slices, the DPU, FINN's matrix-vector unit."""

from __future__ import annotations

from pyqsim.datapath import Accumulate, AddBias, Datapath, Requantize
from pyqsim.modes import WRAP
from pyqsim.requantize import DPU_SHIFT, round_and_clip_thresholds
from pyqsim.targets.common import S8
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS"]

#: Of an unsigned 4-bit activation whose step is 8 accumulators, rounded to the nearest: the ties
#: at 4, 12, 20, ... count, for FINN compares with >=.
_EXAMPLE = round_and_clip_thresholds([8 * k - 4 for k in range(1, 16)], -(2**15), 2**15 - 1)

TARGETS = (
    Target(
        name="dsp48e2",
        family="xilinx",
        title="Xilinx DSP48E2: 27 x 18 multiplier, 48-bit accumulator, wraps",
        datapath=Datapath(reduce=(Accumulate(48, WRAP),)),
        a=IntegerRange.of_bits(27),
        b=IntegerRange.of_bits(18),
        source="Xilinx UG579; our own model after it, not the vendor's: "
        "tests/examples/rtl/dsp48e2.v",
        confidence="documented",
        pitfalls=("Overflow is silent unless pattern detect is used",),
    ),
    Target(
        name="dsp48e2-int8-packed",
        family="xilinx",
        title="two int8 products a DSP48E2: 18-bit partial sums of 7, corrected",
        datapath=Datapath(reduce=(Accumulate(18, WRAP, group=7), Accumulate())),
        a=S8,
        b=S8,
        source="Xilinx WP486, WP487; our own model after them (not the vendor's), equal for every "
        "(a, b, c): tests/examples/rtl/dsp48e2.v",
        confidence="documented",
        notes="P += ((a << 18) + b) * c; both results as here, the upper one after adding P[17]",
        pitfalls=(
            "8 products of -128 * -128 do not fit: at most 7, or 8 without -128 on one side",
            "Uncorrected, the upper result is 1 too low wherever the lower one is negative",
        ),
    ),
    Target(
        name="dpu",
        family="xilinx",
        title="DPU, int8: a shift whose ties go to even for x > 0 and up for x < 0, saturated",
        datapath=Datapath(reduce=(Accumulate(32),), output=(AddBias(32), Requantize(DPU_SHIFT))),
        a=S8,
        b=S8,
        shifts=IntegerRange(-31, 0),
        source="Xilinx/brevitas@b106358 function/ops.py (dpu_round)",
        confidence="read",
        notes="Compared with Brevitas' emulation, not with a DPU. Scales are powers of two; the "
        "accumulator's width is not public, 32 bits assumed",
    ),
    Target(
        name="finn-mvau-u4",
        family="xilinx",
        title="FINN matrix-vector unit: exact sums counted against thresholds, 4 bits out",
        datapath=Datapath(reduce=(Accumulate(),), output=(_EXAMPLE,)),
        a=IntegerRange.of_bits(4, signed=False),
        b=IntegerRange.of_bits(4),
        source="Xilinx/finn@39f0c9a matrixvectoractivation.py, streamline/round_thresholds.py",
        confidence="read",
        notes="An example to copy: thresholds are part of a FINN network, not of the unit. The "
        "accumulator is as wide as the weights need (minimize_accumulator_width): no overflow. "
        "Verified against QONNX, FINN's execution in software, not against its HLS and RTL",
        pitfalls=("Real thresholds are rounded up, then clipped to the accumulator's range",),
    ),
)
