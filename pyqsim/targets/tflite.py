"""TFLite and LiteRT: one model, several results, by the kernels that run it; ruy, TFLite Micro."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddZeroPoint,
    Clamp,
    Datapath,
    Requantize,
    Scheme,
)
from pyqsim.requantize import DoubleRounding, DoubleScale, ReducedMultiplier, SingleRounding
from pyqsim.targets.common import CODES_S8, S8, S16, layer
from pyqsim.targets.target import Target

__all__ = ["TARGETS", "ZERO_POINTS"]

ZERO_POINTS = (
    "a: subtracted before the product (the API adds input_offset = -zero point); weights 0, but "
    "for per-tensor fully connected; the output's is added after the scheme"
)
_ORDER_FREE = "Sums are assumed not to overflow, so their order is irrelevant"
_THREE = "One model gives three results: reference, optimized and XNNPACK kernels differ"

_CONV = Target(
    name="tflite-reference-conv",
    family="tflite",
    title="reference kernels, int8 conv and depthwise: two roundings",
    datapath=layer(DoubleRounding(), CODES_S8),
    a=S8,
    b=S8,
    zero_points=ZERO_POINTS,
    scale_rule="float64",
    source="google-ai-edge/LiteRT@13eade6 reference/integer_ops/conv.h, common.h "
    "MultiplyByQuantizedMultiplier; google/gemmlowp@16e8662 fixedpoint/fixedpoint.h",
    confidence="read",
    notes=_ORDER_FREE,
    pitfalls=(
        _THREE,
        "The first rounding sends ties up, the second away from zero",
        "A left shift that overflows 32 bits is undefined in C; it wraps in practice",
    ),
)


def _wide(bits: int, scheme: Scheme) -> Datapath:
    """Sums and bias of so many bits, 16-bit codes."""
    steps = (AddBias(bits), Requantize(scheme), AddZeroPoint(), Clamp(-32768, 32767))
    return Datapath(reduce=(Accumulate(bits),), output=steps)


_16X8 = replace(
    _CONV,
    name="tflite-16x8",
    group="",
    title="int16 activations, int8 weights, int64 bias: a 16-bit multiplier",
    datapath=_wide(64, ReducedMultiplier()),
    a=S16,
    zero_points="none: 0 by convention",
    source="tensorflow/tflite-micro@90b983c, MultiplyByQuantizedMultiplier for int64",
    notes="TFLite Micro; LiteRT's conv and depthwise, reference and optimized alike",
    pitfalls=("Sums of 2**47 and more are outside the arithmetic's domain",),
)

TARGETS = (
    _CONV,
    replace(
        _CONV,
        name="tflite-optimized-x86",
        group="",
        title="optimized kernels on x86 without delegate: ties up twice",
        datapath=layer(DoubleRounding(final="half_up"), CODES_S8),
        source="LiteRT 2.3.0 on AVX-512, observed; google/ruy@2af8886",
        notes="Also what plain NEON code without the fix-up does",
        pitfalls=(
            _THREE,
            "ruy's portable code rounds once; the optimized x86 kernels do not",
            "Depthwise: channels past the last multiple of 8 round as the reference does, because "
            "they leave the vector loop",
        ),
    ),
    replace(
        _CONV,
        name="tflite-optimized-x86-fc",
        group="",
        title="optimized fully connected on x86, one scale: scales multiplied in float32 first",
        datapath=layer(DoubleRounding(final="half_up"), CODES_S8),
        scale_rule="float32 product",
        source="LiteRT 2.3.0 kernel_util.cc GetQuantizedConvolutionMultiplier, observed",
        notes="tflite-optimized-x86 with another multiplier, where it differs in its last bits; "
        "also for uint8 and weight zero points. With one scale a channel: tflite-optimized-x86",
        pitfalls=(_THREE, "TFLite Micro's fully connected multiplies the scales in float64"),
    ),
    replace(
        _CONV,
        name="tflite-reference-fc",
        group="",
        title="reference fully connected, int8: a float64 factor",
        datapath=layer(DoubleScale(), CODES_S8),
        source="google-ai-edge/LiteRT@13eade6 reference/integer_ops/fully_connected.h, overload "
        "that takes scales",
        notes=f"{_ORDER_FREE}; no multiplier is made, ties go away from zero. One scale a channel, "
        "uint8 and weight zero points alike",
        pitfalls=(
            _THREE,
            "TFLite Micro's fully connected rounds twice",
            "A scaled sum beyond int32 is undefined in C",
        ),
    ),
    _16X8,
    replace(
        _16X8,
        name="tflite-16x8-fc",
        group="",
        title="LiteRT, int16 activations and int8 weights, fully connected: a float64 factor",
        datapath=_wide(64, DoubleScale()),
        source="LiteRT 2.3.0, observed",
        notes="Reference kernels with any bias; optimized ones with an int64 bias",
        pitfalls=(
            "TFLite Micro's fully connected has the 16-bit multiplier of tflite-16x8",
            "A scaled sum beyond int32 is undefined in C",
        ),
    ),
    replace(
        _16X8,
        name="tflite-16x8-bias32",
        group="",
        title="int16 activations, int8 weights, int32 bias: two roundings of a 32-bit sum",
        datapath=_wide(32, DoubleRounding()),
        source="LiteRT 2.3.0 conv.cc, TFLite Micro conv.cc and fully_connected.cc, observed",
        notes="LiteRT's reference conv; TFLite Micro's conv and fully connected",
        pitfalls=("The type of the bias decides the arithmetic: with int64 it is tflite-16x8",),
    ),
    replace(
        _16X8,
        name="tflite-16x8-bias32-optimized-x86",
        group="",
        title="optimized kernels on x86, int16 by int8, int32 bias: ties up twice",
        datapath=_wide(32, DoubleRounding(final="half_up")),
        source="LiteRT 2.3.0, observed",
        notes="Conv, and fully connected, which with one scale multiplies scales in float32 first",
        pitfalls=("With an int64 bias the optimized conv is tflite-16x8, and does not tie up",),
    ),
    replace(
        _CONV,
        name="tflite-single-rounding",
        group="",
        title="TFLITE_SINGLE_ROUNDING builds and ruy's portable kernels: one rounding",
        datapath=layer(SingleRounding(), CODES_S8),
        source="LiteRT@13eade6 common.h with TFLITE_SINGLE_ROUNDING; "
        "google/ruy@2af8886 apply_multiplier.cc",
        pitfalls=(
            "Differs from the default build in about 25 % of results at shift -1, 1 % at -6",
        ),
    ),
    replace(
        _CONV,
        name="tflite-micro",
        group="",
        title="TFLite Micro, int8 conv, depthwise and fully connected",
        source="tensorflow/tflite-micro@90b983c kernels/internal/reference/integer_ops",
        pitfalls=(
            "Fully connected also rounds twice here; LiteRT's reference kernel scales in float64",
            "The legacy per-tensor helper rounds the product of the scales to float32 first "
            "(kernel_util.cc, GetQuantizedConvolutionMultiplier)",
        ),
    ),
)
