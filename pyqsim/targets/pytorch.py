"""PyTorch's quantized engines, and FBGEMM's kernels with 16-bit accumulators."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, CorrectZeroPoints, Datapath, Multiply
from pyqsim.modes import SATURATE
from pyqsim.requantize import FbgemmFixedPoint, FloatScale
from pyqsim.targets.common import CODES_U8, S8, U8, layer, quantized
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

_PITFALLS = (
    "quantize_per_tensor adds the zero point before rounding, fake_quantize after; both multiply "
    "by the reciprocal of the scale. Neither is this, nor ONNX QuantizeLinear",
)

_ONEDNN = FloatScale(zero_point="before")
_CHAIN = (
    "To the bit with requantize=onednn_chain(...), which multiplies by one scale after the other "
    "and takes the bias as a real number; one factor for all of them differs in rare ties"
)
_CHAIN_AVX2 = (
    "To the bit with requantize=onednn_chain(..., cpu='avx2'), which multiplies by the product of "
    "both operands' scales, then by the output's, and takes the bias as a real number; one factor "
    "for all of them differs in rare ties"
)

_DEPTHWISE = (
    "Depthwise kernels of odd size for channels by eights, padded by half of it, add pairs of taps "
    "in 16 bits that saturate, on CPUs with VNNI too: torch-fbgemm-avx2"
)

_FBGEMM = Target(
    name="torch-fbgemm",
    family="pytorch",
    title="quantized::linear and conv, engine fbgemm",
    datapath=layer(FloatScale(), CODES_U8),
    a=U8,
    b=S8,
    zero_points="products without zero points, corrections exact in int32; the output's is added "
    "after rounding",
    scale_rule="float32",
    source="pytorch 2.13.0; pytorch/FBGEMM@71d6f8b",
    confidence="read",
    pitfalls=(
        *_PITFALLS,
        "Without VNNI fbgemm needs 7-bit activations (reduce_range)",
        _DEPTHWISE,
    ),
)

TARGETS = (
    _FBGEMM,
    *(
        replace(
            _FBGEMM,
            name=f"torch-{engine}",
            group="",
            title=f"quantized::linear and conv, engine {engine}",
            source="pytorch 2.13.0",
            pitfalls=pitfalls,
        )
        for engine, pitfalls in (
            (
                "x86",
                (
                    *_PITFALLS,
                    "Convolutions are oneDNN's on a CPU with VNNI: see torch-onednn",
                    f"Depthwise ones of more than 100 channels are fbgemm's. {_DEPTHWISE}",
                ),
            ),
            ("qnnpack", _PITFALLS),
        )
    ),
    replace(
        _FBGEMM,
        name="torch-onednn",
        group="",
        title="quantized::linear and conv, engine onednn; convolutions of x86 with VNNI",
        datapath=layer(_ONEDNN, CODES_U8),
        zero_points="products without zero points, corrections exact in int32; the output's is "
        "added in float32 before rounding",
        source="pytorch 2.13.0, observed with data beside ties",
        notes=_CHAIN,
        pitfalls=(*_PITFALLS, "An odd output zero point moves ties"),
    ),
    *(
        replace(
            _FBGEMM,
            name=f"torch-{engine}-avx2",
            group="",
            title=f"engine {engine} on a CPU without VNNI: pairs saturate at 16 bits",
            datapath=Datapath(
                product=Multiply("fold"),
                reduce=(Accumulate(16, SATURATE, group=2), Accumulate(32)),
                output=(CorrectZeroPoints(32), *quantized(scheme, CODES_U8)),
            ),
            zero_points="raw codes are multiplied; corrections from the sums of a and b follow",
            notes=notes,
            source="pytorch 2.13.0 under qemu-x86_64 -cpu Haswell",
            confidence="documented",
            pitfalls=(*_PITFALLS, *pitfalls),
        )
        for engine, scheme, notes, pitfalls in (
            (
                "fbgemm",
                FloatScale(),
                "",
                ("Depthwise kernels saturate too, in pairs along kh, kw",),
            ),
            ("x86", FloatScale(), "", ("What fbgemm does; qnnpack stays exact",)),
            (
                "onednn",
                _ONEDNN,
                _CHAIN_AVX2,
                (
                    "Convolutions fill the channels of every tap to a multiple of 4 with zeros: "
                    "order=('kh', 'kw', ('c', 4), 'c'); with one channel a group nothing saturates",
                    "Dense layers with K beyond 256 may sum in blocks that are unidentified: some "
                    "differ; compared up to 256",
                    "Depthwise layers of several channels with a depth multiplier divide by the "
                    "output's scale: rare ties differ",
                ),
            ),
        )
    ),
    replace(
        _FBGEMM,
        name="fbgemm-acc16",
        group="",
        title="FBGEMM with 16-bit accumulators, spilled every 256 k",
        datapath=layer(
            FloatScale(),
            CODES_U8,
            (
                Accumulate(16, SATURATE, group=2),
                Accumulate(16, SATURATE, group=128),
                Accumulate(32),
            ),
        ),
        zero_points="raw products (zero points 0 here); corrections are exact and follow the sum",
        source="pytorch/FBGEMM@71d6f8b PackingTraits KCB, RefImplementations.cc "
        "matmul_u8i8acc16_ref",
        notes="KCB = 256 is the default block; other blocks spill elsewhere",
        pitfalls=("Outlier weights go through a separate exact 32-bit path (DoSpmdmOnInpBuffer)",),
    ),
    replace(
        _FBGEMM,
        name="fbgemm-fixed-point",
        group="",
        title="FBGEMM's integer reference: a 31-bit multiplier, half up, in 64 bits",
        datapath=layer(FbgemmFixedPoint(), CODES_U8),
        source="pytorch/FBGEMM@71d6f8b RefImplementations.cc requantize_u8acc32_ref, QuantUtils.cc",
        pitfalls=("Not what its vector kernels do: those scale in float32, ties to even",),
    ),
)
