"""CMSIS-NN, both builds."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.requantize import DoubleRounding, SingleRounding
from pyqsim.targets.common import CODES_S8, S8, layer
from pyqsim.targets.target import Target
from pyqsim.targets.tflite import ZERO_POINTS

__all__ = ["TARGETS"]

_DOUBLE = Target(
    name="cmsis-nn",
    family="cmsis_nn",
    title="default build, int8: equals TFLite's reference kernels",
    datapath=layer(DoubleRounding(), CODES_S8),
    a=S8,
    b=S8,
    zero_points=ZERO_POINTS,
    scale_rule="float64",
    source="ARM-software/CMSIS-NN@99f736a arm_nn_requantize, arm_fully_connected_s8, "
    "arm_convolve_s8, arm_depthwise_conv_s8",
    confidence="read",
    pitfalls=(
        "arm_nn_doubling_high_mult_no_sat lacks the saturation of MIN x MIN; multipliers are >= 0",
    ),
)

TARGETS = (
    _DOUBLE,
    replace(
        _DOUBLE,
        name="cmsis-nn-single",
        group="",
        title="CMSIS_NN_USE_SINGLE_ROUNDING, scalar code",
        datapath=layer(SingleRounding(), CODES_S8),
        source="ARM-software/CMSIS-NN@99f736a arm_nn_requantize with CMSIS_NN_USE_SINGLE_ROUNDING",
        pitfalls=("The MVE forms of this build round differently",),
    ),
)
