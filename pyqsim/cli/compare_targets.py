"""``pyqsim compare --targets``: several machines on one layer or network, and why they differ."""

from __future__ import annotations

import argparse
from dataclasses import asdict

import numpy as np

from pyqsim import targets
from pyqsim.cli import compare_model
from pyqsim.cli.compare_model import DIGITS, built_in
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import UsageError
from pyqsim.diagnostics.network_layer_data import layer_codes, network_layer_data
from pyqsim.diagnostics.target_matrix import TargetMatrix, compare_targets
from pyqsim.model import Conv2d, Linear
from pyqsim.model import run as run_network
from pyqsim.targets.layer_data import LayerData, load_arrays
from pyqsim.targets.target import IntegerRange, Target

__all__ = ["network_layer", "random_layer", "run"]

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
    if options.net is not None and ":" not in options.net:
        return compare_model.run(options.net, chosen, options.json)
    codes = None
    if options.file is not None:
        layer, what = load_arrays(options.file)[0], options.file.name
    elif options.net is not None:
        layer, codes = network_layer(options.net)
        what = f"{options.net} on {DIGITS} digits"
    else:
        layer, what = random_layer(chosen[0], options.seed), f"random layer, seed {options.seed}"
    matrix = compare_targets(layer, chosen, codes)
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


def network_layer(name: str) -> tuple[LayerData, IntegerRange | None]:
    """A layer of a built-in network, 8-bit weights, on the first test digits; its results' codes.

    Parameters
    ----------
    name : str
        ``"mlp:linear1"``: network and layer. The last layer has no output scale: its results are
        accumulators.
    """
    network_name, _, layer_name = name.partition(":")
    network, x = built_in(network_name)
    layers = {
        one.layer.name: (one.layer, one.input)
        for one in run_network(network, x).layers
        if isinstance(one.layer, (Conv2d, Linear))
    }
    if layer_name not in layers:
        allowed = ", ".join(f"{network_name}:{known}" for known in layers)
        raise UsageError(f"--net {name}, allowed: {network_name}, {allowed}")
    layer, given = layers[layer_name]
    return network_layer_data(layer, given), layer_codes(layer)


def _print(matrix: TargetMatrix, layer: LayerData, what: str) -> None:
    (m, k), n = np.shape(layer.a), np.shape(layer.b)[1]
    print(f"{what}: {m} x {k} x {n}, {m * n:,} numbers; how many differ:\n")
    print(compare_model.square(matrix.names, lambda x, y: matrix.of(x, y).differing))
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
