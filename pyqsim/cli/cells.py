"""What the demo measures: one network, its weights in one format, on one machine."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pyqsim.cli.spot_check import SpotCheck, spot_check
from pyqsim.data import Digits, FloatNetwork, float_network
from pyqsim.data.float_forward import forward
from pyqsim.formats import Affine, APoT, Format, LogQuant, PowerOfTwo
from pyqsim.formats.catalogue import NETWORK_FAMILIES
from pyqsim.model import MACHINES, Machine, Result, quantize_network, run

__all__ = [
    "ALL_FORMATS",
    "FORMATS",
    "NETWORKS",
    "CellReport",
    "FirstOverflow",
    "NetworkReport",
    "measure",
]

NetworkName = Literal["mlp", "cnn"]

NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
#: Weight formats by what the demo calls them.
FORMATS: dict[str, Format] = {
    "int8": Affine(8, narrow=True),
    "int4": Affine(4, narrow=True),
    "log 4-bit": LogQuant(3, signed=True),
    "PoT 4-bit": PowerOfTwo(4),
    "APoT 4-bit": APoT(4),
}
#: Those and all others that a network takes: one plane, zero points of 0, at most 4 bits.
ALL_FORMATS: dict[str, Format] = FORMATS | {
    f"{one.name} {bits}-bit": one.of_bits(bits)
    for one in NETWORK_FAMILIES
    for bits in one.usual
    if bits <= 4 and one.of_bits(bits) not in FORMATS.values()
}


@dataclass(frozen=True, slots=True)
class FirstOverflow:
    """Where a network first overflowed.

    Attributes
    ----------
    layer : str
        The first layer that overflows on any digit.
    step, m, n, k : int
        As in `pyqsim.Events.first`, m over all digits.
    """

    layer: str
    step: int
    m: int
    n: int
    k: int


@dataclass(frozen=True, slots=True)
class CellReport:
    """One network on one machine.

    Attributes
    ----------
    network, format, machine : str
        Names.
    weight_format, product : str
        As Python writes them.
    reduce : tuple of str
        The reduce steps, as Python writes them.
    dropped_bits : int
        Bits that every term loses.
    accuracy : float
        Fraction of the digits it gets right.
    drop : float
        Accuracy of the float network less that, in percentage points.
    sqnr_db : float or None
        Energy of the float network's logits over that of the differences from them, dB, to two
        decimals; None where there is no difference.
    overflows, additions : int
        Of all accumulators, over all digits.
    first_overflow : FirstOverflow or None
    overflows_by_layer : dict
    seconds : float
        The run through the kernels; not the oracle's share.
    oracle : SpotCheck
    """

    network: str
    format: str
    machine: str
    weight_format: str
    product: str
    reduce: tuple[str, ...]
    dropped_bits: int
    accuracy: float
    drop: float
    sqnr_db: float | None
    overflows: int
    additions: int
    first_overflow: FirstOverflow | None
    overflows_by_layer: dict[str, int]
    seconds: float
    oracle: SpotCheck


@dataclass(frozen=True, slots=True)
class NetworkReport:
    """A float network on the same digits.

    Attributes
    ----------
    name : str
    layers : tuple of str
        One description a layer.
    float_accuracy : float
        Fraction of the digits it gets right.
    """

    name: str
    layers: tuple[str, ...]
    float_accuracy: float


def measure(
    networks: Sequence[NetworkName],
    formats: Sequence[str],
    digits: Digits,
    count: int,
    threads: int | None = None,
) -> Iterator[NetworkReport | CellReport]:
    """Run the first test digits through every network, format and machine.

    Parameters
    ----------
    networks : sequence of {"mlp", "cnn"}
    formats : sequence of str
        Keys of `ALL_FORMATS`.
    digits : Digits
    count : int
        How many test digits.
    threads : int, optional
        As in `pyqsim.matmul`.

    Yields
    ------
    NetworkReport or CellReport
        A network, then its cells, as they finish.
    """
    images, labels = digits.test_x[:count, :, :, np.newaxis], digits.test_y[:count]
    for name in networks:
        network = float_network(name)
        logits = forward(network, images / 255)
        float_accuracy = _accuracy(logits.argmax(axis=1), labels)
        yield NetworkReport(name, tuple(_description(network)), float_accuracy)
        for format_name in formats:
            for machine in MACHINES:
                yield _cell(network, format_name, machine, images, labels, logits, threads)


def _cell(
    network: FloatNetwork,
    format_name: str,
    machine: Machine,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    float_logits: npt.NDArray[np.float64],
    threads: int | None,
) -> CellReport:
    weight_format = ALL_FORMATS[format_name]
    quantized = quantize_network(network, weight_format, machine)
    began = time.perf_counter()
    result = run(quantized, quantized.input.tensor(images), threads=threads)
    seconds = time.perf_counter() - began
    datapath = machine.datapath(weight_format)
    accuracy = _accuracy(result.predictions(), labels)
    float_accuracy = _accuracy(float_logits.argmax(axis=1), labels)
    return CellReport(
        network=network.name,
        format=format_name,
        machine=machine.name,
        weight_format=repr(weight_format),
        product=repr(datapath.product),
        reduce=tuple(map(repr, datapath.reduce)),
        dropped_bits=machine.dropped_bits(weight_format),
        accuracy=accuracy,
        drop=round(100 * (float_accuracy - accuracy), 6),
        sqnr_db=_sqnr_db(float_logits, result.real()),
        overflows=result.overflows,
        additions=result.additions,
        first_overflow=_first_overflow(result),
        overflows_by_layer={
            run.layer.name: run.events.overflows for run in result.layers if run.events
        },
        seconds=round(seconds, 3),
        oracle=spot_check(result, f"{network.name} {format_name} {machine.name}"),
    )


def _accuracy(predictions: npt.NDArray[np.intp], labels: npt.NDArray[np.uint8]) -> float:
    return int((predictions == labels).sum()) / len(labels)


def _sqnr_db(signal: npt.NDArray[np.float64], value: npt.NDArray[np.float64]) -> float | None:
    noise = float(np.square(signal - value).sum())
    return round(10 * math.log10(float(np.square(signal).sum()) / noise), 2) if noise else None


def _first_overflow(result: Result) -> FirstOverflow | None:
    for layer in result.layers:
        if layer.events and layer.events.first:
            return FirstOverflow(layer.layer.name, *layer.events.first)
    return None


def _description(network: FloatNetwork) -> Iterator[str]:
    for layer in network.layers:
        if layer.weight is None:
            yield f"max_pool {layer.size}" if layer.kind == "max_pool" else layer.kind
        else:
            shape = "x".join(map(str, layer.weight.shape))
            yield f"{layer.kind} {shape}{' relu' if layer.relu else ''}"
