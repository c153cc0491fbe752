"""``pyqsim compare --targets --net mlp``: several machines on a whole network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pyqsim.cli.cells import NETWORKS
from pyqsim.cli.json_file import write_json
from pyqsim.cli.options import UsageError
from pyqsim.data import digits, float_network
from pyqsim.diagnostics.model_matrix import ModelMatrix, compare_models
from pyqsim.formats import Affine
from pyqsim.model import MACHINES, Network, quantize_network
from pyqsim.targets.target import Target
from pyqsim.tensor import QTensor
from pyqsim.text_table import aligned

__all__ = ["DIGITS", "built_in", "run", "square"]

DIGITS = 20


def built_in(name: str) -> tuple[Network, QTensor]:
    """A network of the package with 8-bit weights, and the first test digits."""
    weights = next((known for known in NETWORKS if known == name), None)
    if weights is None:
        raise UsageError(f"--net {name}, allowed: mlp, cnn, mlp:LAYER or cnn:LAYER")
    network = quantize_network(float_network(weights), Affine(8, narrow=True), MACHINES[0])
    return network, network.input.tensor(digits().test_x[:DIGITS, :, :, None])


def run(name: str, chosen: Sequence[Target], report: Path | None) -> int:
    """Print the matrix of a network; exit status 1 where any two targets differ."""
    found = compare_models(*built_in(name), chosen)
    _print(found, f"{name} on {DIGITS} digits")
    if report is not None:
        write_json(report, {"network": name, "digits": DIGITS} | asdict(found))
    return int(any(any(one.layers.values()) for one in found.differences))


def square(names: Sequence[str], differing: Callable[[str, str], int]) -> str:
    """A table of how many numbers differ, target by target."""
    rows = [
        (name, *("" if name == other else f"{differing(name, other):,}" for other in names))
        for name in names
    ]
    return aligned(("", *names), rows)


def _print(found: ModelMatrix, what: str) -> None:
    outputs = found.differences[0].outputs if found.differences else 0
    print(f"{what}, every target on its own results: {outputs:,} logits; how many differ:\n")
    print(square(found.names, lambda x, y: found.of(x, y).differing))
    for pair in found.differences:
        if pair.place is None:
            continue
        layer, index = pair.place
        print(
            f"\n{pair.first} and {pair.second}: first in {layer} at {index}: {pair.values}; logits "
            f"by up to {pair.largest:,}, {pair.predictions} of {pair.inputs} predictions differ"
        )
        same = {one.name: one.matrix.of(pair.first, pair.second) for one in found.layers}
        rows = [
            (name, f"{one.outputs:,}", f"{pair.layers[name]:,}", f"{one.differing:,}")
            for name, one in same.items()
        ]
        print(aligned(("layer", "outputs", "differ", "on equal inputs"), rows))
        for name, one in same.items():
            for cause, count in one.causes.items():
                print(f"  {name}: {count:,}  {cause}")
    for name, reason in found.refused.items():
        print(f"\n{name} cannot take the network: {reason}")
