"""A small MobileNet in int8 on LiteRT's paths and TFLite Micro: every tensor equals pyqsim's.

Convolution, depthwise and pointwise layers with fused activations, a residual sum, an average pool,
a fully connected layer; scales are calibrated, so that codes fill their range.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from peers.layers import Elementwise, Layer, Pool, Quantized
from peers.simulated import encoding, run_layer, run_sums, tensor
from peers.tally import Tally

import pyqsim as qs
from pyqsim import targets
from pyqsim.requantize import DoubleRounding, SingleRounding

F = np.float32
SUMS = qs.Datapath()
NETS = {1: 12, 2: 400}
#: Path -> targets of convolutions and of the fully connected layer, options of the sum.
MACHINES = {
    "reference": ("tflite-reference-conv", "tflite-reference-fc", {}),
    "optimized": (
        "tflite-optimized-x86",
        "tflite-optimized-x86-fc",
        {"scheme": DoubleRounding(), "operand_scheme": SingleRounding()},
    ),
    "micro": ("tflite-micro", "tflite-micro", {}),
    "xnnpack": ("xnnpack-fp32", "xnnpack-fp32", None),
}


def quantized(rng, codes, real_range: float) -> Quantized:
    """Codes with a scale that spreads the range over most of int8, and any zero point."""
    return Quantized(codes, F(real_range / 200), int(rng.integers(-60, 61)))


def layer_on(rng, x: Quantized, kind: str, taps: tuple[int, ...], **options) -> Layer:
    """A layer with random weights, and an output scale made for its accumulators on x."""
    n = taps[-1]
    scale = (2.0 ** rng.uniform(-9, -5, () if kind == "dense" else n)).astype(F)
    weight = Quantized(rng.integers(-127, 128, taps).astype(np.int8), scale)
    bias = rng.integers(-2000, 2001, n).astype(np.int32)
    empty = Quantized(np.zeros(0, np.int8))
    layer = Layer(kind, x, weight, bias, empty, **options)
    unit = np.asarray(x.scale * scale, np.float64)
    reals = (run_sums(layer, SUMS) + bias) * unit
    return replace(layer, y=quantized(rng, empty.codes, float(np.abs(reals).max() * 1.6)))


def mobilenet(rng, machine: str):
    """Nodes of the network and what pyqsim makes of each on a machine."""
    conv, dense, sums = MACHINES[machine]
    x = quantized(rng, rng.integers(-128, 128, (1, 16, 16, 3)).astype(np.int8), 2.0)
    nodes, made = [], [x]

    def put(of, inputs: tuple[int, ...], codes) -> None:
        y = of.x if isinstance(of, Pool) else of.y
        nodes.append((of, inputs, codes.shape))
        made.append(replace(y, codes=codes.astype(np.int8)))

    def weights(kind: str, source: int, taps: tuple[int, ...], **options) -> None:
        layer = layer_on(rng, made[source], kind, taps, **options)
        put(layer, (source,), run_layer(layer, targets.get(dense if kind == "dense" else conv)))

    weights("conv", 0, (3, 3, 3, 8), stride=(2, 2), padding="same", activation="relu6")
    weights("depthwise", 1, (3, 3, 1, 8), padding="same", activation="relu6")
    weights("conv", 2, (1, 1, 8, 8))
    a, b = made[1], made[3]
    y = quantized(rng, np.zeros(0, np.int8), float(a.scale + b.scale) * 150)
    add = qs.ops.weighted_add if sums is None else qs.ops.add
    put(
        Elementwise("add", a, b, y),
        (1, 3),
        add(tensor(a), tensor(b), encoding(y), **sums or {}).codes,
    )
    weights("depthwise", 4, (3, 3, 1, 16), stride=(2, 2), padding="same", activation="relu")
    weights("conv", 5, (1, 1, 16, 24), activation="relu6")
    pool = Pool("average", made[6], (4, 4), (1, 1))
    put(pool, (6,), qs.ops.average_pool2d(tensor(made[6]), 4, stride=1).codes)
    flat = replace(made[7], codes=made[7].codes.reshape(1, 24))
    made[7] = flat
    weights("dense", 7, (24, 10))
    return nodes, made


@pytest.mark.parametrize("path", MACHINES)
def test_every_tensor(run, request, tflite_model, level, path):
    """Layer by layer where the interpreter keeps tensors, else at the end."""
    tally, seen = Tally(), set()
    for seed in range(NETS[level]):
        nodes, made = mobilenet(np.random.default_rng(seed), path)
        model, outputs = tflite_model.network_of(nodes)
        inputs = [made[0].codes]
        if path in ("reference", "optimized"):
            found = request.getfixturevalue("litert").run_tensors(model, inputs, path, outputs)
            for index, (peer, ours) in enumerate(zip(found, made[1:], strict=True), 1):
                tally.add(peer.reshape(ours.codes.shape), ours.codes, f"net {seed}, node {index}")
        else:
            tally.add(run(model, inputs), made[-1].codes, f"net {seed}")
        seen |= set(made[-1].codes.ravel().tolist())
    assert not tally.mismatches, tally.first
    assert len(seen) > 50  # codes of all sizes, not a few rails
    assert tally.cases >= NETS[level] * 10


def test_machines_differ():
    """No two of the four give one network's tensors."""
    results = {}
    for path in MACHINES:
        _, made = mobilenet(np.random.default_rng(0), path)
        results[path] = b"".join(one.codes.tobytes() for one in made)
    assert len(set(results.values())) == len(MACHINES)
