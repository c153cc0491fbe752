"""Every scheme of the library by a name, for tables, tests and the search for a machine's rule."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pyqsim.modes import ROUNDINGS
from pyqsim.requantize.base import SchemeBase
from pyqsim.requantize.cmsis_nn import CmsisRequantizeS64, MveSingleRounding
from pyqsim.requantize.ethos_u import EthosU
from pyqsim.requantize.fbgemm import FbgemmFixedPoint
from pyqsim.requantize.fixed_point import FixedPoint, ShiftOnly
from pyqsim.requantize.float_scale import DoubleScale, FloatScale
from pyqsim.requantize.gemmlowp import DoubleRounding, ReducedMultiplier, SingleRounding
from pyqsim.requantize.nvdla import NvdlaOutput, NvdlaSdp, NvdlaTruncate
from pyqsim.requantize.shifters import GEMMINI_ROUNDING_RIGHT_SHIFT, VtaShift
from pyqsim.requantize.tosa import TosaScale16, TosaScale32
from pyqsim.requantize.xilinx import DPU_SHIFT, ApFixed
from pyqsim.requantize.xnnpack import Rndnu

__all__ = ["registered"]


def _schemes() -> dict[str, SchemeBase]:
    schemes: dict[str, SchemeBase] = {
        "tflite-double": DoubleRounding(),
        "tflite-single": SingleRounding(),
        "tflite-optimized-x86": DoubleRounding("half_up"),
        "tflite-16x8": ReducedMultiplier(),
        "litert-reference-fc": DoubleScale(),
        "cmsis-nn-s64": CmsisRequantizeS64(),
        "cmsis-nn-mve-single": MveSingleRounding(),
        "cmsis-nn-mve-single-predicated": MveSingleRounding("half_up"),
        "float32": FloatScale(),
        "xnnpack-fp32": FloatScale("before"),
        "onednn": FloatScale(zero_point="before"),
        "xnnpack-rndnu": Rndnu(),
        "fbgemm-fixed-point": FbgemmFixedPoint(),
        "tosa-scale32-double": TosaScale32(double_round=True),
        "tosa-scale32-single": TosaScale32(double_round=False),
        "tosa-scale16": TosaScale16(),
        "ethos-u-tfl": EthosU("tfl"),
        "ethos-u-truncate": EthosU("truncate"),
        "ethos-u-natural": EthosU("natural"),
        "gemmini-shift": GEMMINI_ROUNDING_RIGHT_SHIFT,
        "vta-hls": VtaShift("hls"),
        "vta-simulator": VtaShift("simulator"),
        "vta-chisel": VtaShift("chisel"),
        "nvdla-truncate": NvdlaTruncate(),
        "nvdla-sdp": NvdlaSdp(),
        "nvdla-output-int8": NvdlaOutput(8),
        "nvdla-output-int16": NvdlaOutput(16),
        "dpu": DPU_SHIFT,
        "ap-fixed-8": ApFixed(8),
        "fixed-point-16": FixedPoint(16),
    }
    schemes |= {
        f"shift-{(rule.name or '').lower().replace('_', '-')}": ShiftOnly(rule)
        for rule in ROUNDINGS
    }
    return schemes


_SCHEMES: Mapping[str, SchemeBase] = MappingProxyType(_schemes())


def registered() -> Mapping[str, SchemeBase]:
    """Names and schemes, read-only.

    Some are equal in arithmetic on part of their domain (``tosa-scale32-double`` and
    ``tflite-double``), and ``float32`` is what ONNX Runtime, FBGEMM, PyTorch and Gemmini share.

    Examples
    --------
    >>> registered()["tflite-double"]
    DoubleRounding(final='half_away')
    """
    return _SCHEMES
