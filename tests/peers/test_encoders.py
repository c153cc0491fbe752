"""How peers turn reals into uint8 codes; all in float32, rint sends ties to even.

================================  ===========================================
onnxruntime QuantizeLinear        ``rint(x / s) + zp``
torch.fake_quantize_per_tensor    ``rint(x * (1 / s)) + zp``
torch.quantize_per_tensor         ``rint(fma(x, 1 / s, zp))``: odd zp move ties
================================  ===========================================

And how Vela makes multipliers and shifts of real factors for Ethos-U.
"""

from __future__ import annotations

import numpy as np
import pytest
from ledger import needs
from peers.layers import Quantized

from pyqsim.requantize import EthosU

pytestmark = pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions:UserWarning")
F = np.float32


def clamped(steps) -> np.ndarray:
    return np.clip(steps, 0, 255).astype(np.int64)


def reals(scale: float) -> np.ndarray:
    """Every half step of 600, the next float32 to either side, and random ones."""
    half = (np.arange(-600, 600) * F(scale) / F(2)).astype(F)
    beside = [np.nextafter(half, F(side)) for side in (-np.inf, np.inf)]
    rng = np.random.default_rng(0)
    return np.concatenate([half, *beside, rng.normal(0, 60 * scale, 30_000).astype(F)])


@pytest.mark.parametrize("zero_point", [0, 1, 37, 128, 255])
@pytest.mark.parametrize("scale", [0.5, 2.0**-7, 0.1, 0.0371, 3.0])
def test_encoders(ort, onnx_model, torch_engines, scale, zero_point):
    x, s = reals(scale), F(scale)
    divided = clamped(np.rint(x / s) + zero_point)
    reciprocal = clamped(np.rint(x * (F(1) / s)) + zero_point)
    fused = F(x.astype(np.float64) * float(F(1) / s) + zero_point)
    like = Quantized(np.zeros(0, np.uint8), s, zero_point)
    np.testing.assert_array_equal(ort.run_model(onnx_model.quantize_model(like), x), divided)
    assert (torch_engines.fake_quantize(x, scale, zero_point) == reciprocal).all()
    assert (torch_engines.quantize(x, scale, zero_point) == clamped(np.rint(fused))).all()
    if zero_point % 2 and scale == 0.5:
        assert (clamped(np.rint(fused)) != divided).sum() > 100


def test_vela_encodes_as_ethos_u_does():
    """Multiplier and shift of every size of factor, carries to 2**31 included; reduced ones too."""
    scaling, scheme = needs("ethosu.vela.scaling"), EthosU()
    rng = np.random.default_rng(3)
    carries = [2.0**e * (1 - 2.0**-n) for e in range(-30, 15) for n in (20, 31, 32, 33, 40, 52)]
    for factor in [*carries, *2.0 ** rng.uniform(-32.9, 14.9, 5000)]:
        full, reduced = scheme.encode(factor), scheme.encode_reduced(factor)
        assert scaling.quantise_scale(factor) == (full.multiplier, full.right_shift)
        assert scaling.reduced_quantise_scale(factor) == (reduced.multiplier, reduced.right_shift)
