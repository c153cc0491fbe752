"""From a float network to a quantized one: weights in a format, layers on a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pyqsim.calibration import quantize
from pyqsim.data import FloatLayer, FloatNetwork
from pyqsim.datapath import AddBias, Clamp, Merge, OutputStep, Requantize
from pyqsim.errors import QuantizationError
from pyqsim.formats import Affine, Format
from pyqsim.model.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d
from pyqsim.model.machines import Machine
from pyqsim.model.network import Network
from pyqsim.modes import SATURATE
from pyqsim.ops import Encoding
from pyqsim.requantize import DoubleRounding, FloatScale
from pyqsim.tensor import QTensor

__all__ = ["quantize_network"]

T = TypeVar("T", Format, Machine)

_ACTIVATION = Affine(8, signed=False)
_SCHEME = DoubleRounding()
_BIAS_BITS = 32
_MERGED_SCHEME = FloatScale()
_MERGED_BITS = 48
_MERGE_BITS = 14
_NAMES = {"conv2d": "conv", "linear": "linear", "max_pool": "pool", "flatten": "flatten"}


def quantize_network(
    network: FloatNetwork,
    weight_format: Format | Sequence[Format],
    machine: Machine | Sequence[Machine],
) -> Network:
    """Quantize a float network, as integer runtimes do it after training.

    Activations are 8-bit unsigned with zero point 0. A hidden layer ends with AddBias(32),
    DoubleRounding and Clamp(0, 255), which is its ReLU; the last one with AddBias(32).

    Parameters
    ----------
    network : FloatNetwork
        Hidden layers with weights end with a ReLU; the last one has none.
    weight_format : Format, or sequence of Format
        Of all layers with weights, or one for each of them in their order. Every output channel
        has a scale of its own (method "max", or the format's own fit), in every plane.
    machine : Machine, or sequence of Machine
        Every layer's datapath, likewise.

    Returns
    -------
    Network
        Its input is grey levels: codes 0..255 that stand for 0..1.

    Raises
    ------
    QuantizationError
        For another number of formats or machines than of layers with
        weights, a hidden layer without ReLU, weights or ranges that cannot be quantized, a bias
        that leaves 32 bits.

    Notes
    -----
    With sx, sw, sy the scales of a layer's input, weights and output, F the weight format's
    frac_bits and d the bits that the machine drops of every term:

    * a unit of the accumulator stands for ``u = sx * sw * 2**(d - F)``;
    * the bias is ``round(bias / u)``, ties to even, of the float64 quotient;
    * the requantize factor is ``u / sy``, and ``sy = output_max / 255`` with the layer's largest
      output over the calibration digits.

    A format of several planes has one accumulator a plane. `Merge` weighs and adds them in 48
    bits: ``unit = largest scale of the channel / 2**14``, multipliers ``round(scale / unit)``,
    ties to even; hidden layers are then scaled by FloatScale, whose input may be so wide.

    All of this is single float64 operations, one element at a time: the same on every machine.

    Examples
    --------
    >>> import pyqsim as qs
    >>> from pyqsim.data import digits, float_network
    >>> from pyqsim.model import MACHINES, run
    >>> net = quantize_network(float_network("mlp"), qs.Affine(8, narrow=True), MACHINES[0])
    >>> run(net, net.input.tensor(digits().test_x[:20, :, :, None])).logits.shape
    (20, 10)
    """
    weighted = sum(layer.weight is not None for layer in network.layers)
    formats = iter(_one_a_layer("weight_format", weight_format, weighted))
    machines = iter(_one_a_layer("machine", machine, weighted))
    encoding = given = Encoding(_ACTIVATION, 1 / _ACTIVATION.code_max)
    layers: list[Layer] = []
    for number, layer in enumerate(network.layers):
        same = sum(other.kind == layer.kind for other in network.layers[: number + 1])
        name = f"{_NAMES[layer.kind]}{same}"
        if layer.kind == "flatten":
            layers.append(Flatten(name))
        elif layer.kind == "max_pool":
            layers.append(MaxPool2d(name, layer.size))
        else:
            last = number == len(network.layers) - 1
            output = None if last else _output_encoding(name, layer)
            own = next(formats), next(machines)
            layers.append(_dot_product(name, layer, encoding, output, *own))
            encoding = output or encoding
    return Network(network.name, given, tuple(layers))


def _one_a_layer(name: str, given: T | Sequence[T], layers: int) -> list[T]:
    """What every layer with weights has: the same, or its own."""
    found = list(given) if isinstance(given, Sequence) else [given] * layers
    if len(found) != layers:
        raise QuantizationError(f"{len(found)} of {name}, allowed: 1 or {layers}, one a layer")
    return found


def _output_encoding(name: str, layer: FloatLayer) -> Encoding:
    if not layer.relu:
        raise QuantizationError(f"{name}: relu=False, allowed: True in a hidden layer")
    return Encoding(_ACTIVATION, layer.output_max / _ACTIVATION.code_max)


def _dot_product(
    name: str,
    layer: FloatLayer,
    given: Encoding,
    output: Encoding | None,
    weight_format: Format,
    machine: Machine,
) -> Conv2d | Linear:
    weights, biases = layer.parameters
    weight = quantize(weights, weight_format, axis=-1)
    exponent = machine.dropped_bits(weight_format) - weight_format.frac_bits
    scale, merge = _merged_scale(weight)
    unit = np.ldexp(given.scale * scale, exponent)
    scheme = _SCHEME if merge is None else _MERGED_SCHEME
    bits = _BIAS_BITS if merge is None else _MERGED_BITS
    steps: tuple[OutputStep, ...] = (AddBias(bits),)
    if merge is not None:
        steps = (Merge(bits, SATURATE), *steps)
    if output is not None:
        steps += (Requantize(scheme), Clamp(_ACTIVATION.code_min, _ACTIVATION.code_max))
    build: Callable[..., Conv2d | Linear] = (
        Linear
        if layer.kind == "linear"
        else partial(Conv2d, stride=layer.stride, padding=layer.padding)
    )
    return build(
        name=name,
        weight=weight,
        bias=_integer_bias(name, biases, unit, bits),
        datapath=machine.datapath(weight_format, steps),
        unit=unit,
        requantize=None if output is None else scheme.encode(unit / output.scale),
        merge=merge,
        encoding=output,
    )


def _merged_scale(
    weight: QTensor,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64] | None]:
    """One scale a channel, and the multipliers by which the planes are in units of it."""
    if weight.format.planes == 1:
        return weight.scale, None
    unit = np.ldexp(weight.scale.max(axis=0), -_MERGE_BITS)
    multipliers = np.rint(weight.scale / unit).astype(np.int64)
    return unit, multipliers[np.newaxis, :, np.newaxis, np.newaxis, :]


def _integer_bias(
    name: str, biases: npt.NDArray[np.float32], unit: npt.NDArray[np.float64], bits: int
) -> npt.NDArray[np.int64]:
    """Biases in units of the accumulator, ties to even."""
    integers = np.rint(biases.astype(np.float64) / unit)
    limit = 1 << (bits - 1)
    bad = ~((integers >= -limit) & (integers < limit))
    if bad.any():
        raise QuantizationError(
            f"{name}: bias={integers[bad][0]} units, allowed: {-limit}..{limit - 1}"
        )
    return integers.astype(np.int64)
