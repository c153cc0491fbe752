"""APyTypes' casts, every rounding and overflow mode on every 12-bit code; its accumulator."""

from __future__ import annotations

import numpy as np
import pytest
from peers.tally import Tally

import pyqsim as qs
from pyqsim.requantize import APYTYPES_OVERFLOWS, APYTYPES_ROUNDINGS

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
