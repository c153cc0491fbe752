"""ONNX Runtime on CPU: MLAS with VNNI, and its AVX2 kernels whose pairs saturate."""

from __future__ import annotations

from pyqsim.datapath import Accumulate, CorrectZeroPoints, Datapath, Multiply
from pyqsim.modes import SATURATE
from pyqsim.requantize import FloatScale
from pyqsim.targets.common import CODES_U8, S8, U8, layer, quantized
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

_SCALE = "Real factor: the product of the scales and the quotient, each rounded to float32"
_LARGE = "int32 to float32 rounds too, ties to even, for sums beyond 2**24"

TARGETS = (
    Target(
        name="ort-vnni",
        family="onnxruntime",
        title="QLinearMatMul, QLinearConv where products are exact (VNNI, or u8u8 and s8s8)",
        datapath=layer(FloatScale(), CODES_U8),
        a=U8,
        b=S8,
        zero_points="(a - za) * (b - zb); the output's is added after rounding",
        scale_rule="float32",
        source="microsoft/onnxruntime 1.32.0 MLAS, CPU execution provider",
        confidence="read",
        notes=f"{_SCALE}. Without output steps: MatMulInteger, ConvInteger, which wrap at 32 bits",
        pitfalls=(
            "An odd output zero point does not move ties: it is added after rounding",
            _LARGE,
        ),
    ),
    Target(
        name="ort-avx2-u8s8",
        family="onnxruntime",
        title="the u8s8 kernels of AVX2 and AVX-512 without VNNI: pairs saturate at 16 bits",
        datapath=Datapath(
            product=Multiply("fold"),
            reduce=(Accumulate(16, SATURATE, group=2), Accumulate(32)),
            output=(CorrectZeroPoints(32), *quantized(FloatScale(), CODES_U8)),
        ),
        a=U8,
        b=S8,
        zero_points="raw codes are multiplied; corrections from the sums of a and b follow",
        scale_rule="float32",
        source="onnxruntime.ai quantization page; microsoft/onnxruntime issues 6004, 14642; "
        "oneDNN, Nuances of int8 computations",
        confidence="documented",
        notes="VPMADDUBSW, VPMADDWD with ones, VPADDD; wrong only where |u0*s0 + u1*s1| > 32767",
        pitfalls=(
            "Cannot be seen on a CPU with VNNI",
            "ConvInteger, and QLinearConv with as many groups as input and output channels, are "
            "exact here too; other convolutions pair in the order kh, kw, c",
            "Safe with 7-bit weights (reduce_range); u8u8 and s8s8 kernels widen and are exact",
        ),
    ),
)
