"""LiteRT's three paths and TFLite Micro, each against its own target: same files, other codes.

That each target is wrong for the other paths on these very data is a test of its own: agreement
means something.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest
from peers.layers import Layer, Quantized
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer
from peers.tally import Tally

from pyqsim import targets

TARGETS = {
    ("reference", "conv"): "tflite-reference-conv",
    ("reference", "depthwise"): "tflite-reference-conv",
    ("reference", "dense"): "tflite-reference-fc",
    ("reference", "dense per channel"): "tflite-reference-fc",
    ("reference", "dense with weight zero points"): "tflite-reference-fc",
    ("reference", "dense uint8"): "tflite-reference-fc",
    ("optimized", "conv"): "tflite-optimized-x86",
    ("optimized", "depthwise"): "tflite-optimized-x86",
    ("optimized", "dense"): "tflite-optimized-x86-fc",
    ("optimized", "dense per channel"): "tflite-optimized-x86",
    ("optimized", "dense with weight zero points"): "tflite-optimized-x86-fc",
    ("optimized", "dense uint8"): "tflite-optimized-x86-fc",
    ("xnnpack", "conv"): "xnnpack-fp32",
    ("xnnpack", "depthwise"): "xnnpack-fp32",
    ("xnnpack", "dense"): "xnnpack-fp32",
    ("xnnpack", "dense per channel"): "xnnpack-fp32",
    ("xnnpack", "dense uint8"): "xnnpack-fp32",
    ("micro", "conv"): "tflite-micro",
    ("micro", "depthwise"): "tflite-micro",
    ("micro", "dense"): "tflite-micro",
    ("micro", "dense per channel"): "tflite-micro",
    ("micro", "dense with weight zero points"): "tflite-micro",
}
ACTIVATIONS = ("none", "relu", "relu6", "relu_n1_to_1")
#: XNNPACK converts to int32 before its lower clamp (test_xnnpack_below_int32); the reference's
#: fully connected converts a float64 to int32 without a clamp, undefined in C beyond int32.
IN_INT32 = {"xnnpack-fp32", "tflite-reference-fc"}
CASES = {1: 100_000, 2: 10_000_000}


def peer_of(kind: str, path: str) -> Peer:
    """What the path can be given."""
    limit = 2.0**31 if TARGETS[path, kind] in IN_INT32 else float("inf")
    if kind == "dense uint8":
        return Peer(*[np.uint8] * 3, weight_zero_points=True, scaled_limit=limit)
    return Peer(weight_zero_points="zero points" in kind, scaled_limit=limit)


def kind_of(kind: str) -> tuple[str, bool]:
    """The layer's kind, and whether it has one scale a channel."""
    return kind.split()[0], not kind.startswith("dense") or "per channel" in kind


def package(path: str) -> str:
    """Whose version goes into the ledger."""
    return "tflite-micro" if path == "micro" else "ai-edge-litert"


#: The targets that one model may mean.
ALL = sorted({*TARGETS.values(), "tflite-single-rounding"})
ONE_RULE = {"tflite-micro", "tflite-reference-conv"}


def probes(kind: str, path: str, seed: int) -> Iterator[Layer]:
    """Layers built to hit ties and rails."""
    rng = np.random.default_rng(seed)
    layer_kind, per_channel = kind_of(kind)
    channels = 40 if layer_kind == "dense" else 48
    while True:
        yield probe(rng, layer_kind, peer_of(kind, path), channels, per_channel=per_channel)


def random_layers(kind: str, path: str, seed: int) -> Iterator[Layer]:
    """Layers of random shape and data, every other one with operands at their rails."""
    rng = np.random.default_rng(seed)
    layer_kind, per_channel = kind_of(kind)
    for extreme in iter(lambda: bool(rng.integers(0, 2)), None):
        yield random_layer(
            rng,
            layer_kind,
            peer_of(kind, path),
            per_channel=per_channel,
            activations=ACTIVATIONS,
            paddings=("valid", "same"),
            extreme=extreme,
        )


def compare(run: Any, model_of: Any, layer: Layer, target: str, tally: Tally) -> None:
    """One layer on the peer and on the target."""
    ours = run_layer(layer, targets.get(target))
    if layer.kind == "depthwise" and target == "tflite-optimized-x86":
        last = ours.shape[-1] // 8 * 8  # see test_last_channels_of_optimized_depthwise
        ours[..., last:] = run_layer(layer, targets.get("tflite-reference-conv"))[..., last:]
    tally.add(run(model_of(layer, ours.shape), [layer.x.codes]), ours, layer)


@pytest.mark.parametrize(("path", "kind"), TARGETS)
def test_ties_and_rails(run, tflite_model, ledger, level, path, kind):
    target, tally = TARGETS[path, kind], Tally()
    layers = probes(kind, path, seed=level)
    while tally.cases < CASES[level]:
        compare(run, tflite_model.model_of, next(layers), target, tally)
    tally.check(ledger, target, package(path), CASES[level])


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_unsigned_codes(litert, tflite_model, ledger, level, kind):
    """XNNPACK's qu8 kernels, weights with a zero point; it leaves depthwise ones to the others."""
    peer = Peer(np.uint8, np.uint8, np.uint8, weight_zero_points=True, scaled_limit=2.0**31)
    rng, tally, target = np.random.default_rng(level), Tally(), "xnnpack-qu8-fp32"
    other = Tally()
    while tally.cases < CASES[level]:
        extreme = bool(rng.integers(0, 2))
        for layer in (
            probe(rng, kind, peer, 40, per_channel=False),
            random_layer(rng, kind, peer, activations=ACTIVATIONS, extreme=extreme),
        ):
            ours = run_layer(layer, targets.get(target))
            model = tflite_model.model_of(layer, ours.shape)
            theirs = litert.run_model(model, [layer.x.codes], "xnnpack")
            tally.add(theirs, ours, layer)
            other.add(theirs, run_layer(layer, targets.get("xnnpack-qu8-rndnu")), layer)
    assert other.mismatches > 10  # what NEON does, on the same data
    tally.check(ledger, target, "ai-edge-litert", CASES[level])


@pytest.mark.parametrize(("path", "kind"), TARGETS)
def test_random_layers(run, tflite_model, ledger, level, path, kind):
    target, tally = TARGETS[path, kind], Tally()
    for layer in islice(random_layers(kind, path, seed=level), 40 if level == 1 else 2000):
        compare(run, tflite_model.model_of, layer, target, tally)
    tally.check(ledger, target, package(path))


@pytest.mark.parametrize(("path", "kind"), TARGETS)
def test_other_targets_are_told_apart(run, tflite_model, path, kind):
    """On 100,000 of the same cases every other target of the family is wrong somewhere."""
    own, tallies = TARGETS[path, kind], {name: Tally() for name in ALL}
    layers = probes(kind, path, seed=1)
    while tallies[own].cases < CASES[1]:
        layer = next(layers)
        for name in ALL:
            compare(run, tflite_model.model_of, layer, name, tallies[name])
    equal = {name for name in ALL if not tallies[name].mismatches}
    assert equal == (ONE_RULE if own in ONE_RULE else {own})


@pytest.mark.parametrize("path", ["optimized"])
@pytest.mark.parametrize("channels", [9, 12, 15, 17, 23])
def test_last_channels_of_optimized_depthwise(run, tflite_model, channels, path):
    """Channels past the last multiple of 8 leave the vector loop: they round as the reference."""
    rng = np.random.default_rng(channels)
    optimized, reference = np.zeros((2, channels), int)
    for _ in range(60):
        layer = probe(rng, "depthwise", Peer(), channels, per_channel=True)
        peer = run(tflite_model.model_of(layer, (1, 16, 16, channels)), [layer.x.codes])
        for wrong, name in (
            (optimized, "tflite-optimized-x86"),
            (reference, "tflite-reference-conv"),
        ):
            wrong += (peer != run_layer(layer, targets.get(name))).sum((0, 1, 2))
    vector = np.arange(channels) < channels // 8 * 8
    np.testing.assert_array_equal(optimized == 0, vector)
    np.testing.assert_array_equal(reference == 0, ~vector)


@pytest.mark.parametrize("path", ["xnnpack"])
def test_xnnpack_below_int32(run, tflite_model, path):
    """A scaled sum under int32 becomes the largest code if the zero point is negative: it wraps.

    The kernel clamps from above, converts (out of range gives -2**31), adds the zero point in
    int32 and clamps from below after that. The target, and XNNPACK's scalar code, clamp first.
    """
    for zero_point, peer in ((-28, 127), (28, -128)):
        y = Quantized(np.zeros(0, np.int8), 1.0, zero_point)
        ones = Quantized(np.ones((1, 1, 1, 8), np.int8), np.full(8, 2.125, np.float32))
        x = Quantized(np.zeros((1, 4, 4, 1), np.int8), 1.0, 0)
        layer = Layer("conv", x, ones, np.full(8, -(2**31) + 2048, np.int32), y)
        ours = run_layer(layer, targets.get("xnnpack-fp32"))
        assert (ours == -128).all()
        assert (run(tflite_model.model_of(layer, ours.shape), [x.codes]) == peer).all()
