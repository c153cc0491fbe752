"""Machines: what each makes of a format."""

import pytest

import pyqsim as qs
from pyqsim.model import MACHINES, Machine

BY_NAME = {machine.name: machine for machine in MACHINES}
INT8, INT4 = qs.Affine(8, narrow=True), qs.Affine(4, narrow=True)
SHIFTING = [qs.LogQuant(3, signed=True), qs.PowerOfTwo(4), qs.APoT(4)]


@pytest.mark.parametrize(
    ("name", "reduce"),
    [
        ("exact", (qs.Accumulate(),)),
        ("16-bit saturating", (qs.Accumulate(16, "saturate"),)),
        ("16-bit wrapping", (qs.Accumulate(16, "wrap"),)),
        (
            "tree of 16, 20-bit saturating",
            (qs.Accumulate(group=16), qs.Accumulate(20, "saturate")),
        ),
        (
            "VPMADDUBSW pairs",
            (qs.Accumulate(16, "saturate", group=2), qs.Accumulate(32, "wrap")),
        ),
    ],
)
def test_what_every_named_machine_reduces(name, reduce):
    machine = BY_NAME[name]
    product = qs.Multiply("fold" if name == "VPMADDUBSW pairs" else "subtract")
    assert machine.datapath(INT8) == qs.Datapath(product, reduce)
    for fmt in SHIFTING:
        assert machine.datapath(fmt) == qs.Datapath(qs.Shift(), reduce)
        assert machine.dropped_bits(fmt) == 0


@pytest.mark.parametrize(("fmt", "bits"), [(INT8, 4), (INT4, 2)])
def test_truncation_of_products(fmt, bits):
    machine = BY_NAME["truncating shift"]
    assert machine.dropped_bits(fmt) == bits
    narrow = qs.Narrow(shift=bits, rounding="floor")
    assert machine.datapath(fmt) == qs.Datapath(reduce=(narrow, qs.Accumulate()))


@pytest.mark.parametrize("fmt", SHIFTING, ids=str)
def test_truncation_of_shifts(fmt):
    machine = BY_NAME["truncating shift"]
    assert machine.dropped_bits(fmt) == fmt.frac_bits
    assert machine.datapath(fmt) == qs.Datapath(qs.Shift(fmt.frac_bits), (qs.Accumulate(),))


def test_output_steps_are_appended():
    output = (qs.AddBias(32), qs.Clamp(0, 255))
    assert Machine("m").datapath(INT8, output).output == output
