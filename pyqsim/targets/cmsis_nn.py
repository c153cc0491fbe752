"""CMSIS-NN: both builds, the MVE forms of the single-rounding one, and 16x8."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, AddBias, AddZeroPoint, Clamp, Datapath, Requantize, Scheme
from pyqsim.requantize import (
    CmsisRequantizeS64,
    DoubleRounding,
    MveSingleRounding,
    SingleRounding,
)
from pyqsim.targets.common import CODES_S8, S8, S16, layer
from pyqsim.targets.target import IntegerRange, Target
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


def _single(name: str, title: str, scheme: Scheme, where: str, pitfall: str) -> Target:
    """What the build with CMSIS_NN_USE_SINGLE_ROUNDING has instead."""
    return replace(
        _DOUBLE,
        name=name,
        group="",
        title=title,
        datapath=layer(scheme, CODES_S8),
        source=f"ARM-software/CMSIS-NN@99f736a {where}",
        pitfalls=(pitfall,),
    )


TARGETS = (
    _DOUBLE,
    _single(
        "cmsis-nn-single",
        "CMSIS_NN_USE_SINGLE_ROUNDING, scalar code",
        SingleRounding(),
        "arm_nn_requantize with CMSIS_NN_USE_SINGLE_ROUNDING",
        "The MVE forms of this build round differently",
    ),
    _single(
        "cmsis-nn-single-mve",
        "CMSIS_NN_USE_SINGLE_ROUNDING on MVE: VQDMULH, VRSHL",
        MveSingleRounding(),
        "Include/arm_nnsupportfunctions.h arm_requantize_mve",
        "Differs from the scalar code where the left shift overflows 32 bits",
    ),
    _single(
        "cmsis-nn-single-mve-tail",
        "the same build, lanes of the predicated helper: VQRDMULH rounds too",
        MveSingleRounding("half_up"),
        "Include/arm_nnsupportfunctions.h arm_requantize_mve_pred",
        "The last columns of a row may round otherwise than the others",
    ),
    replace(
        _DOUBLE,
        name="cmsis-nn-16x8",
        group="",
        title="int16 activations and int8 weights: arm_nn_requantize_s64",
        datapath=Datapath(
            reduce=(Accumulate(64),),
            output=(
                AddBias(64),
                Requantize(CmsisRequantizeS64()),
                AddZeroPoint(),
                Clamp(-(2**15), 2**15 - 1),
            ),
        ),
        a=S16,
        bias=IntegerRange.of_bits(48),
        zero_points="none: 0 by convention",
        source="ARM-software/CMSIS-NN@99f736a arm_convolve_s16, arm_nn_requantize_s64",
        pitfalls=(
            "Drops to 32 bits one bit too early: from 2**30 on the result has the wrong sign",
        ),
    ),
)
