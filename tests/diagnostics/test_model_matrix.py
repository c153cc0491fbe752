"""A network on several targets, against forward passes written out here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exhaustive.definitions import double

import pyqsim as qs
from pyqsim.data import digits, float_network
from pyqsim.diagnostics import ModelMatrix, compare_models
from pyqsim.model import MACHINES, Conv2d, Linear, Network, quantize_network, run
from pyqsim.requantize import FloatScale

VNNI, AVX2, TFLITE = (
    qs.targets.get(name) for name in ("ort-vnni", "ort-avx2-u8s8", "tflite-reference-conv")
)
COUNT = 60


def _network(name: str) -> tuple[Network, qs.QTensor]:
    network = quantize_network(float_network(name), qs.Affine(8, narrow=True), MACHINES[0])
    return network, network.input.tensor(digits().test_x[:COUNT, :, :, None])


def _float32(sums: Any, layer: Linear, x_scale: float) -> Any:
    """rint of the float32 product, ties to even, cut to 0..255."""
    scale = np.float32(x_scale) * layer.weight.scale.astype(np.float32)
    factor = scale / np.float32(layer.encoding.scale)
    return np.clip(np.rint(sums.astype(np.float32) * factor), 0, 255).astype(np.int64)


def _two_roundings(sums: Any, layer: Linear, x_scale: float) -> Any:
    """The multiplier by frexp, both roundings in integers, cut to 0..255."""
    scales = np.float32(x_scale).astype(float) * layer.weight.scale.astype(np.float32)
    fraction, shift = np.frexp(scales.astype(float) / float(np.float32(layer.encoding.scale)))
    m = np.floor(fraction * 2**31 + 0.5).astype(np.int64)
    y = [double(sums[:, n], int(m[n]), int(shift[n])) for n in range(sums.shape[1])]
    return np.clip(np.stack(y, axis=1), 0, 255)


def _exact(a: Any, b: Any) -> Any:
    return a @ b


def _pairs(a: Any, b: Any) -> Any:
    """VPMADDUBSW: each pair saturates at 16 bits."""
    products = [a[:, k : k + 2] @ b[k : k + 2] for k in range(0, a.shape[1], 2)]
    return sum(np.clip(one, -32768, 32767) for one in products)


def _forward(network: Network, x: qs.QTensor, dot: Any, scale: Any) -> dict[str, Any]:
    """Every layer's integers, in plain NumPy."""
    value, x_scale, found = x.codes.reshape(COUNT, -1).astype(np.int64), network.input.scale, {}
    for layer in network.layers:
        if not isinstance(layer, Linear):
            continue
        sums = dot(value, layer.weight.codes.astype(np.int64)) + layer.bias
        value = sums if layer.encoding is None else scale(sums, layer, x_scale)
        found[layer.name] = value
        x_scale = x_scale if layer.encoding is None else layer.encoding.scale
    return found


@pytest.fixture(scope="module")
def mlp() -> ModelMatrix:
    return compare_models(*_network("mlp"), [VNNI, TFLITE, AVX2])


@pytest.mark.parametrize("name", ["ort-avx2-u8s8", "tflite-reference-conv"])
def test_layers_on_their_own_results(mlp: ModelMatrix, name: str) -> None:
    """Counts, the first place and the logits are those of two forward passes."""
    network, x = _network("mlp")
    ways = {"ort-avx2-u8s8": (_pairs, _float32), "tflite-reference-conv": (_exact, _two_roundings)}
    ours, theirs = (_forward(network, x, *way) for way in ((_exact, _float32), ways[name]))
    one = mlp.of("ort-vnni", name)
    apart = {layer: ours[layer] != theirs[layer] for layer in ours}
    assert one.layers == {layer: int(differ.sum()) for layer, differ in apart.items()}
    first = next(layer for layer, differ in apart.items() if differ.any())
    index = tuple(np.argwhere(apart[first])[0].tolist())
    assert one.place == (first, index)
    assert one.values == (ours[first][index], theirs[first][index])
    last = network.layers[-1]
    ends = ours[last.name], theirs[last.name]
    assert one.outputs == ends[0].size == COUNT * 10
    assert one.differing == (ends[0] != ends[1]).sum() > 0
    assert one.largest == np.abs(ends[0] - ends[1]).max()
    guesses = [(end * last.unit).argmax(axis=1) for end in ends]
    assert (one.inputs, one.predictions) == (COUNT, (guesses[0] != guesses[1]).sum())


def test_layers_on_equal_inputs(mlp: ModelMatrix) -> None:
    """Each layer of the second way on what the first one gives it."""
    network, x = _network("mlp")
    ours = _forward(network, x, _exact, _float32)
    given = [x.codes.reshape(COUNT, -1).astype(np.int64), *ours.values()]
    layers = [layer for layer in network.layers if isinstance(layer, Linear)]
    scales = [network.input.scale, *(layer.encoding.scale for layer in layers if layer.encoding)]
    assert [one.name for one in mlp.layers] == [layer.name for layer in layers]
    for one, layer, a, x_scale in zip(mlp.layers, layers, given, scales, strict=False):
        sums = _pairs(a, layer.weight.codes.astype(np.int64)) + layer.bias
        y = sums if layer.encoding is None else _float32(sums, layer, x_scale)
        pair = one.matrix.of("ort-vnni", "ort-avx2-u8s8")
        assert pair.differing == (y != ours[layer.name]).sum()
        assert set(pair.causes) <= {"saturation: ort-avx2-u8s8, sum step 0, 16 bits"}
        assert sum(pair.causes.values()) == pair.differing


def test_convolutions() -> None:
    """As the network itself runs with the targets' schemes in its layers."""
    network, x = _network("cnn")
    one = compare_models(network, x, [VNNI, TFLITE]).of("ort-vnni", "tflite-reference-conv")
    encoding, layers = network.input, []
    for layer in network.layers:
        if isinstance(layer, (Conv2d, Linear)) and layer.encoding is not None:
            scale = VNNI.real_scale(encoding.scale, layer.weight.scale, layer.encoding.scale)
            output = tuple(
                qs.Requantize(FloatScale()) if isinstance(step, qs.Requantize) else step
                for step in layer.datapath.output
            )
            encoding, layer = (
                layer.encoding,
                replace(
                    layer,
                    datapath=replace(layer.datapath, output=output),
                    requantize=FloatScale().encode(scale),
                ),
            )
        layers.append(layer)
    runs = [run(replace(network, layers=tuple(layers)), x), run(network, x)]
    outputs = [
        [r.output for r in result.layers if isinstance(r.layer, (Conv2d, Linear))]
        for result in runs
    ]
    codes = [[y.codes if isinstance(y, qs.QTensor) else y for y in of] for of in outputs]
    apart = [int((y != z).sum()) for y, z in zip(*codes, strict=True)]
    assert list(one.layers.values()) == apart
    assert 0 < apart[0] < apart[1]
    assert one.place is not None
    layer, index = one.place
    assert (layer, one.values) == ("conv1", tuple(int(of[0][index]) for of in codes))


def test_targets_without_scheme_take_the_networks_own() -> None:
    """Sums of 32 bits are the network's; sums of 18 saturating bits another machine's."""
    network, x = _network("mlp")
    wide = qs.targets.get("x86-vpdpbusds")
    step = qs.Accumulate(18, "saturate", start="bias")
    narrow = replace(
        wide, name="narrow", datapath=qs.Datapath(reduce=(qs.Accumulate(group=4), step))
    )
    other = replace(
        network,
        layers=tuple(
            replace(
                layer,
                datapath=replace(
                    layer.datapath, reduce=narrow.datapath.reduce, output=layer.datapath.output[1:]
                ),
            )
            if isinstance(layer, Linear)
            else layer
            for layer in network.layers
        ),
    )
    found = compare_models(network, x, [wide, narrow, TFLITE])
    runs = run(network, x), run(other, x)
    for names, logits in (
        (("x86-vpdpbusds", "narrow"), (runs[0].logits, runs[1].logits)),
        (("x86-vpdpbusds", "tflite-reference-conv"), (runs[0].logits, runs[0].logits)),
    ):
        one = found.of(*names)
        assert one.differing == (logits[0] != logits[1]).sum()
        assert one.largest == np.abs(logits[0].astype(np.int64) - logits[1]).max()
    assert found.of("narrow", "x86-vpdpbusds").differing > 0


def test_what_cannot_be_compared() -> None:
    """A target's reason; formats that no target knows; another input."""
    network, x = _network("mlp")
    refused = [qs.targets.get(name) for name in ("gemmini-functional", "tflite-16x8")]
    found = compare_models(network, x, [VNNI, *refused])
    assert found.names == ("ort-vnni",)
    assert set(found.refused) == {"gemmini-functional", "tflite-16x8"}
    assert "makes codes -128..127" in found.refused["gemmini-functional"]
    with pytest.raises(qs.errors.OperandError, match="two of"):
        found.of("ort-vnni", "tflite-16x8")
    logs = quantize_network(float_network("mlp"), qs.APoT(4), MACHINES[0])
    with pytest.raises(qs.errors.OperandError, match=r"'linear1': weight .*allowed: Affine"):
        compare_models(logs, x, [VNNI])
    with pytest.raises(qs.errors.OperandError, match="in the encoding"):
        compare_models(network, qs.QTensor(x.codes, x.format, 0.5), [VNNI])
    assert compare_models(network, x, [refused[0]]).layers == ()
