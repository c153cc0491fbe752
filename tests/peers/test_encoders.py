"""How peers turn reals into codes, by ``quantize(..., arithmetic=)``: told apart at ties.

================================  =========== ==========
onnxruntime QuantizeLinear        divide      half_even
torch.fake_quantize_per_tensor    reciprocal  half_even
torch.quantize_per_tensor         fused       half_even
LiteRT reference, TFLite Micro    divide      half_away
LiteRT optimized, XNNPACK         reciprocal  half_even
================================  =========== ==========

And how Vela makes multipliers and shifts of real factors for Ethos-U.
"""

from __future__ import annotations

import numpy as np
import pytest
from ledger import needs
from peers.layers import Elementwise, Quantized
from peers.simulated import encoding, tensor

import pyqsim as qs
from pyqsim.requantize import EthosU

pytestmark = pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions:UserWarning")
F = np.float32
SCALES = pytest.mark.parametrize("scale", [0.5, 2.0**-7, 0.1, 0.0371, 3.0])
LITERT = {
    "reference": ("divide", "half_away"),
    "micro": ("divide", "half_away"),
    "optimized": ("reciprocal", "half_even"),
    "xnnpack": ("reciprocal", "half_even"),
}


def reals(scale: float) -> np.ndarray:
    """Every half step of 600, the next float32 to either side, random ones, and rails."""
    half = (np.arange(-600, 600) * F(scale) / F(2)).astype(F)
    beside = [np.nextafter(half, F(side)) for side in (-np.inf, np.inf)]
    rng = np.random.default_rng(0)
    wide = np.array([-1e30, 1e30, 0], F)
    return np.concatenate([half, *beside, rng.normal(0, 60 * scale, 30_000).astype(F), wide])


def codes(x, like: Quantized, arithmetic: str, rounding: str = "half_even") -> np.ndarray:
    to = encoding(like)
    return qs.quantize(
        x,
        to.format,
        scale=to.scale,
        zero_point=to.zero_point,
        arithmetic=arithmetic,
        rounding=rounding,
    ).codes


@SCALES
@pytest.mark.parametrize("zero_point", [0, 1, 37, 128, 255])
def test_onnxruntime_and_torch(ort, onnx_model, torch_engines, scale, zero_point):
    x, like = reals(scale), Quantized(np.zeros(0, np.uint8), F(scale), zero_point)
    model = onnx_model.quantize_model(like)
    np.testing.assert_array_equal(ort.run_model(model, x), codes(x, like, "divide"))
    fake = torch_engines.fake_quantize(x[:-3], scale, zero_point)
    np.testing.assert_array_equal(fake, codes(x[:-3], like, "reciprocal"))
    eager = torch_engines.quantize(x[:-3], scale, zero_point)
    np.testing.assert_array_equal(eager, codes(x[:-3], like, "fused"))
    if zero_point % 2 and scale == 0.5:
        assert (codes(x, like, "fused") != codes(x, like, "divide")).sum() > 100


@pytest.mark.parametrize("axis", [0, 1])
def test_onnxruntime_per_channel(ort, onnx_model, axis):
    scale = np.array([0.1, 0.0371, 3.0, 0.5], F)
    x = np.stack([reals(0.1)[:2000]] * 4, axis=axis)
    zero = np.array([0, 37, 255, 1])
    like = Quantized(np.zeros(0, np.uint8), scale, zero)
    ours = qs.quantize(
        x, qs.Affine(8, signed=False), axis, scale=scale, zero_point=zero, arithmetic="divide"
    )
    peer = ort.run_model(onnx_model.quantize_model(like, axis), x)
    np.testing.assert_array_equal(peer, ours.codes)


@SCALES
@pytest.mark.parametrize(
    ("path", "dtype"),
    [(path, dtype) for path in LITERT for dtype in ("i1", "u1", "i2")
     if (path, dtype) not in {("micro", "u1"), ("xnnpack", "i2")}],
)  # fmt: skip
def test_litert(run, tflite_model, path, dtype, scale):
    """QUANTIZE of float32; the other roundings and arithmetics are wrong somewhere.

    Without the rails: its conversion to int32 is undefined in C far outside.
    """
    zero_point = 0 if dtype == "i2" else 41
    x, y = reals(scale)[None, :-3], Quantized(np.zeros(0, dtype), F(scale), zero_point)
    model = tflite_model.model_of(Elementwise("quantize", Quantized(x), None, y), x.shape)
    peer, own = run(model, [x]), LITERT[path]
    np.testing.assert_array_equal(peer, codes(x, y, *own))
    other = set(LITERT.values()) - {own}
    assert all((codes(x, y, *one) != peer).any() for one in other)


@SCALES
@pytest.mark.parametrize(
    ("path", "dtype"),
    [(path, dtype) for path in LITERT for dtype in ("i1", "u1", "i2")
     if (path, dtype) != ("xnnpack", "i2")],
)  # fmt: skip
def test_dequantize(run, tflite_model, path, dtype, scale):
    """``F(s * (q - z))`` is the real number rounded; optimized: ``F(F(s * q) - F(s * z))``."""
    info = np.iinfo(dtype)
    every = np.arange(info.min, info.max + 1).astype(dtype)[None]
    q = Quantized(every, F(scale), 0 if dtype == "i2" else 41)
    model = tflite_model.model_of(
        Elementwise("dequantize", q, None, Quantized(np.zeros(0, F))), every.shape
    )
    expected = tensor(q).real().astype(F)
    if path == "optimized" and dtype != "i2":
        expected = F(scale) * every.astype(F) + F(scale) * F(-41)
    np.testing.assert_array_equal(run(model, [every]), expected)


def test_vela_encodes_as_ethos_u_does():
    """Multiplier and shift of every size of factor, carries to 2**31 included; reduced ones too."""
    scaling, scheme = needs("ethosu.vela.scaling"), EthosU()
    rng = np.random.default_rng(3)
    carries = [2.0**e * (1 - 2.0**-n) for e in range(-30, 15) for n in (20, 31, 32, 33, 40, 52)]
    for factor in [*carries, *2.0 ** rng.uniform(-32.9, 14.9, 5000)]:
        full, reduced = scheme.encode(factor), scheme.encode_reduced(factor)
        assert scaling.quantise_scale(factor) == (full.multiplier, full.right_shift)
        assert scaling.reduced_quantise_scale(factor) == (reduced.multiplier, reduced.right_shift)
