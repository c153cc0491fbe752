"""The one list of formats, and the widths of their sums."""

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.errors import DatapathError
from pyqsim.formats import LogQuant, PiecewiseLinear, PowerOfTwo
from pyqsim.formats.catalogue import (
    CATALOGUE,
    FAMILIES,
    example_scales,
    example_values,
    family,
    formats_of_bits,
)
from pyqsim.formats.widths import accumulator_bits, product_limits

U8 = 255
#: P and the bits for K = 64, 576, 4608; from the papers' definitions, worked out by hand.
WIDTHS = [
    ((qs.Affine(8), U8), (32640,), (22, 26, 29)),
    ((qs.Affine(8), 128), (16384,), (22, 25, 28)),
    ((qs.APoT(3, signed=False), U8), (2550,), (19, 22, 25)),
    ((qs.APoT(4, signed=False), U8), (12240,), (21, 24, 27)),
    ((qs.APoT(5, signed=False), U8), (25500,), (22, 25, 28)),
    ((qs.APoT(6, signed=False), U8), (114240,), (24, 27, 30)),
    ((qs.APoT(8, signed=False), U8), (979200,), (27, 31, 34)),
    ((PowerOfTwo(4), U8), (255 << 6,), (21, 25, 28)),
    ((PowerOfTwo(5), U8), (255 << 14,), (29, 33, 36)),
    ((LogQuant(3), 127), (127 << 6,), (20, 24, 27)),
    ((LogQuant(4), 127), (127 << 14,), (28, 32, 35)),
    ((LogQuant(5), 127), (127 << 30,), (44, 48, 51)),
    ((LogQuant(5), 1 << 30), (1 << 60,), (68, 71, 74)),  # both operands LogQuant(5)
    ((PiecewiseLinear(4), U8), (1785, 1785, 255), (18, 21, 24)),
]


@pytest.mark.parametrize(("operands", "limits", "bits"), WIDTHS, ids=str)
def test_widths(operands, limits, bits):
    assert product_limits(*operands) == limits
    assert tuple(accumulator_bits(limits[0], k) for k in (64, 576, 4608)) == bits


def test_widths_of_the_offset_plane():
    assert [accumulator_bits(255, k) for k in (64, 576, 4608)] == [15, 19, 22]


@pytest.mark.parametrize("fmt", [f for f in CATALOGUE if f.planes == 1], ids=str)
def test_the_width_holds_the_worst_sum_and_one_bit_less_does_not(fmt):
    codes = np.arange(fmt.code_min, fmt.code_max + 1)
    worst = codes[np.abs(fmt.decode(codes)).argmax()]
    k = 5
    b = qs.QTensor(np.full((k, 1), worst), fmt, 1.0)
    bits = accumulator_bits(product_limits(fmt)[0], k)
    a = np.full((1, k), 255, dtype=np.uint8)
    for width, overflows in ((bits, False), (bits - 1, True)):
        machine = qs.Datapath(reduce=(qs.Accumulate(width, "wrap"),))
        _, events = qs.matmul(a, b, machine, events=True)
        assert bool(events.overflows) == overflows


def test_unused_patterns_do_not_count():
    assert product_limits(qs.Affine(4, narrow=True)) == (255 * 7,)
    assert product_limits(qs.Affine(4)) == (255 * 8,)


@pytest.mark.parametrize("fmt", CATALOGUE, ids=str)
def test_repr_evaluates_back(fmt):
    names = {type(fmt).__name__: type(fmt)}
    assert eval(repr(fmt), names) == fmt


@pytest.mark.parametrize("fmt", CATALOGUE, ids=str)
def test_example_values_are_about_one_and_encode_to_themselves(fmt):
    values, scales = example_values(fmt), example_scales(fmt)
    assert 0.5 < np.abs(values).max() <= 8 / 7 + 1e-12  # a half-step grid of 3 bits
    assert np.all(np.diff(values) > 0)
    if fmt.planes == 1:
        back = scales * np.ldexp(fmt.decode(fmt.encode(values, scales)), -fmt.frac_bits)
        assert np.allclose(back, values, rtol=1e-12, atol=0)


def test_the_list_has_every_class_once_and_every_width_that_it_names():
    import pyqsim.formats as all_formats

    classes = {getattr(all_formats, name) for name in all_formats.__all__} - {qs.Format}
    assert {type(fmt) for fmt in CATALOGUE} == classes
    assert len(set(CATALOGUE)) == len(CATALOGUE)
    names = [one.name.lower() for one in FAMILIES]
    assert len(set(names)) == len(names)
    for one in FAMILIES:
        for bits in one.usual:
            assert one.of_bits(bits).code_bits == bits
            assert (one.name, one.of_bits(bits)) in formats_of_bits(bits)


def test_names_in_any_case_and_what_does_not_exist():
    assert family("APOT").of_bits(4) == qs.APoT(4)
    with pytest.raises(DatapathError, match=r"format 'float8', allowed: Binary, Ternary, Affine"):
        family("float8")
    with pytest.raises(DatapathError, match=r"Ternary of 4 bits, allowed: 2"):
        family("Ternary").of_bits(4)
    with pytest.raises(DatapathError, match=r"PowerOfTwo of 9 bits: .*bits=9, allowed: 2\.\.6"):
        family("PowerOfTwo").of_bits(9)
