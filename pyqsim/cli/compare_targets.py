"""``pyqsim compare --targets``: several machines on one layer, and why they differ."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

import numpy as np

from pyqsim import targets
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import UsageError
from pyqsim.data import digits, float_network
from pyqsim.diagnostics.target_matrix import TargetMatrix, compare_targets
from pyqsim.formats import Affine
from pyqsim.model import MACHINES, Conv2d, Linear, quantize_network
from pyqsim.model import run as run_network
from pyqsim.ops.windows import Window, windows
from pyqsim.targets.layer_data import LayerData, load_arrays
from pyqsim.targets.target import Target
from pyqsim.text_table import aligned

__all__ = ["network_layer", "random_layer", "run"]

_DIGITS = 20
_SIZES = (64, 64, 16)  # M, K, N of the random layer


def run(options: argparse.Namespace) -> int:
    """Print the matrix; exit status 1 where any two targets differ."""
    if options.plot is not None or options.axis is not None or options.method is not None:
        raise UsageError("--targets with --plot, --axis or --method, allowed: without")
    if options.file is not None and options.net is not None:
        raise UsageError(f"{options.file} with --net {options.net}, allowed: one of them")
    if options.json is not None:
        check_writable(options.json)
    chosen = [targets.get(name) for name in dict.fromkeys(options.targets)]
    if options.file is not None:
        layer, what = load_arrays(options.file)[0], options.file.name
    elif options.net is not None:
        layer, what = network_layer(options.net), f"{options.net} on {_DIGITS} digits"
    else:
        layer, what = random_layer(chosen[0], options.seed), f"random layer, seed {options.seed}"
    matrix = compare_targets(layer, chosen)
    coded = layer.has_scales and all(target.scheme is not None for target in chosen)
    _print(matrix, layer, f"{what}, {'codes' if coded else 'accumulators'}")
    if options.json is not None:
        report = {"layer": what, "names": matrix.names, "refused": matrix.refused}
        write_json(options.json, report | {"differences": list(map(asdict, matrix.differences))})
    return int(any(one.differing for one in matrix.differences))


def random_layer(target: Target, seed: int) -> LayerData:
    """64 x 64 x 16, operands over the whole ranges of a target, outputs spread over 8 bits."""
    m, k, n = _SIZES
    rng = np.random.default_rng(seed)
    a = rng.integers(target.a.low, target.a.high, (m, k), endpoint=True)
    b = rng.integers(target.b.low, target.b.high, (k, n), endpoint=True)
    unsigned = target.a.low == 0 and bool(target.zero_points)
    middle = (target.a.high + 1) // 2 if unsigned else 0
    spread = float(np.sqrt(k) * a.std() * b.std()) or 1.0
    b_scale = (0.004 * rng.uniform(0.5, 2, n)).astype(np.float32)
    clamp = target.clamp
    return LayerData(
        a,
        b,
        bias=rng.integers(-int(spread), int(spread) + 1, n) if target.datapath.reads_bias else None,
        a_scale=0.02,
        b_scale=b_scale,
        out_scale=float(np.float32(0.02 * 0.004 * spread / 40)),
        a_zero_point=middle,
        out_zero_point=128 if clamp is not None and clamp.min == 0 and unsigned else 0,
    )


def network_layer(name: str) -> LayerData:
    """A layer with weights of a built-in network, 8-bit weights, on the first test digits.

    Parameters
    ----------
    name : str
        ``"mlp:linear1"``: network and layer. The last layer has no output scale: its results are
        accumulators.
    """
    network_name, _, layer_name = name.partition(":")
    if network_name not in ("mlp", "cnn"):
        raise UsageError(f"--net {name}, allowed: mlp:LAYER or cnn:LAYER")
    network = quantize_network(float_network(network_name), Affine(8, narrow=True), MACHINES[0])  # type: ignore[arg-type]
    found = run_network(network, network.input.tensor(digits().test_x[:_DIGITS, :, :, None]))
    layers = {
        one.layer.name: one for one in found.layers if isinstance(one.layer, (Conv2d, Linear))
    }
    if layer_name not in layers:
        allowed = ", ".join(f"{network_name}:{known}" for known in layers)
        raise UsageError(f"--net {name}, allowed: {allowed}")
    one = layers[layer_name]
    layer = one.layer
    assert isinstance(layer, (Conv2d, Linear))
    codes = one.input.codes
    if isinstance(layer, Conv2d):
        image = (codes.shape[1], codes.shape[2])
        size = (layer.weight.shape[0], layer.weight.shape[1])
        window = Window.of(image, size, layer.stride, layer.padding)
        codes = windows(codes, window, int(one.input.zero_point))
    weights = layer.weight.codes.reshape(layer.k, -1)
    scales: dict[str, Any] = {}
    if layer.encoding is not None:
        scales = {
            "a_scale": one.input.scale,
            "b_scale": layer.weight.scale,
            "out_scale": layer.encoding.scale,
        }
    return LayerData(codes.reshape(-1, layer.k), weights, layer.bias, **scales)


def _print(matrix: TargetMatrix, layer: LayerData, what: str) -> None:
    (m, k), n = np.shape(layer.a), np.shape(layer.b)[1]
    print(f"{what}: {m} x {k} x {n}, {m * n:,} numbers; how many differ:\n")
    rows = [
        (
            name,
            *(
                "" if name == other else f"{matrix.of(name, other).differing:,}"
                for other in matrix.names
            ),
        )
        for name in matrix.names
    ]
    print(aligned(("", *matrix.names), rows))
    for one in matrix.differences:
        if not one.differing:
            continue
        print(
            f"\n{one.first} and {one.second}: {one.differing:,} of {one.outputs:,} differ, "
            f"by up to {one.largest:,}, first at (m, n) = {one.place}: {one.values}"
        )
        for cause, count in one.causes.items():
            print(f"  {count:>8,}  {cause}")
    for name, reason in matrix.refused.items():
        print(f"\n{name} cannot take the layer: {reason}")
