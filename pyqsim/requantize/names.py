"""Other projects' names for the roundings and overflow rules here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pyqsim.modes import (
    AWAY_FROM_ZERO,
    CEIL,
    FLOOR,
    HALF_AWAY,
    HALF_DOWN,
    HALF_EVEN,
    HALF_ODD,
    HALF_TOWARD_ZERO,
    HALF_UP,
    JAM,
    SATURATE,
    TO_ODD,
    TOWARD_ZERO,
    TRUNCATE_MAGNITUDE,
    WRAP,
    WRAP_SATURATED_BITS,
    Overflow,
    Rounding,
)

__all__ = [
    "APYTYPES_OVERFLOWS",
    "APYTYPES_ROUNDINGS",
    "AP_FIXED_ROUNDINGS",
    "RISCV_ROUNDINGS",
]

#: HLS ap_fixed quantization modes (verified on the headers).
AP_FIXED_ROUNDINGS: Mapping[str, Rounding] = MappingProxyType(
    {
        "AP_TRN": FLOOR,
        "AP_TRN_ZERO": TOWARD_ZERO,
        "AP_RND": HALF_UP,
        "AP_RND_ZERO": HALF_TOWARD_ZERO,
        "AP_RND_MIN_INF": HALF_DOWN,
        "AP_RND_INF": HALF_AWAY,
        "AP_RND_CONV": HALF_EVEN,
    }
)

#: APyTypes' QuantizationMode (verified against APyTypes); its JAM sets the last bit always.
APYTYPES_ROUNDINGS: Mapping[str, Rounding] = MappingProxyType(
    {
        "TRN": FLOOR,
        "TO_NEG": FLOOR,
        "TRN_ZERO": TOWARD_ZERO,
        "TO_ZERO": TOWARD_ZERO,
        "TRN_INF": CEIL,
        "TO_POS": CEIL,
        "TRN_AWAY": AWAY_FROM_ZERO,
        "TO_AWAY": AWAY_FROM_ZERO,
        "RND": HALF_UP,
        "TIES_POS": HALF_UP,
        "RND_ZERO": HALF_TOWARD_ZERO,
        "TIES_ZERO": HALF_TOWARD_ZERO,
        "RND_INF": HALF_AWAY,
        "TIES_AWAY": HALF_AWAY,
        "RND_MIN_INF": HALF_DOWN,
        "TIES_NEG": HALF_DOWN,
        "RND_CONV": HALF_EVEN,
        "TIES_EVEN": HALF_EVEN,
        "RND_CONV_ODD": HALF_ODD,
        "TIES_ODD": HALF_ODD,
        "TRN_MAG": TRUNCATE_MAGNITUDE,
        "JAM": JAM,
        "JAM_UNBIASED": TO_ODD,
    }
)

#: APyTypes' OverflowMode (verified against APyTypes); NUMERIC_STD keeps the true sign.
APYTYPES_OVERFLOWS: Mapping[str, Overflow] = MappingProxyType(
    {"WRAP": WRAP, "SAT": SATURATE, "NUMERIC_STD": WRAP_SATURATED_BITS(1)}
)

#: RISC-V V's vxrm (verified).
RISCV_ROUNDINGS: Mapping[str, Rounding] = MappingProxyType(
    {"rnu": HALF_UP, "rne": HALF_EVEN, "rdn": FLOOR, "rod": TO_ODD}
)
