"""Arm Ethos-U: three rounding modes of its output unit."""

from __future__ import annotations

from typing import Literal

from pyqsim.requantize import EthosU
from pyqsim.targets.common import CODES_S8, S8, layer
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

_TITLES: dict[Literal["tfl", "truncate", "natural"], str] = {
    "tfl": "rounding mode TFL: half up by 31 bits, then half away from zero",
    "truncate": "rounding mode TRUNCATE: toward zero",
    "natural": "rounding mode NATURAL: half up",
}

TARGETS = tuple(
    Target(
        name=f"ethos-u-{mode}",
        family="ethos_u",
        title=f"int8, {title}",
        datapath=layer(EthosU(mode), CODES_S8),
        a=S8,
        b=S8,
        zero_points="subtracted before the product; the output's is added after the scale",
        scale_rule="float64",
        source="ethos-u-vela 5.2.0 weight_compressor.py, scaling.py, fp_math.py",
        confidence="read",
        notes="32-bit sums (INT_32BIT); what the hardware does where one overflows is not public, "
        "here it wraps",
        pitfalls=(
            "A mantissa that rounds up to 2**31 stays so, where TFLite halves it: with TFL the two "
            "roundings then fall elsewhere",
        ),
    )
    for mode, title in _TITLES.items()
)
