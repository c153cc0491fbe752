"""Requantize schemes: how an accumulator is scaled to the next layer's integers.

A scheme says *how*; the numbers (multiplier, shift, scale) are made by its ``encode`` and come
with every call. Formulas: x is the accumulator, m the multiplier, s the shift (positive: left).
A scheme of your own derives from `SchemeBase`, or is a `Staged`.
"""

from pyqsim.datapath import Stage
from pyqsim.parameters import (
    DoubleFactor,
    FixedPointFactor,
    FloatChain,
    FloatFactor,
    Multiplier,
    PowerOfTwoFactor,
)
from pyqsim.requantize.base import SchemeBase, Staged
from pyqsim.requantize.cmsis_nn import CmsisRequantizeS64, MveSingleRounding
from pyqsim.requantize.encoding import (
    effective_scale,
    float32_product_scale,
    onnxruntime_scale,
    quantize_multiplier,
    reciprocal_scale,
)
from pyqsim.requantize.ethos_u import EthosU
from pyqsim.requantize.fbgemm import FbgemmFixedPoint
from pyqsim.requantize.finn import Thresholds, round_and_clip_thresholds, thresholds_of
from pyqsim.requantize.fixed_point import FixedPoint, ShiftOnly
from pyqsim.requantize.float_scale import DoubleScale, FloatScale
from pyqsim.requantize.gemmlowp import (
    DoubleRounding,
    ReducedMultiplier,
    SingleRounding,
    reduce_multiplier,
)
from pyqsim.requantize.names import (
    AP_FIXED_ROUNDINGS,
    APYTYPES_OVERFLOWS,
    APYTYPES_ROUNDINGS,
    RISCV_ROUNDINGS,
)
from pyqsim.requantize.nvdla import NvdlaOutput, NvdlaSdp, NvdlaTruncate, nvdla_operand
from pyqsim.requantize.onednn import onednn_chain
from pyqsim.requantize.registry import registered
from pyqsim.requantize.shifters import GEMMINI_ROUNDING_RIGHT_SHIFT, VTA_OUTPUT, VtaShift
from pyqsim.requantize.tosa import TosaScale16, TosaScale32
from pyqsim.requantize.xilinx import AP_FIXED_OVERFLOWS, DPU_SHIFT, ApFixed
from pyqsim.requantize.xnnpack import Rndnu

__all__ = [
    "APYTYPES_OVERFLOWS",
    "APYTYPES_ROUNDINGS",
    "AP_FIXED_OVERFLOWS",
    "AP_FIXED_ROUNDINGS",
    "DPU_SHIFT",
    "GEMMINI_ROUNDING_RIGHT_SHIFT",
    "RISCV_ROUNDINGS",
    "VTA_OUTPUT",
    "ApFixed",
    "CmsisRequantizeS64",
    "DoubleFactor",
    "DoubleRounding",
    "DoubleScale",
    "EthosU",
    "FbgemmFixedPoint",
    "FixedPoint",
    "FixedPointFactor",
    "FloatChain",
    "FloatFactor",
    "FloatScale",
    "Multiplier",
    "MveSingleRounding",
    "NvdlaOutput",
    "NvdlaSdp",
    "NvdlaTruncate",
    "PowerOfTwoFactor",
    "ReducedMultiplier",
    "Rndnu",
    "SchemeBase",
    "ShiftOnly",
    "SingleRounding",
    "Stage",
    "Staged",
    "Thresholds",
    "TosaScale16",
    "TosaScale32",
    "VtaShift",
    "effective_scale",
    "float32_product_scale",
    "nvdla_operand",
    "onednn_chain",
    "onnxruntime_scale",
    "quantize_multiplier",
    "reciprocal_scale",
    "reduce_multiplier",
    "registered",
    "round_and_clip_thresholds",
    "thresholds_of",
]
