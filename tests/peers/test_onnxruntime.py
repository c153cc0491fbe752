"""onnxruntime on this CPU: QLinearMatMul, QGemm, QLinearConv, and the sums under them."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from ledger import needs
from peers.layers import Layer, Quantized
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer, run_sums
from peers.tally import Tally

import pyqsim as qs
from pyqsim import targets

CASES = {1: 100_000, 2: 10_000_000}
U8S8 = Peer(np.uint8, np.int8, np.uint8)
#: Types of x and weight; without VNNI the first pair's kernels saturate: test_saturating_pairs.py.
TYPES = {
    "u8s8": U8S8,
    "u8u8": Peer(np.uint8, np.uint8, np.uint8, weight_zero_points=True),
    "s8s8": Peer(np.int8, np.int8, np.int8),
}
SUMS = qs.Datapath(reduce=(qs.Accumulate(32),))


@pytest.fixture(autouse=True)
def vnni(ort):
    """Without VNNI the u8s8 kernels are other machines."""
    flags = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    needs("vnni", found="vnni" in flags, reason="this CPU's u8s8 kernels may saturate")


def layers(kind, peer, seed):
    """Random layers, every other one at its operands' rails."""
    rng = np.random.default_rng(seed)
    while True:
        options = {"per_channel": kind != "dense", "paddings": ("valid", "same")}
        for extreme in (False, True):
            yield random_layer(rng, kind, peer, extreme=extreme, **options)


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("kind", ["dense", "conv", "depthwise"])
def test_ties_and_rails(ort, onnx_model, ledger, level, kind, types):
    rng, tally = np.random.default_rng(level), Tally()
    while tally.cases < CASES[level]:
        layer = probe(rng, kind, TYPES[types], 50, per_channel=kind != "dense")
        ours = run_layer(layer, targets.get("ort-vnni"))
        tally.add(ort.run_model(onnx_model.model_of(layer), layer.x.codes), ours, layer)
    tally.check(ledger, "ort-vnni", "onnxruntime", CASES[level])


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("kind", ["dense", "conv", "depthwise"])
def test_random_layers(ort, onnx_model, ledger, level, kind, types):
    tally = Tally()
    for layer in islice(layers(kind, TYPES[types], level), 30 if level == 1 else 2000):
        ours = run_layer(layer, targets.get("ort-vnni"))
        tally.add(ort.run_model(onnx_model.model_of(layer), layer.x.codes), ours, layer)
    tally.check(ledger, "ort-vnni", "onnxruntime")


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_sums(ort, onnx_model, level, kind):
    """MatMulInteger and ConvInteger; the latter refuses padding."""
    tally, rng = Tally(), np.random.default_rng(level)
    for _ in range(30):
        layer = random_layer(rng, kind, U8S8, extreme=True)
        sums = ort.run_model(onnx_model.accumulator_model_of(layer), layer.x.codes)
        tally.add(sums, run_sums(layer, SUMS), layer)
    assert (tally.mismatches, tally.first) == (0, "")


def test_a_long_sum_wraps(ort, onnx_model):
    """K = 140,000 products of 255 x -128 leave int32."""
    k = 140_000
    x = Quantized(np.full((1, k), 255, np.uint8))
    weight = Quantized(np.full((k, 2), -128, np.int8))
    layer = Layer("dense", x, weight, None, Quantized(np.zeros(0, np.uint8)))
    sums = ort.run_model(onnx_model.accumulator_model_of(layer), x.codes)
    assert sums.tolist() == [[-k * 255 * 128 + 2**32] * 2]
    np.testing.assert_array_equal(sums, run_sums(layer, SUMS))
