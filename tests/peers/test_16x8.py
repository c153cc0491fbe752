"""int16 activations with int8 weights in LiteRT and TFLite Micro: the bias decides the rule.

With an int64 bias sums have 64 bits and a 16-bit multiplier scales them, with an int32 bias they
are scaled as those of int8 layers are; LiteRT's fully connected has a float64 factor in between.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from peers.layers import Layer
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer
from peers.tally import Tally

from pyqsim import targets

CASES = {1: 100_000, 2: 10_000_000}
LONG, SHORT = np.int64, np.int32
#: (path, kind, bias) -> target. LiteRT has no depthwise with an int32 bias, and TFLite Micro reads
#: one as int64.
TARGETS = {
    **{(path, kind, LONG): "tflite-16x8"
       for path in ("reference", "optimized", "micro") for kind in ("conv", "depthwise")},
    ("micro", "dense", LONG): "tflite-16x8",
    ("reference", "dense", LONG): "tflite-16x8-fc",
    ("reference", "dense", SHORT): "tflite-16x8-fc",
    ("optimized", "dense", LONG): "tflite-16x8-fc",
    ("reference", "conv", SHORT): "tflite-16x8-bias32",
    ("micro", "conv", SHORT): "tflite-16x8-bias32",
    ("micro", "dense", SHORT): "tflite-16x8-bias32",
    ("optimized", "conv", SHORT): "tflite-16x8-bias32-optimized-x86",
    ("optimized", "dense", SHORT): "tflite-16x8-bias32-optimized-x86",
}  # fmt: skip
NAMES = sorted(set(TARGETS.values()))


def layers(kind: str, target: str, bias: type, seed: int):
    """Layers that hit ties and rails, and random ones; one scale a layer or one a channel."""
    rng = np.random.default_rng(seed)
    peer = Peer(np.int16, np.int8, np.int16, bias, 2**30)
    if bias is LONG and target == "tflite-16x8":
        peer = replace(peer, bias_limit=2**46)
    if target == "tflite-16x8-fc":
        peer = replace(peer, scaled_limit=2.0**31)
    while True:
        per_channel = bool(rng.integers(0, 2))
        yield probe(rng, kind, peer, 50, per_channel=per_channel)
        yield random_layer(rng, kind, peer, per_channel=per_channel, extreme=True)


def of_layer(name: str, layer: Layer, path: str):
    """The target; with its exception for the layer's scales."""
    target = targets.get(name)
    one = path == "optimized" and layer.kind == "dense" and np.ndim(layer.weight.scale) == 0
    if name == "tflite-16x8-bias32-optimized-x86" and one:
        return replace(target, scale_rule="float32 product")
    return target


@pytest.mark.parametrize(("path", "kind", "bias"), TARGETS)
def test_layers(run, tflite_model, ledger, level, path, kind, bias):
    name, tally = TARGETS[path, kind, bias], Tally()
    for layer in layers(kind, name, bias, level):
        ours = run_layer(layer, of_layer(name, layer, path))
        peer = run(tflite_model.model_of(layer, ours.shape), [layer.x.codes])
        tally.add(peer, ours, layer)
        if tally.cases >= CASES[level]:
            break
    package = "tflite-micro" if path == "micro" else "ai-edge-litert"
    tally.check(ledger, name, package, CASES[level])


@pytest.mark.parametrize(("path", "kind", "bias"), TARGETS)
def test_other_targets_are_told_apart(run, tflite_model, path, kind, bias):
    """Of the four rules one is right."""
    own, right = TARGETS[path, kind, bias], set(NAMES)
    found = layers(kind, "tflite-16x8-fc", bias, 1)  # inside every rule's domain
    for layer, _ in zip(found, range(60), strict=False):
        shape = run_layer(layer, targets.get(own)).shape
        peer = run(tflite_model.model_of(layer, shape), [layer.x.codes])
        right = {n for n in right if (run_layer(layer, of_layer(n, layer, path)) == peer).all()}
        if right == {own}:
            break
    assert right == {own}
