"""XNNPACK's qs8 kernels, LiteRT's default."""

from __future__ import annotations

from pyqsim.datapath import Accumulate
from pyqsim.requantize import FloatScale
from pyqsim.targets.common import CODES_S8, S8, layer
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

TARGETS = (
    Target(
        name="xnnpack-fp32",
        family="xnnpack",
        title="qs8 fully connected, conv, depthwise: float32 scale, clamped before rounding",
        datapath=layer(FloatScale(clamp="before"), CODES_S8, (Accumulate(32, start="bias"),)),
        a=S8,
        b=S8,
        zero_points="a: folded into the bias when weights are packed; weights 0; the output's is "
        "added after rounding, and the clamp is moved by it",
        scale_rule="float32",
        source="google/XNNPACK@75db3c0 src/xnnpack/requantization.h (fp32)",
        confidence="read",
        notes="The bias is preloaded; a 32-bit sum that wraps does not care",
        pitfalls=(
            "LiteRT's default: other results than its reference and optimized kernels",
            "x86 matrix kernels clamp from below after conversion to int32: a scaled sum of "
            "-2**31 or less gives the largest code where the output's zero point is negative",
        ),
    ),
)
