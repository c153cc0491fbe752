"""Records what onnxruntime's AVX2 kernels make of small layers: `saturating_pairs.json`.

``PYTHONPATH=tests python tests/peers/make_saturating_pairs.py``, with onnxruntime, onnx and
qemu-x86_64 installed.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from peers.emulation import call_emulated
from peers.layers import Layer, Quantized
from peers.onnx_model import accumulator_model_of

SHAPES = ((1, 2, 3), (3, 3, 3), (2, 4, 4), (3, 7, 2), (1, 9, 3), (2, 16, 4))


def main() -> None:
    """Ask the emulated CPU and write the file."""
    rng = np.random.default_rng(0)
    layers = []
    for m, k, n in SHAPES:
        x = rng.choice([255, 254, 200, 0], (m, k), p=(0.5, 0.2, 0.2, 0.1)).astype(np.uint8)
        weight = rng.choice([127, -128, 100, -3], (k, n), p=(0.4, 0.3, 0.2, 0.1)).astype(np.int8)
        operands = Quantized(x, 1.0, int(rng.integers(0, 256))), Quantized(weight)
        layers.append(Layer("dense", *operands, None, Quantized(np.zeros(0, np.uint8))))
    calls = [("peers.ort", "run_model", (accumulator_model_of(one), one.x.codes)) for one in layers]
    cases = [
        {
            "x": layer.x.codes.tolist(),
            "zero_point": layer.x.zero_point,
            "weight": layer.weight.codes.tolist(),
            "sums": sums.tolist(),
        }
        for layer, sums in zip(layers, call_emulated(calls), strict=True)
    ]
    peer = f"onnxruntime {onnxruntime.__version__}, qemu-x86_64 -cpu Haswell"
    lines = ",\n".join(json.dumps(case) for case in cases)
    text = f'{{"peer": {json.dumps(peer)}, "cases": [\n{lines}\n]}}\n'
    Path(__file__).with_name("saturating_pairs.json").write_text(text)


if __name__ == "__main__":
    main()
