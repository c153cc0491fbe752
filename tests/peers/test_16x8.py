"""int16 activations with int8 weights on TFLite Micro: a 16-bit multiplier on a 64-bit sum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from peers.probes import Peer, probe, random_layer
from peers.simulated import run_layer
from peers.tally import Tally

from pyqsim import targets

PEER = Peer(np.int16, np.int8, np.int16)
CASES = {1: 100_000, 2: 10_000_000}


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
def test_layers(tflm, tflite_model, ledger, level, kind):
    rng, tally = np.random.default_rng(level), Tally()
    while tally.cases < CASES[level]:
        for layer in (
            probe(rng, kind, PEER, 50, per_channel=True),
            random_layer(rng, kind, PEER, per_channel=True, extreme=True),
        ):
            wide = replace(layer, bias=layer.bias.astype(np.int64))
            ours = run_layer(wide, targets.get("tflite-16x8"))
            peer = tflm.run_model(tflite_model.model_of(wide, ours.shape), [wide.x.codes])
            tally.add(peer, ours, wide)
    tally.check(ledger, "tflite-16x8", "tflite-micro", CASES[level])
