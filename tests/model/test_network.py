"""Running networks: against numpy's int64 where nothing overflows, and what a run reports."""

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.data import digits, float_network
from pyqsim.errors import DatapathError, ModeError, OperandError
from pyqsim.model import (
    MACHINES,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Network,
    quantize_network,
    run,
)
from pyqsim.testing import oracle

EXACT = MACHINES[0]
BY_NAME = {machine.name: machine for machine in MACHINES}
INT8 = qs.Affine(8, narrow=True)
DIGITS = digits()


def quantized(name, fmt, machine=EXACT, count=12):
    network = quantize_network(float_network(name), fmt, machine)
    return network, network.input.tensor(DIGITS.test_x[:count, :, :, None])


def windows_of(codes, layer):
    border = (layer.padding, layer.padding)
    padded = np.pad(codes, ((0, 0), border, border, (0, 0)))
    kh, kw = layer.weight.shape[:2]
    rows = [
        padded[:, top : top + kh, left : left + kw].reshape(len(codes), -1)
        for top in range(0, padded.shape[1] - kh + 1, layer.stride)
        for left in range(0, padded.shape[2] - kw + 1, layer.stride)
    ]
    return np.stack(rows, axis=1)


def expected_output(layer, codes):
    """The layer's output in int64 and Python integers, from its numbers alone."""
    if isinstance(layer, Flatten):
        return codes.reshape(len(codes), -1)
    if isinstance(layer, MaxPool2d):
        count, height, width, channels = codes.shape
        blocks = codes.reshape(count, height // 2, 2, width // 2, 2, channels)
        return blocks.max(axis=(2, 4))
    weight = layer.weight.integers().reshape(-1, layer.weight.shape[-1])
    if isinstance(layer, Conv2d):
        rows = windows_of(codes, layer)
        side = int(rows.shape[1] ** 0.5)
        sums = (rows @ weight + layer.bias).reshape(len(codes), side, side, -1)
    else:
        sums = codes @ weight + layer.bias
    if layer.requantize is None:
        return sums
    scaled = np.empty_like(sums)
    for index in np.ndindex(sums.shape):
        multiplier, shift = (
            int(part[index[-1]]) for part in (layer.requantize.multiplier, layer.requantize.shift)
        )
        scaled[index] = oracle.double_rounding(int(sums[index]), multiplier, shift)
    return np.clip(scaled, 0, 255)


@pytest.mark.parametrize("fmt", [INT8, qs.LogQuant(3, signed=True), qs.APoT(4)], ids=str)
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_every_layer_equals_int64(name, fmt):
    network, x = quantized(name, fmt)
    result = run(network, x)
    codes = x.codes.astype(np.int64)
    for layer in result.layers:
        codes = expected_output(layer.layer, codes)
        found = layer.output.codes if isinstance(layer.output, qs.QTensor) else layer.output
        assert found.tolist() == codes.tolist(), layer.layer.name
    assert result.logits.tolist() == codes.tolist()
    assert result.overflows == 0


def test_logits_stand_for_those_of_the_float_network():
    from pyqsim.data.float_forward import forward

    network, x = quantized("mlp", INT8, count=50)
    real = run(network, x).real()
    wanted = forward(float_network("mlp"), DIGITS.test_x[:50] / 255)
    assert np.abs(real - wanted).max() < 0.02 * np.abs(wanted).max()


def test_events_additions_and_predictions():
    network, x = quantized("mlp", INT8, BY_NAME["VPMADDUBSW pairs"])
    result = run(network, x)
    assert [layer.additions for layer in result.layers] == [
        0,
        12 * 64 * (784 + 392),
        12 * 32 * (64 + 32),
        12 * 10 * (32 + 16),
    ]
    assert result.additions == sum(layer.additions for layer in result.layers)
    _, events = qs.matmul(
        result.layers[1].input,
        network.layers[1].weight,
        network.layers[1].datapath,
        bias=network.layers[1].bias,
        requantize=network.layers[1].requantize,
        events=True,
    )
    assert result.layers[0].events is None
    assert result.layers[1].events == events
    assert 0 < events.overflows <= result.overflows
    assert result.real().tolist() == (result.logits * network.layers[-1].unit).tolist()


def test_of_equal_logits_the_first_is_predicted():
    layer = Linear(
        name="dense",
        weight=qs.QTensor([[0, 3, 3, 1]], qs.Affine(8)),
        bias=[0, 0, 0, 0],
        datapath=qs.Datapath(output=(qs.AddBias(32),)),
        unit=np.ones(4),
    )
    code = qs.Encoding(qs.Affine(8))
    assert run(Network("tie", code, (layer,)), code.tensor([[1]])).predictions().tolist() == [1]


@pytest.mark.parametrize("machine", MACHINES[1:], ids=lambda machine: machine.name)
def test_threads_change_nothing(machine):
    network, x = quantized("cnn", INT8, machine, count=30)
    one, two = (run(network, x, threads=threads) for threads in (1, 2))
    assert one.logits.tolist() == two.logits.tolist()
    assert [layer.events for layer in one.layers] == [layer.events for layer in two.layers]


def test_an_input_in_another_encoding_is_refused():
    network, x = quantized("mlp", INT8)
    with pytest.raises(OperandError, match="allowed: in the encoding"):
        run(network, qs.QTensor(x.codes, x.format, scale=0.5))


def test_layers_that_do_not_follow_one_another_are_refused():
    network, _ = quantized("mlp", INT8)
    with pytest.raises(DatapathError, match="last layer"):
        Network("short", network.input, network.layers[:-1])
    with pytest.raises(DatapathError, match="without encoding, allowed: in the last layer only"):
        Network("twice", network.input, (network.layers[-1],) * 2)
    with pytest.raises(DatapathError, match="last layer None"):
        Network("none", network.input, ())


def test_layers_keep_their_own_copies():
    bias = np.zeros(1, np.int64)
    layer = Linear(
        name="dense",
        weight=qs.QTensor([[1]], qs.Affine(8)),
        bias=bias,
        datapath=qs.Datapath(),
        unit=[1.0],
    )
    bias[0] = 7
    assert layer.bias.tolist() == [0]
    with pytest.raises(ValueError, match="read-only"):
        layer.bias[0] = 1


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_without_events_the_same_numbers(name, machine):
    """Other kernels run then; nobody counts overflows, so none are reported."""
    network, x = quantized(name, INT8, machine, count=40)
    counted, fast = run(network, x), run(network, x, events=False)
    assert fast.logits.tolist() == counted.logits.tolist()
    assert all(layer.events is None for layer in fast.layers)
    assert any(layer.events is not None for layer in counted.layers)
    with pytest.raises(ModeError, match="overflows: run with events=False"):
        _ = fast.overflows
