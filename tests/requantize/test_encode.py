"""encode against the toolchains' own rules, by bit patterns and fractions."""

from __future__ import annotations

import dataclasses
import math
import struct
from fractions import Fraction

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.requantize import (
    DoubleRounding,
    DoubleScale,
    EthosU,
    FbgemmFixedPoint,
    FixedPoint,
    NvdlaOutput,
    NvdlaSdp,
    NvdlaTruncate,
    ReducedMultiplier,
    Rndnu,
    ShiftOnly,
    TosaScale16,
    TosaScale32,
    VtaShift,
    effective_scale,
    float32_product_scale,
    nvdla_operand,
    onnxruntime_scale,
    quantize_multiplier,
    reciprocal_scale,
    registered,
)


def scales(low: int, high: int, count: int = 300) -> list[float]:
    """Random reals, powers of two, and the carries just below them."""
    rng = np.random.Generator(np.random.PCG64(5))
    powers = [2.0**e for e in range(low, high)]
    carries = [p * (1 - 2.0**-k) for p in powers[1:] for k in (20, 31, 32, 33, 40)]
    return [*powers, *carries, *np.exp2(rng.uniform(low, high, count)).tolist()]


def test_reduced_multiplier() -> None:
    """m16 from the 31-bit multiplier; 0x7FFF where that would carry."""
    for scale in scales(-30, 7):
        m, s = quantize_multiplier(scale)
        p = ReducedMultiplier().encode(scale)
        assert int(p.multiplier) == (32767 if m >= 0x7FFF0000 else (m + 32768) // 65536)
        assert int(p.right_shift) == 15 - s
    with pytest.raises(DatapathError, match=r"shift=8, allowed: -31\.\.7"):
        ReducedMultiplier().encode(200.0)


def emulated(scale: float) -> tuple[int, int]:
    """IntegerFrExp on the bytes, then QuantizeMultiplier's carry and lower limit."""
    (pattern,) = struct.unpack("<Q", struct.pack("<d", scale))
    bits = f"{pattern:064b}"
    mantissa = int("1" + bits[12:42], 2) + (int(bits[42:], 2) > 0x200000)
    shift = int(bits[1:12], 2) - 1022
    if mantissa == 2**31:
        mantissa, shift = 2**30, shift + 1
    return (mantissa, shift) if shift >= -31 else (0, 0)


def test_emulated_float() -> None:
    """Differs from the float form on ties only, by one."""
    ties = [(2**30 + i + 0.5) * 2.0**-31 for i in range(50)]
    for scale in [*scales(-40, 29), *ties]:
        p = DoubleRounding().encode(scale, emulate_float=True)
        assert (int(p.multiplier), int(p.shift)) == emulated(scale)
        differs = emulated(scale) != quantize_multiplier(scale)
        assert differs == (scale in ties or is_tie(scale))


def is_tie(scale: float) -> bool:
    """Halfway between multipliers, and not so small that both forms give (0, 0)."""
    exact = Fraction(math.frexp(scale)[0]) * 2**32
    smallest = 2.0**-32 * (1 - 2.0**-32)  # the tie that carries to 2**-32
    return exact.denominator == 1 and exact.numerator % 2 == 1 and scale >= smallest


def test_rndnu_and_fbgemm_hold_the_float32() -> None:
    """Both factors are the float32 itself."""
    for scale in scales(-31, 7):
        exact = Fraction(float(np.float32(scale)))
        for scheme in (Rndnu(), FbgemmFixedPoint()):
            p = scheme.encode(scale)
            assert Fraction(int(p.multiplier), 2 ** int(p.right_shift)) == exact
        assert 2**23 <= int(Rndnu().encode(scale).multiplier) < 2**24
    for scale in (2.0**-33, 256.0):
        with pytest.raises(QuantizationError, match="Rndnu"):
            Rndnu().encode(scale)


def fbgemm(single: np.float32) -> tuple[int, int]:
    """The loops of ChooseRequantizationMultiplier."""
    real, shift = single, 31
    while real < np.float32(0.5):
        real, shift = real * np.float32(2), shift + 1
    while real > np.float32(1):
        real, shift = real / np.float32(2), shift - 1
    m = int(np.rint(float(real) * 2**31))
    return (m // 2, shift - 1) if m == 2**31 else (m, shift)


def test_fbgemm() -> None:
    for scale in scales(-32, 29):
        p = FbgemmFixedPoint().encode(scale)
        assert (int(p.multiplier), int(p.right_shift)) == fbgemm(np.float32(scale))


@pytest.mark.parametrize(("scheme", "bits"), [(TosaScale32(), 31), (TosaScale16(), 15)])
def test_tosa(scheme: TosaScale32 | TosaScale16, bits: int) -> None:
    """Half a unit of the multiplier off at most; shifts 2..62, the multiplier cut beyond."""
    for scale in scales(-60, bits - 2):
        p = scheme.encode(scale)
        m, right = int(p.multiplier), int(p.right_shift)
        assert 2 <= right <= 62
        assert m < 2**bits
        error = abs(Fraction(scale) * 2**right - m)
        assert error <= Fraction(1, 2) if right < 62 else error < 1 + Fraction(1, 2)
        assert m >= 2 ** (bits - 1) or right == 62
    with pytest.raises(QuantizationError, match="TosaScale"):
        scheme.encode(2.0**bits)


def test_reciprocal_scale() -> None:
    """k = 32 - clz(n - 1): the factor is at least 1/n, by less than one unit of 2^-30 of it."""
    for n in [*range(1, 70), 1000, 2**20 - 1, 2**20, 2**20 + 1]:
        p = reciprocal_scale(n)
        factor = Fraction(int(p.multiplier), 2 ** int(p.right_shift))
        k = 0
        while 2**k < n:
            k += 1
        assert int(p.right_shift) == 30 + k
        assert Fraction(1, n) <= factor < Fraction(1, n) * (1 + Fraction(1, 2**28))
        average = TosaScale32(False).apply(n * np.arange(-100, 100), p)
        assert average.tolist() == list(range(-100, 100))
    for n in (0, -1, 2.0):
        with pytest.raises(QuantizationError, match="count"):
            reciprocal_scale(n)


def test_vela() -> None:
    """HALF_AWAY to 31 bits without renormalization; 16 bits by rounding once more."""
    for scale in scales(-32, 14):
        p = EthosU().encode(scale)
        fraction, exponent = math.frexp(scale)
        assert int(p.multiplier) == math.floor(Fraction(fraction) * 2**31 + Fraction(1, 2))
        assert int(p.right_shift) == 31 - exponent
        reduced = EthosU().encode_reduced(scale)
        m = int(p.multiplier)
        assert int(reduced.multiplier) == (32767 if m >= 32767 << 16 else (m + 2**15) >> 16)
        assert int(reduced.right_shift) == int(p.right_shift) - 16
    assert int(EthosU().encode(1 - 2.0**-40).multiplier) == 2**31


def test_products_of_scales() -> None:
    """float32 where the toolchain works in float32, float64 where it does not."""
    rng = np.random.Generator(np.random.PCG64(9))
    different = 0
    for sx, sw, sy in rng.uniform(0.001, 1, (300, 3)).astype(np.float32):
        x, w, y = (Fraction(float(v)) for v in (sx, sw, sy))
        product = Fraction(float(np.float32(float(x * w))))  # x * w has 48 bits: exact in float64
        assert float(effective_scale(sx, sw, sy)) == float(x * w) / float(y)
        assert float(float32_product_scale(sx, sw, sy)) == float(product) / float(y)
        ort = onnxruntime_scale(sx, sw, sy)
        assert ort.dtype == np.float32
        assert float(ort) == float(np.float32(float(product)) / np.float32(float(y)))
        pairs = [
            quantize_multiplier(float(f(sx, sw, sy)))
            for f in (effective_scale, float32_product_scale)
        ]
        different += pairs[0] != pairs[1]
    assert different > 100


def test_fixed_point() -> None:
    """HALF_AWAY to the width; refused where it does not fit."""
    for scale in scales(-20, 4):
        p = FixedPoint(12).encode(scale)
        m, right = int(p.multiplier), int(p.right_shift)
        assert 2**11 <= m < 2**12
        assert abs(Fraction(scale) * 2**right - m) <= Fraction(1, 2)
    assert int(FixedPoint(8, shift=1).encode(0.25).multiplier) == 1  # a tie, away
    for scale in (0.24, 128.0):
        with pytest.raises(QuantizationError, match=r"1\.\.2\*\*8-1"):
            FixedPoint(8, shift=1).encode(scale)


def test_double_scale_keeps_all_bits() -> None:
    assert float(DoubleScale().encode(1 / 3).scale) == 1 / 3


def test_shifters() -> None:
    """Powers of two in the range of the field."""
    for scheme, low, high in (
        (NvdlaTruncate(), -31, 0),
        (VtaShift("hls"), -15, 16),
        (VtaShift("simulator"), -31, 31),
        (VtaShift("chisel"), -31, 0),
        (ShiftOnly(), -64, 64),
    ):
        for exponent in range(low, high + 1):
            assert int(scheme.encode(2.0**exponent).shift) == exponent
        for exponent in (low - 1, high + 1):
            with pytest.raises((QuantizationError, DatapathError)):
                scheme.encode(2.0**exponent)


def test_nvdla() -> None:
    """15 bits of multiplier."""
    for scheme in (NvdlaSdp(), NvdlaOutput()):
        for scale in scales(-40, 14):
            p = scheme.encode(scale)
            m, right = int(p.multiplier), int(p.right_shift)
            assert 2**14 <= m < 2**15
            assert abs(Fraction(scale) * 2**right - m) <= Fraction(1, 2)
    assert nvdla_operand([2**15 - 1, -(2**15)], 40).tolist() == [2**31 - 1, -(2**31)]
    for bad in (2**15, -(2**15) - 1, 0.5):
        with pytest.raises(QuantizationError, match="nvdla_operand"):
            nvdla_operand(bad, 0)


@pytest.mark.parametrize("name", registered())
def test_what_is_no_scale(name: str) -> None:
    """Zero, negative, not finite, not a number: refused by every scheme."""
    for scale in (0.0, -1.0, math.nan, math.inf, "1", None):
        with pytest.raises(QuantizationError, match="real_scale"):
            registered()[name].encode(scale)


def test_a_scheme_that_encodes_nothing() -> None:
    """Its parameters are given; the message says so."""
    half = qs.requantize.Stage(qs.Narrow(shift=1))
    with pytest.raises(QuantizationError, match="of this scheme are given"):
        qs.requantize.Staged((half,)).encode(0.5)


@pytest.mark.parametrize("name", registered())
def test_parameters_tell_the_real_factor_that_they_stand_for(name):
    """Near what was encoded, and encoded again the same parameters."""
    scheme = registered()[name]
    for scale in (3 / 256, 0.0123, 2.0**-6, 0.97):
        try:
            made = scheme.encode(np.array([scale, scale / 4]))
        except QuantizationError:  # powers of two only
            continue
        np.testing.assert_allclose(made.real_scale, [scale, scale / 4], rtol=2.0**-9)
        again = scheme.encode(made.real_scale)
        for field in dataclasses.fields(made):
            assert getattr(again, field.name).tolist() == getattr(made, field.name).tolist()
