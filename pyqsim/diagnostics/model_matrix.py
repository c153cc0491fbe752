"""Several targets on a whole network: layer by layer on equal inputs, and each on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddBias, CorrectZeroPoints
from pyqsim.diagnostics.network_layer_data import check_affine, layer_codes, network_layer_data
from pyqsim.diagnostics.target_machine import TargetMachine
from pyqsim.diagnostics.target_matrix import TargetMatrix, compare_targets
from pyqsim.errors import OperandError, PyqsimError
from pyqsim.execution import output_of_array
from pyqsim.model import Conv2d, Linear, Network
from pyqsim.ops import Encoding
from pyqsim.targets import Target
from pyqsim.tensor import QTensor

__all__ = ["LayerMatrix", "ModelDifference", "ModelMatrix", "compare_models"]

Ints = npt.NDArray[Any]


@dataclass(frozen=True)
class LayerMatrix:
    """A layer by its name, and every pair of targets on the input that the first one gives it."""

    name: str
    matrix: TargetMatrix


@dataclass(frozen=True)
class ModelDifference:
    """Two targets, each of which ran the whole network on its own results.

    Attributes
    ----------
    first, second : str
    layers : dict of str to int
        How many outputs of each layer differ, earlier differences included.
    place : tuple or None
        Name of the first layer that differs, and the index of its first output that does.
    values : tuple of int or None
        What the two make there.
    outputs, differing : int
        Of the last layer.
    largest : int
        Largest magnitude of a difference among them.
    inputs, predictions : int
        How many inputs there were, and of how many the largest output is another channel.
    """

    first: str
    second: str
    layers: dict[str, int]
    place: tuple[str, tuple[int, ...]] | None
    values: tuple[int, int] | None
    outputs: int
    differing: int
    largest: int
    inputs: int
    predictions: int


@dataclass(frozen=True)
class ModelMatrix:
    """Every pair of targets on one network.

    Attributes
    ----------
    names : tuple of str
        Targets that took all layers.
    refused : dict
        Why the others did not.
    layers : tuple of LayerMatrix
        One a layer with weights: why the targets differ there, whatever came before.
    differences : tuple of ModelDifference
        One a pair, in the order of the names.
    """

    names: tuple[str, ...]
    refused: dict[str, str]
    layers: tuple[LayerMatrix, ...]
    differences: tuple[ModelDifference, ...]

    def of(self, first: str, second: str) -> ModelDifference:
        """The pair of two names, in either order."""
        for one in self.differences:
            if {one.first, one.second} == {first, second}:
                return one
        raise OperandError(f"{first!r}, {second!r}, allowed: two of {self.names}")


@dataclass(frozen=True, eq=False)
class _Run:
    """What one target made of every layer with weights, and what each was given."""

    target: Target
    inputs: tuple[QTensor, ...]
    outputs: tuple[Ints, ...]


def compare_models(network: Network, x: QTensor, targets: Sequence[Target]) -> ModelMatrix:
    """Run a network on several targets, and say where and why they differ.

    Parameters
    ----------
    network : Network
        Weights and activations of `Affine` formats. Its own datapaths are not used, but where a
        target hands out accumulators: then those of all targets go through the layers' own
        output steps.
    x : QTensor
        Encoded as ``network.input`` says.
    targets : sequence of Target

    Returns
    -------
    ModelMatrix

    Raises
    ------
    OperandError
        For an `x` in another encoding, and for formats that are not Affine.

    Examples
    --------
    >>> import pyqsim as qs
    >>> from pyqsim.data import digits, float_network
    >>> from pyqsim.model import MACHINES, quantize_network
    >>> net = quantize_network(float_network("mlp"), qs.Affine(8, narrow=True), MACHINES[0])
    >>> x = net.input.tensor(digits().test_x[:5, :, :, None])
    >>> both = [qs.targets.get(name) for name in ("ort-vnni", "ort-avx2-u8s8")]
    >>> found = compare_models(net, x, both)
    >>> found.differences[0].place[0], list(found.layers[0].matrix.differences[0].causes)
    ('linear1', ['saturation: ort-avx2-u8s8, sum step 0, 16 bits'])
    """
    runs: list[_Run] = []
    refused: dict[str, str] = {}
    coded = all(target.scheme is not None for target in targets)
    _check_formats(network, x)
    for target in targets:
        try:
            runs.append(_run(network, x, target, coded=coded))
        except PyqsimError as error:
            refused[target.name] = str(error)
    taken = [run.target for run in runs]
    layers = tuple(
        LayerMatrix(layer.name, compare_targets(data, taken, layer_codes(layer)))
        for layer, data in _layer_data(network, runs)
    )
    pairs = tuple(_difference(network, *pair) for pair in combinations(runs, 2))
    return ModelMatrix(tuple(target.name for target in taken), refused, layers, pairs)


def _weighted(network: Network) -> list[Conv2d | Linear]:
    return [layer for layer in network.layers if isinstance(layer, (Conv2d, Linear))]


def _layer_data(network: Network, runs: Sequence[_Run]) -> Iterator[tuple[Any, Any]]:
    """Every layer with weights, on what the first target gives it."""
    if runs:
        for layer, given in zip(_weighted(network), runs[0].inputs, strict=True):
            yield layer, network_layer_data(layer, given)


def _check_formats(network: Network, x: QTensor) -> None:
    """What no target could take is an error, not a refusal by each."""
    if Encoding(x.format, x.scale.tolist(), x.zero_point.tolist()) != network.input:
        raise OperandError(f"x: {x!r}, allowed: in the encoding {network.input!r}")
    for layer in _weighted(network):
        check_affine(layer)


def _run(network: Network, x: QTensor, target: Target, *, coded: bool) -> _Run:
    value: Any = x
    inputs, outputs = [], []
    for layer in network.layers:
        if not isinstance(layer, (Conv2d, Linear)):
            value = layer.run(value)
            continue
        inputs.append(value)
        numbers = _layer(layer, value, target, coded=coded)
        outputs.append(numbers)
        value = numbers if layer.encoding is None else layer.encoding.tensor(numbers)
    return _Run(target, tuple(inputs), tuple(outputs))


def _layer(layer: Conv2d | Linear, x: QTensor, target: Target, *, coded: bool) -> Ints:
    """Codes or, of the last layer, accumulators, in the shape of the layer's output."""
    data = network_layer_data(layer, x)
    machine = TargetMachine.of(data, target, layer_codes(layer))
    if coded or layer.encoding is None:
        made = machine.result
    else:
        own = [s for s in layer.datapath.output if not isinstance(s, (AddBias, CorrectZeroPoints))]
        made = output_of_array(machine.accumulators, tuple(own), requantize=layer.requantize)
    return made.reshape(*_places(layer, x), layer.weight.shape[-1])


def _places(layer: Conv2d | Linear, x: QTensor) -> tuple[int, ...]:
    """Shape of the layer's output without its channels."""
    if isinstance(layer, Linear):
        return x.shape[:-1]
    free = [x.shape[1 + i] + 2 * layer.padding - layer.weight.shape[i] for i in (0, 1)]
    return (x.shape[0], *(one // layer.stride + 1 for one in free))


def _difference(network: Network, first: _Run, second: _Run) -> ModelDifference:
    names = [layer.name for layer in _weighted(network)]
    apart = [x != y for x, y in zip(first.outputs, second.outputs, strict=True)]
    place, values = None, None
    for name, differ, x, y in zip(names, apart, first.outputs, second.outputs, strict=True):
        if differ.any():
            index = tuple(int(i) for i in np.argwhere(differ)[0])
            place, values = (name, index), (int(x[index]), int(y[index]))
            break
    last = network.layers[-1]
    assert isinstance(last, (Conv2d, Linear))
    ends = [run.outputs[-1].astype(np.int64) for run in (first, second)]
    predictions = [(end * last.unit).argmax(axis=-1) for end in ends]
    return ModelDifference(
        first=first.target.name,
        second=second.target.name,
        layers={name: int(differ.sum()) for name, differ in zip(names, apart, strict=True)},
        place=place,
        values=values,
        outputs=ends[0].size,
        differing=int(apart[-1].sum()),
        largest=int(np.abs(ends[0] - ends[1]).max(initial=0)),
        inputs=predictions[0].size,
        predictions=int((predictions[0] != predictions[1]).sum()),
    )
