"""PyTorch's quantized engines, and FBGEMM's kernels with 16-bit accumulators."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate
from pyqsim.modes import SATURATE
from pyqsim.requantize import FloatScale
from pyqsim.targets.common import CODES_U8, S8, U8, layer
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

_PITFALLS = (
    "quantize_per_tensor adds the zero point before rounding, fake_quantize after; both multiply "
    "by the reciprocal of the scale. Neither is this, nor ONNX QuantizeLinear",
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
    pitfalls=(*_PITFALLS, "Without VNNI fbgemm needs 7-bit activations (reduce_range)"),
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
            pitfalls=_PITFALLS,
        )
        for engine in ("x86", "onednn", "qnnpack")
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
)
