"""TOSA's layers and RESCALE on the reference model that its specification comes with."""

from __future__ import annotations

import numpy as np
import pytest
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer
from peers.tally import Tally

from pyqsim import targets
from pyqsim.requantize import FixedPointFactor, TosaScale32

#: Where -2**(shift-1) <= accumulator < 2**(shift-1), as the specification asks for.
INT8 = Peer(weight_zero_points=True, scaled_limit=2.0**29)
INT16 = Peer(np.int16, np.int8, np.int16, scaled_limit=2.0**29)
TARGETS = {
    "tosa-int8": (INT8, "DOUBLE_ROUND"),
    "tosa-int8-single": (INT8, "SINGLE_ROUND"),
    "tosa-int16": (INT16, "SINGLE_ROUND"),
}
CASES = {1: 1_000_000, 2: 20_000_000}


@pytest.mark.parametrize("name", TARGETS)
def test_layers(tosa, ledger, level, name):
    """Dense layers and convolutions; those that leave the specification's domain do not count."""
    peer, rounding = TARGETS[name]
    target, rng, tally = targets.get(name), np.random.default_rng(level), Tally()
    left = 0
    while tally.cases < CASES[level]:
        kind = ("dense", "conv")[int(rng.integers(0, 2))]
        for layer in (
            probe(rng, kind, peer, 50, per_channel=True),
            random_layer(rng, kind, peer, per_channel=True, extreme=True),
        ):
            scales = (layer.x.scale, layer.weight.scale, layer.y.scale)
            parameters = target.scheme.encode(target.real_scale(*scales))
            ours = run_layer(layer, target)
            made = tosa.run_layer(layer, ours.shape, parameters, rounding)
            if made is None:
                left += ours.size
            else:
                tally.add(made, ours, layer)
    assert left < tally.cases / 10
    tally.check(ledger, name, tosa.PEER, CASES[level], version=tosa.VERSION)


@pytest.mark.parametrize("rounding", ["SINGLE_ROUND", "DOUBLE_ROUND"])
def test_rescale(tosa, rounding):
    """int32 to int32, every shift, multipliers of all sizes: corners of the precondition, ties."""
    rng, scheme = np.random.default_rng(4), TosaScale32(rounding == "DOUBLE_ROUND")
    tally = Tally()
    for shift in range(2, 63):
        half = 2 ** (min(shift, 32) - 1)
        m = np.concatenate([[1, 2**30, 2**31 - 1], rng.integers(0, 2**31, 29)])
        near = [v + d for v in (-half, 0, half) for d in range(-40, 40)]
        powers = [s * 2**e + d for e in range(31) for s in (1, -1) for d in (-1, 0, 1)]
        x = np.concatenate([near, powers, rng.integers(-half, half, 300)])
        x = x[(x >= -half) & (x < half)]
        exact = x[:, None] * m.astype(object)
        fits = (np.abs(exact) < 2 ** (31 + shift) - 2**shift).all(axis=1)
        x = np.repeat(x[fits, None], len(m), axis=1).astype(np.int32)
        p = FixedPointFactor(m, np.full(len(m), shift))
        made = tosa.rescale(x, p, rounding)
        assert made is not None, shift
        tally.add(made, scheme.apply(x, p), shift)
    assert tally.cases > 500_000
    assert not tally.mismatches, tally.first
