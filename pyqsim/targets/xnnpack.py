"""XNNPACK: fp32, LiteRT's default, and rndnu, of signed and unsigned codes."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, Clamp, Datapath, Scheme
from pyqsim.requantize import FloatScale, Rndnu
from pyqsim.targets.common import CODES_S8, CODES_U8, S8, U8, layer
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

_UNSIGNED_ZERO_POINTS = (
    "a: folded into the bias when weights are packed; weights: one, subtracted in the kernel; the "
    "output's is added after rounding"
)


def _layer(scheme: Scheme, codes: Clamp) -> Datapath:
    return layer(scheme, codes, (Accumulate(32, start="bias"),))


_FP32 = Target(
    name="xnnpack-fp32",
    family="xnnpack",
    title="qs8 fully connected, conv, depthwise: float32 scale, clamped before rounding",
    datapath=_layer(FloatScale(clamp="before"), CODES_S8),
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
)
_RNDNU = replace(
    _FP32,
    name="xnnpack-rndnu",
    group="",
    title="qs8 kernels for NEON: the float32 scale's 24-bit mantissa, half up",
    datapath=_layer(Rndnu(), CODES_S8),
    source="google/XNNPACK@75db3c0 src/xnnpack/requantization.h (rndnu), qs8-gemm rndnu kernels",
    pitfalls=("Scales from 2**-32 to 256 only",),
)

TARGETS = (
    _FP32,
    replace(
        _FP32,
        name="xnnpack-qu8-fp32",
        group="",
        title="qu8 kernels on x86 and WebAssembly: float32 scale, clamped before rounding",
        datapath=_layer(FloatScale(clamp="before"), CODES_U8),
        a=U8,
        b=U8,
        zero_points=_UNSIGNED_ZERO_POINTS,
        pitfalls=(),
    ),
    _RNDNU,
    replace(
        _RNDNU,
        name="xnnpack-qu8-rndnu",
        group="",
        title="qu8 kernels for NEON, their default there: 24-bit mantissa, half up",
        datapath=_layer(Rndnu(), CODES_U8),
        a=U8,
        b=U8,
        zero_points=_UNSIGNED_ZERO_POINTS,
        source="google/XNNPACK@75db3c0 src/configs/gemm-config.c (qu8), requantization.h (rndnu)",
    ),
)
