"""Recompute a few outputs of every layer in Python integers, with the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.model import Conv2d, LayerRun, Result
from pyqsim.model.layers import DotProduct
from pyqsim.tensor import QTensor
from pyqsim.testing import oracle

__all__ = ["Difference", "SpotCheck", "spot_check"]

_OUTPUTS_A_LAYER = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """An output on which kernel and oracle do not agree.

    Attributes
    ----------
    layer : str
    m, n : int
        Row (for a convolution: image, row, column in C order) and output channel.
    what : {"value", "first overflow"}
    kernel, oracle
        What each of them says.
    """

    layer: str
    m: int
    n: int
    what: str
    kernel: object
    oracle: object

    def __str__(self) -> str:
        where = f"{self.layer} m={self.m} n={self.n}"
        return f"{where}: {self.what} {self.kernel} by the kernel, {self.oracle} by the oracle"


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """How many outputs were recomputed, and where the two did not agree."""

    outputs: int
    differences: tuple[Difference, ...]


def spot_check(result: Result, seed: str) -> SpotCheck:
    """Recompute some outputs of every layer with weights from the real activations it was given.

    Parameters
    ----------
    result : Result
    seed : str
        Which outputs; the first one that overflowed is always among them, and its place is
        compared too.

    Returns
    -------
    SpotCheck
    """
    outputs = 0
    differences: list[Difference] = []
    for run in result.layers:
        for m, n in _spots(run, Random(f"{seed} {run.layer.name}")):
            outputs += 1
            differences += _differences(run, m, n)
    return SpotCheck(outputs, tuple(differences))


def _codes(output: QTensor | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(M, N): the outputs as the layer's dot product left them."""
    codes = output.codes if isinstance(output, QTensor) else output
    return codes.reshape(-1, codes.shape[-1])


def _spots(run: LayerRun, random: Random) -> list[tuple[int, int]]:
    if run.events is None:
        return []
    rows, columns = _codes(run.output).shape
    drawn = random.sample(range(rows * columns), min(_OUTPUTS_A_LAYER, rows * columns))
    spots = [divmod(index, columns) for index in drawn]
    if run.events.first:
        spots.append(run.events.first[1:3])
    return sorted(set(spots))


def _differences(run: LayerRun, m: int, n: int) -> Iterator[Difference]:
    """At most one difference in the value and one in the place of the first overflow."""
    layer = run.layer
    assert isinstance(layer, DotProduct)
    assert run.events is not None
    value, events = oracle.matmul(
        _row(layer, run.input, m),
        _column(layer.weight, n),
        layer.datapath,
        bias=layer.bias[n],
        merge=None if layer.merge is None else layer.merge[..., n : n + 1],
        requantize=layer.requantize and layer.requantize.columns(slice(n, n + 1), len(layer.bias)),
        events=True,
    )
    kernel_value, oracle_value = int(_codes(run.output)[m, n]), int(value[0, 0])
    if kernel_value != oracle_value:
        yield Difference(layer.name, m, n, "value", kernel_value, oracle_value)
    if run.events.first and run.events.first[1:3] == (m, n):
        oracle_first = events.first and (events.first[0], m, n, events.first[3])
        if run.events.first != oracle_first:
            first = "first overflow"
            yield Difference(layer.name, m, n, first, run.events.first, oracle_first)


def _row(layer: DotProduct, x: QTensor, m: int) -> QTensor:
    """(1, K): what the dot product number m is made from; windows cut without the ops' help."""
    codes = _window(layer, x.codes, m) if isinstance(layer, Conv2d) else x.codes[m]
    return QTensor(codes.reshape(1, -1), x.format, x.scale, x.zero_point)


def _window(layer: Conv2d, images: npt.NDArray[Any], m: int) -> npt.NDArray[Any]:
    kh, kw = layer.weight.shape[:2]
    border = (layer.padding, layer.padding)
    rows, columns = (
        (size + 2 * layer.padding - taps) // layer.stride + 1
        for size, taps in zip(images.shape[1:3], (kh, kw), strict=True)
    )
    image, place = divmod(m, rows * columns)
    top, left = (layer.stride * at for at in divmod(place, columns))
    padded = np.pad(images[image], (border, border, (0, 0)))
    return padded[top : top + kh, left : left + kw]


def _column(weight: QTensor, n: int) -> QTensor:
    """(K, 1): the weights of output channel n."""
    return QTensor(weight.codes[..., n].reshape(-1, 1), weight.format, weight.scale[..., n])
