"""APyTypes' casts in every mode, on every 12-bit code and as targets; its accumulator."""

from __future__ import annotations

import numpy as np
import pytest
from peers.casts import numbers
from peers.tally import Tally

import pyqsim as qs
from pyqsim.requantize import APYTYPES_OVERFLOWS, APYTYPES_ROUNDINGS, PowerOfTwoFactor

CODES = np.arange(-2048, 2048)


def signed(bits, width: int) -> np.ndarray:
    values = np.asarray(bits, np.int64)
    return values - ((values >> (width - 1)) << width)


@pytest.mark.parametrize("overflow", APYTYPES_OVERFLOWS)
@pytest.mark.parametrize("rounding", APYTYPES_ROUNDINGS)
def test_casts(apytypes, rounding, overflow):
    """From 12 bits to every width of 2..9 with every number of dropped bits, 0..7.

    Their JAM sets the last bit even where no bit is dropped; a `Narrow` rounds nothing there.
    """
    mode = getattr(apytypes.QuantizationMode, rounding)
    rule = getattr(apytypes.OverflowMode, overflow)
    wide = apytypes.APyFixedArray.from_array(CODES, int_bits=12, frac_bits=0)
    tally = Tally()
    for dropped in range(rounding == "JAM", 8):
        for width in range(2, 10):
            narrow = wide.cast(
                int_bits=width + dropped, frac_bits=-dropped, quantization=mode, overflow=rule
            )
            step = {"rounding": APYTYPES_ROUNDINGS[rounding], "bits": width}
            ours = qs.narrow(CODES, shift=dropped, overflow=APYTYPES_OVERFLOWS[overflow], **step)
            peer = signed(narrow.to_bits(), width)
            tally.add(peer, np.asarray(ours, np.int64), (dropped, width))
    assert tally.cases == (56 if rounding == "JAM" else 64) * 4096
    assert not tally.mismatches, tally.first


#: Targets that cast 32 bits to 16, and what APyTypes calls their rounding and overflow.
TARGETS = {
    f"{family}-{name.lower().replace('_', '-')}": (name, "WRAP")
    for family, names in {
        "hls-ap": ["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV"],
        "apytypes": ["TRN_INF", "TRN_AWAY", "RND_CONV_ODD", "TRN_MAG", "JAM", "JAM_UNBIASED"],
    }.items()
    for name in names
} | {"hls-ap-sat": ("RND", "SAT"), "hls-ap-wrap-1": ("RND", "NUMERIC_STD")}


@pytest.mark.parametrize("name", TARGETS)
def test_targets(apytypes, ledger, name):
    """The targets themselves: every number of dropped bits, -15..31."""
    target = qs.targets.get(name)
    rounding, overflow = TARGETS[name]
    mode = getattr(apytypes.QuantizationMode, rounding)
    rule = getattr(apytypes.OverflowMode, overflow)
    tally = Tally()
    assert target.shifts is not None
    for dropped in range(-target.shifts.high, 1 - target.shifts.low):
        values = numbers(dropped)
        wide = apytypes.APyFixedArray.from_array(values, int_bits=32, frac_bits=0)
        cast = wide.cast(
            int_bits=16 + dropped, frac_bits=-dropped, quantization=mode, overflow=rule
        )
        data = qs.targets.call_data(target, requantize=PowerOfTwoFactor(-dropped))
        ours = qs.matmul(values[:, None], [[1]], target.datapath, **data)[:, 0]
        tally.add(signed(cast.to_bits(), 16), ours.astype(np.int64), dropped)
    tally.check(ledger, name, "apytypes", at_least=100_000)


def test_targets_are_all_that_apytypes_has():
    """Every rounding of it by one target at least, every overflow rule."""
    roundings = {APYTYPES_ROUNDINGS[rounding] for rounding, _ in TARGETS.values()}
    assert roundings == set(APYTYPES_ROUNDINGS.values())
    assert {overflow for _, overflow in TARGETS.values()} == set(APYTYPES_OVERFLOWS)
    named = {name for name in qs.targets.names() if name.startswith("apytypes-")}
    assert named < set(TARGETS)


def test_its_accumulator_is_not_one(apytypes):
    """apytypes 0.5.1 casts the products and adds without overflow: apytypes issue 857, their bug.

    What a 14-bit saturating accumulator gives is -8065, after a cast of the products -1.
    """
    a = apytypes.APyFixedArray.from_array(np.array([[127, 127, -128]]), int_bits=8, frac_bits=0)
    b = apytypes.APyFixedArray.from_array(np.array([[127]] * 3), int_bits=8, frac_bits=0)
    context = apytypes.APyFixedAccumulatorContext(
        int_bits=14, frac_bits=0, overflow=apytypes.OverflowMode.SAT
    )
    with context:
        theirs = signed((a @ b).to_bits(), 14).tolist()
    machine = qs.Datapath(reduce=(qs.Accumulate(14, "saturate"),))
    cast = qs.Datapath(reduce=(qs.Narrow(bits=14, overflow="saturate"), *machine.reduce))
    operands = [[127, 127, -128]], [[127]] * 3
    assert theirs == [[8190]]
    assert qs.matmul(*operands, machine).tolist() == [[-8065]]
    assert qs.matmul(*operands, cast).tolist() == [[-1]]
