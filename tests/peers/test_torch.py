"""PyTorch's quantized engines on this CPU."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ledger import needs
from peers.layers import Layer, Quantized
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer
from peers.tally import Tally

from pyqsim import targets

#: PyTorch 2.13 announces the end of its quantized tensors.
pytestmark = pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions:UserWarning")

ENGINES = ("fbgemm", "x86", "onednn", "qnnpack")
KINDS = ("dense", "conv", "depthwise")
CASES = {1: 100_000, 2: 10_000_000}
#: The bias goes in as float32 and is added in float32: exact below 2**23.
PEER = Peer(np.uint8, np.int8, np.uint8, bias_limit=2**23 - 512)


@pytest.fixture(autouse=True)
def vnni(torch_engines):
    """Without VNNI fbgemm and oneDNN are other machines."""
    flags = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    needs("vnni", found="vnni" in flags, reason="this CPU's u8s8 kernels may saturate")


def layers(kind: str, seed: int):
    rng = np.random.default_rng(seed)
    while True:
        yield probe(rng, kind, PEER, 50, per_channel=False)
        yield random_layer(rng, kind, PEER, extreme=True, bias=False)


def suited(layer: Layer, engine: str) -> Layer:
    """The layer where the engine's arithmetic is the target's.

    All: x and weight scales whose product is exact, because the bias goes in as a real number.
    oneDNN multiplies by one scale after the other and adds the output's zero point *before*
    rounding (test_onednn_adds_the_zero_point_first): a power of two as output scale, an even
    zero point. The engine x86 gives it the convolutions where the CPU has VNNI.
    """
    y = layer.y
    if engine == "onednn" or (engine == "x86" and layer.kind != "dense"):
        y = replace(near(y), zero_point=y.zero_point & ~1)
    return replace(layer, x=near(layer.x), weight=near(layer.weight), y=y)


def near(of: Quantized) -> Quantized:
    """The nearest power of two as scale."""
    return replace(of, scale=np.float32(2.0 ** np.rint(np.log2(of.scale))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_layers(torch_engines, ledger, level, engine, kind):
    tally, name, found = Tally(), f"torch-{engine}", layers(kind, level)
    while tally.cases < CASES[level]:
        layer = suited(next(found), engine)
        ours = run_layer(layer, targets.get(name))
        tally.add(torch_engines.run_layer(layer, engine), ours, layer)
    tally.check(ledger, name, "torch", CASES[level])


@pytest.mark.parametrize("engine", ENGINES)
def test_onednn_adds_the_zero_point_first(torch_engines, engine):
    """Ties of 1/2 with an odd zero point: rint(x + zp) where the others have rint(x) + zp."""
    x = Quantized(np.arange(256, dtype=np.uint8)[:, None], np.float32(1), 0)
    ones = Quantized(np.ones((1, 1), np.int8), np.float32(1))
    layer = Layer("dense", x, ones, None, Quantized(np.zeros(0, np.uint8), np.float32(2), 3))
    half = x.codes / 2
    after, before = np.rint(half) + 3, np.rint(half + 3)
    assert (after != before).sum() == 128
    expected = before if engine == "onednn" else after
    np.testing.assert_array_equal(torch_engines.run_layer(layer, engine), expected)
