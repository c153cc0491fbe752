"""TOSA: convolutions followed by RESCALE, 8 and 16 bits."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.datapath import Accumulate, AddBias, AddZeroPoint, Clamp, Datapath, Requantize, Scheme
from pyqsim.modes import TRAP
from pyqsim.requantize import TosaScale16, TosaScale32
from pyqsim.targets.common import CODES_S8, S8, S16
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["TARGETS"]


def _layer(scheme: Scheme, bits: int, codes: Clamp) -> Datapath:
    """A sum that leaves `bits` is an error: the specification REQUIREs that none does."""
    return Datapath(
        reduce=(Accumulate(bits, TRAP),),
        output=(AddBias(bits, TRAP), Requantize(scheme), AddZeroPoint(), codes),
    )


_DOUBLE = Target(
    name="tosa-int8",
    family="tosa",
    title="CONV2D, MATMUL and RESCALE with DOUBLE_ROUND, int8",
    datapath=_layer(TosaScale32(double_round=True), 32, CODES_S8),
    a=S8,
    b=S8,
    zero_points="subtracted before the product; the output's is added after the scale",
    scale_rule="float64",
    source="arm/tosa-specification@cd5acdd scale_helpers.tosac apply_scale_32",
    confidence="read",
    notes="Multiplier and shift are operands of RESCALE; here those that LLVM's QuantUtils make of "
    "the real factor",
    pitfalls=(
        "apply_scale_32 is defined for -2**(shift-1) <= value < 2**(shift-1); beyond that this "
        "target gives the exact result cut to 32 bits",
        "DOUBLE_ROUND is TFLite's arithmetic where that holds; INEXACT_ROUND may be either form",
    ),
)

TARGETS = (
    _DOUBLE,
    replace(
        _DOUBLE,
        name="tosa-int8-single",
        group="",
        title="CONV2D, MATMUL and RESCALE with SINGLE_ROUND, int8",
        datapath=_layer(TosaScale32(double_round=False), 32, CODES_S8),
        pitfalls=(_DOUBLE.pitfalls[0],),
    ),
    replace(
        _DOUBLE,
        name="tosa-int16",
        group="",
        title="CONV2D and RESCALE, int16 activations, int8 weights: 48-bit sums, apply_scale_16",
        datapath=_layer(TosaScale16(), 48, Clamp(-(2**15), 2**15 - 1)),
        a=S16,
        bias=IntegerRange.of_bits(48),
        zero_points="none: 0 for 16 bits",
        source="arm/tosa-specification@cd5acdd scale_helpers.tosac apply_scale_16",
        pitfalls=("scale32 is not allowed for 48-bit inputs",),
    ),
)
