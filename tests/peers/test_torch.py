"""PyTorch's quantized engines on this CPU."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from ledger import needs
from peers.layers import Layer, Quantized
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer
from peers.tally import Tally

from pyqsim import targets
from pyqsim.requantize import FloatChain, onednn_chain

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
    """Layers that hit ties, their neighbours and rails; one scale a layer or one a channel."""
    rng = np.random.default_rng(seed)
    while True:
        per_channel = bool(rng.integers(0, 2))
        yield probe(rng, kind, PEER, 50, per_channel=per_channel)
        layer = random_layer(
            rng, kind, PEER, extreme=True, bias=bool(rng.integers(0, 2)), per_channel=per_channel
        )
        yield replace(layer, padding="same") if pads_alike(layer) else layer


def pads_alike(layer: Layer) -> bool:
    """Whether "same" is a padding that PyTorch has: as much on both sides."""
    odd = all(k % 2 for k in layer.weight.codes.shape[:2])
    return layer.kind != "dense" and layer.stride == (1, 1) and odd


def is_onednn(layer: Layer, engine: str) -> bool:
    """The engine x86 gives its convolutions to oneDNN where the CPU has VNNI."""
    return engine == "onednn" or (engine == "x86" and layer.kind != "dense")


def suited(layer: Layer, engine: str) -> Layer:
    """The layer with a bias that the engine takes as the integer that it is.

    PyTorch's bias is a real number: x and weight scales whose product is exact. oneDNN's target
    has a real bias, too.
    """
    if layer.bias is None or is_onednn(layer, engine):
        return layer
    return replace(layer, x=near(layer.x), weight=near(layer.weight))


def near(of: Quantized) -> Quantized:
    """The nearest power of two as scale."""
    return replace(of, scale=(2.0 ** np.rint(np.log2(of.scale))).astype(np.float32))


def chain_of(layer: Layer, bias: np.ndarray) -> FloatChain:
    """Scales and bias as oneDNN multiplies and adds them."""
    operator = "linear" if layer.kind == "dense" else "conv"
    scales = (layer.x.scale, layer.weight.scale, layer.y.scale)
    return onednn_chain(*scales, bias, operator=operator)


def simulated(layer: Layer, engine: str, real_bias) -> np.ndarray:
    if is_onednn(layer, engine):
        chain = chain_of(layer, real_bias(layer))
        return run_layer(layer, targets.get("torch-onednn"), requantize=chain)
    return run_layer(layer, targets.get(f"torch-{engine}"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_layers(torch_engines, ledger, level, engine, kind):
    tally, found = Tally(), layers(kind, level)
    while tally.cases < CASES[level]:
        layer = suited(next(found), engine)
        ours = simulated(layer, engine, torch_engines.real_bias)
        tally.add(torch_engines.run_layer(layer, engine), ours, layer)
    name = "torch-onednn" if is_onednn(layer, engine) else f"torch-{engine}"
    tally.check(ledger, name, "torch", CASES[level])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    ["one factor", "scales as they are", "scales that come back", "zero point after rounding"],
)
def test_other_arithmetic_than_onednns_is_told_apart(torch_engines, kind, change):
    """Each of its peculiarities is seen in a few thousand layers beside ties."""
    target, found = targets.get("torch-onednn"), layers(kind, 1)
    last = replace(target, datapath=targets.get("torch-fbgemm").datapath)
    for layer in islice(found, 400):
        bias = torch_engines.real_bias(layer)
        chain, one = chain_of(layer, bias), np.float32(1)
        sx, sw = np.float32(layer.x.scale), np.asarray(layer.weight.scale, np.float32)
        if change == "one factor":
            first = FloatChain(chain.first * chain.second, one, chain.addend, chain.last)
        elif change == "scales as they are":
            first = FloatChain(sx, sw, chain.addend, chain.last)
        else:
            first = FloatChain(chain.first, one / (one / sw), chain.addend, chain.last)
        if change == "scales that come back" and kind == "dense":
            first = FloatChain(chain.first, sw, chain.addend, chain.last)
        machine = last if change == "zero point after rounding" else target
        other = run_layer(layer, machine, requantize=first)
        if (other != torch_engines.run_layer(layer, "onednn")).any():
            return
    pytest.fail(f"{change}: no code differs")


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


@pytest.mark.parametrize(
    ("engine", "channels", "padding", "target"),
    [
        ("fbgemm", 8, "same", "torch-fbgemm-avx2"),
        ("fbgemm", 144, "same", "torch-fbgemm-avx2"),
        ("fbgemm", 12, "same", "torch-fbgemm"),
        ("fbgemm", 8, "valid", "torch-fbgemm"),
        ("x86", 96, "same", "torch-x86"),
        ("x86", 104, "same", "torch-x86-avx2"),
        ("onednn", 104, "same", "torch-onednn"),
    ],
)
@pytest.mark.parametrize("taps", [3, 5, 7])
def test_depthwise_kernels_of_fbgemm(torch_engines, engine, channels, padding, target, taps):
    """Channels by eights, padded to keep the size: pairs of taps saturate, with VNNI too."""
    rng = np.random.default_rng((channels, taps))
    x = rng.choice(np.array([0, 1, 127, 200, 254, 255], np.uint8), (1, 9, 9, channels))
    codes = np.array([-128, -127, 1, 100, 126, 127], np.int8)
    weight = Quantized(rng.choice(codes, (taps, taps, 1, channels)), np.float32(1))
    y = Quantized(np.zeros(0, np.uint8), np.float32(2.0**11), 128)
    operands = Quantized(x, np.float32(1), 7), weight, None, y
    layer = Layer("depthwise", *operands, padding=padding)
    theirs = torch_engines.run_layer(layer, engine)
    np.testing.assert_array_equal(theirs, run_layer(layer, targets.get(target)))
    exact = target.removesuffix("-avx2")
    assert (theirs != run_layer(layer, targets.get(exact))).any() == (target != exact)
    if target == exact:  # the data do tell the two apart
        assert (theirs != run_layer(layer, targets.get("torch-fbgemm-avx2"))).any()
