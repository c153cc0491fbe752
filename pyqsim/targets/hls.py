"""HLS: casts of ap_fixed<16, ...> in every mode, APyTypes' other modes, a multiply-accumulate."""

from __future__ import annotations

from pyqsim.datapath import Accumulate, Datapath, Narrow
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
    SATURATE_SYMMETRIC,
    SATURATE_ZERO,
    SIGN_MAGNITUDE_WRAP,
    TO_ODD,
    TOWARD_ZERO,
    TRUNCATE_MAGNITUDE,
    WRAP,
    WRAP_SATURATED_BITS,
    Overflow,
    Rounding,
)
from pyqsim.targets.common import ONE, S16, S32, shifter
from pyqsim.targets.target import Confidence, IntegerRange, Target

__all__ = ["TARGETS"]

_HEADERS = "Xilinx/HLS_arbitrary_Precision_Types@200a9ae ap_fixed_base.h; UG1399"
_APYTYPES = "apytypes/apytypes 0.5.1 QuantizationMode"

_ROUNDINGS = {
    "trn": FLOOR,
    "trn-zero": TOWARD_ZERO,
    "rnd": HALF_UP,
    "rnd-zero": HALF_TOWARD_ZERO,
    "rnd-min-inf": HALF_DOWN,
    "rnd-inf": HALF_AWAY,
    "rnd-conv": HALF_EVEN,
}
_OVERFLOWS = {
    "sat": SATURATE,
    "sat-zero": SATURATE_ZERO,
    "sat-sym": SATURATE_SYMMETRIC,
    "wrap-1": WRAP_SATURATED_BITS(1),
    "wrap-3": WRAP_SATURATED_BITS(3),
    "wrap-sm": SIGN_MAGNITUDE_WRAP(0),
    "wrap-sm-1": SIGN_MAGNITUDE_WRAP(1),
    "wrap-sm-3": SIGN_MAGNITUDE_WRAP(3),
}
_PITFALLS = {
    "sat-sym": ("Also changes -2**15, which is in range, to -(2**15 - 1)",),
    "wrap-1": ("APyTypes calls it NUMERIC_STD",),
    "wrap-sm": ("The new sign is that of the value before it was rounded (this header)",),
    "rnd": ("QONNX calls half away from zero HALF_UP; this is half up",),
}
_OTHERS = {
    "trn-inf": CEIL,
    "trn-away": AWAY_FROM_ZERO,
    "rnd-conv-odd": HALF_ODD,
    "trn-mag": TRUNCATE_MAGNITUDE,
    "jam": JAM,
    "jam-unbiased": TO_ODD,
}


def _cast(
    name: str,
    title: str,
    rounding: Rounding,
    overflow: Overflow,
    source: str,
    confidence: Confidence,
    pitfalls: tuple[str, ...] = (),
) -> Target:
    return Target(
        name=name,
        family="hls",
        title=f"cast to 16 bits, {title}",
        datapath=shifter(rounding, 16, overflow),
        a=S32,
        b=ONE,
        k=1,
        # APyTypes' JAM sets the last bit even where no bit is lost; a shift rounds nothing there
        shifts=IntegerRange(-31, -1 if rounding == JAM else 15),
        source=source,
        confidence=confidence,
        notes="The fraction bits lost come with the call, PowerOfTwoFactor(-lost)",
        pitfalls=pitfalls,
    )


TARGETS = (
    *(
        _cast(
            f"hls-ap-{mode}",
            f"AP_{mode.upper().replace('-', '_')}, AP_WRAP",
            rounding,
            WRAP,
            _HEADERS,
            "read",
            _PITFALLS.get(mode, ()),
        )
        for mode, rounding in _ROUNDINGS.items()
    ),
    *(
        _cast(
            f"hls-ap-{mode}",
            f"AP_RND, AP_{mode.upper().replace('-', '_')}",
            HALF_UP,
            overflow,
            _HEADERS,
            "read",
            _PITFALLS.get(mode, ()),
        )
        for mode, overflow in _OVERFLOWS.items()
    ),
    *(
        _cast(
            f"apytypes-{mode}",
            f"QuantizationMode.{mode.upper().replace('-', '_')}, wraps",
            rounding,
            WRAP,
            _APYTYPES,
            "documented",
        )
        for mode, rounding in _OTHERS.items()
    ),
    Target(
        name="hls-mac",
        family="hls",
        title="acc += a * b in ap_fixed<16, 6>: product cast first, floor, wraps",
        datapath=Datapath(
            reduce=(Narrow(shift=10, rounding=FLOOR, bits=16), Accumulate(16, start="bias"))
        ),
        a=S16,
        b=S16,
        bias=S16,
        source="fastmachinelearning/hls4ml nnet_dense_latency.h with the default accum_t",
        confidence="documented",
        notes="Both factors have 10 fraction bits, the product 20, the accumulator 10",
        pitfalls=(
            "Casting every product and casting the sum are two machines",
            "APyTypes' matmul casts the product and then adds without an overflow step (issue 857)",
        ),
    ),
)
