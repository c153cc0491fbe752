"""A float network's numbers in units of its quantized layers."""

from fractions import Fraction

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.data import FloatLayer, FloatNetwork, float_network
from pyqsim.errors import QuantizationError
from pyqsim.model import MACHINES, Conv2d, Flatten, Linear, MaxPool2d, quantize_network
from pyqsim.requantize import DoubleRounding

INT8 = qs.Affine(8, narrow=True)
EXACT, TRUNCATING = MACHINES[0], MACHINES[-1]


def dense(weight, bias, **fields):
    arrays = np.array(weight, np.float32), np.array(bias, np.float32)
    return FloatLayer("linear", *arrays, **fields)


def two_layers(**first):
    return FloatNetwork(
        "two",
        (
            dense([[0.5, -1.0], [0.25, 2.0]], [0.1, -0.2], **first),
            dense([[1.0], [-1.0]], [3.0]),
        ),
        float_accuracy=1.0,
    )


def test_scales_biases_and_factors():
    first, last = quantize_network(two_layers(relu=True, output_max=5.1), INT8, EXACT).layers
    assert first.weight == qs.quantize([[0.5, -1.0], [0.25, 2.0]], INT8, axis=1)
    assert first.unit.tolist() == [0.5 / 127 * (1 / 255), 2 / 127 * (1 / 255)]
    exact = [
        Fraction(float(np.float32(b))) / Fraction(u)
        for b, u in zip((0.1, -0.2), first.unit, strict=True)
    ]
    assert first.bias.tolist() == [round(value) for value in exact]
    assert first.encoding == qs.Encoding(qs.Affine(8, signed=False), 5.1 / 255)
    wanted = DoubleRounding().encode(first.unit / (5.1 / 255))
    assert first.requantize.multiplier.tolist() == wanted.multiplier.tolist()
    assert first.requantize.shift.tolist() == wanted.shift.tolist()
    assert last.unit.tolist() == [5.1 / 255 * (1 / 127)]
    assert last.requantize is None
    assert last.encoding is None


@pytest.mark.parametrize("fmt", [INT8, qs.LogQuant(3, signed=True), qs.APoT(4)], ids=str)
def test_dropped_bits_and_fraction_bits_are_in_the_unit(fmt):
    network = two_layers(relu=True, output_max=5.1)
    exact = quantize_network(network, fmt, EXACT).layers[0]
    short = quantize_network(network, fmt, TRUNCATING).layers[0]
    assert exact.unit.tolist() == (exact.weight.scale * (1 / 255) * 2.0**-fmt.frac_bits).tolist()
    assert short.unit.tolist() == (exact.unit * 2.0 ** TRUNCATING.dropped_bits(fmt)).tolist()


def test_layers_of_the_committed_networks():
    mlp = quantize_network(float_network("mlp"), INT8, EXACT)
    assert [type(layer) for layer in mlp.layers] == [Flatten, Linear, Linear, Linear]
    cnn = quantize_network(float_network("cnn"), INT8, EXACT)
    assert [type(layer) for layer in cnn.layers] == [Conv2d, MaxPool2d, Conv2d, Flatten, Linear]
    assert [layer.name for layer in cnn.layers] == [
        "conv1",
        "pool1",
        "conv2",
        "flatten1",
        "linear1",
    ]
    assert (cnn.layers[0].stride, cnn.layers[0].padding) == (2, 2)
    assert cnn.input == qs.Encoding(qs.Affine(8, signed=False), 1 / 255)


def test_a_hidden_layer_without_relu_is_refused():
    with pytest.raises(QuantizationError, match=r"linear1: relu=False"):
        quantize_network(two_layers(relu=False, output_max=5.1), INT8, EXACT)


def test_a_bias_beyond_32_bits_is_refused():
    network = FloatNetwork("big", (dense([[1e-6]], [1e6]),), float_accuracy=1.0)
    with pytest.raises(
        QuantizationError, match=r"linear1: bias=.* units, allowed: -2147483648\.\."
    ):
        quantize_network(network, INT8, EXACT)


def test_a_format_without_encoding_is_refused():
    digits = qs.Planes([[c % 4 for c in range(16)], [c // 4 for c in range(16)]])
    with pytest.raises(QuantizationError, match="Planes"):
        quantize_network(two_layers(relu=True, output_max=5.1), digits, EXACT)


@pytest.mark.parametrize("fmt", [qs.PiecewiseLinear(4), qs.BitPlanes(3)], ids=str)
def test_planes_are_merged_in_units_of_2_to_the_minus_14(fmt):
    """Each multiplier times the unit is its plane's scale, within half a unit of the largest."""
    network = two_layers(relu=True, output_max=5.1)
    layer = quantize_network(network, fmt, EXACT).layers[0]
    scale, multipliers = layer.weight.scale, layer.merge[0, :, 0, 0]
    unit = scale.max(axis=0) / 2**14
    assert (layer.unit == unit / 255).all()
    assert (abs(multipliers * unit - scale) <= unit * (0.5 + 2**-30)).all()
    assert multipliers.max(axis=0).tolist() == [2**14] * scale.shape[1]


def test_formats_and_machines_of_their_own():
    network = two_layers(relu=True, output_max=5.1)
    formats, machines = (qs.APoT(4), INT8), (TRUNCATING, EXACT)
    mixed = quantize_network(network, formats, machines)
    for number, (fmt, machine) in enumerate(zip(formats, machines, strict=True)):
        alone = quantize_network(network, fmt, machine).layers[number]
        assert mixed.layers[number].weight == alone.weight
        assert mixed.layers[number].datapath == alone.datapath
        assert mixed.layers[number].unit.tolist() == alone.unit.tolist()
        assert mixed.layers[number].bias.tolist() == alone.bias.tolist()
    assert mixed.layers[0].datapath != mixed.layers[1].datapath


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_formats_or_machines_is_refused(count):
    network = two_layers(relu=True, output_max=5.1)
    with pytest.raises(QuantizationError, match=f"{count} of weight_format, allowed: 1 or 2"):
        quantize_network(network, [INT8] * count, EXACT)
    with pytest.raises(QuantizationError, match=f"{count} of machine, allowed: 1 or 2"):
        quantize_network(network, INT8, [EXACT] * count)
