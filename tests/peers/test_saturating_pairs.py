"""The kernels of CPUs without VNNI, whose pairs of products saturate at 16 bits, on any x86-64 CPU.

qemu-user shows onnxruntime and PyTorch an AVX2 CPU without VNNI; both ask the CPU and take the
kernels that they would take there. Emulated is the instruction set, not the kernels. In the same
layers this machine's own kernels differ, which is what users see (onnxruntime issues 6004, 14642).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from peers.layers import Layer, Quantized
from peers.probes import Peer, beside_ties, probe, random_layer
from peers.simulated import run_layer, run_sums
from peers.tally import Tally

import pyqsim as qs
from pyqsim import targets
from pyqsim.requantize import onednn_chain

F = np.float32
PEER = Peer(np.uint8, np.int8, np.uint8)
EXACT = targets.get("ort-vnni")
EMULATED = "{} under qemu -cpu Haswell"
ONEDNN = targets.get("torch-onednn-avx2")
#: oneDNN fills the channels of every tap to a multiple of 4 with zeros.
ONEDNN_ORDER = ("kh", "kw", ("c", 4), "c")


def saturating_layers(kind: str, seed: int, count: int, **options) -> list[Layer]:
    """Layers whose operands stand mostly at their rails, so that pairs leave 16 bits."""
    rng = np.random.default_rng(seed)
    found = (
        random_layer(rng, kind, PEER, extreme=True, bias=False, **options) for _ in range(count)
    )
    return [wide(layer) for layer in found]


def wide(layer: Layer) -> Layer:
    """Scales 1, and an output scale that keeps sums inside the rails.

    A power of two: oneDNN multiplies by the scales one after the other, each product rounded.
    """
    k = int(np.prod(layer.weight.codes.shape[:-1]))
    y = Quantized(layer.y.codes, np.float32(2.0 ** np.ceil(np.log2(k * 255 * 128 / 500))), 127)
    x = replace(layer.x, scale=np.float32(1))
    return replace(layer, x=x, weight=replace(layer.weight, scale=np.float32(1)), y=y)


def dense_layers(seed: int, count: int) -> list[Layer]:
    """Few layers of many outputs: making a session is what takes an emulated CPU long."""
    rng = np.random.default_rng(seed)
    layers = []
    for _ in range(count):
        m, k, n = (
            int(rng.choice([1, 2, 60, 64])),
            int(rng.integers(1, 300)),
            int(rng.integers(60, 90)),
        )
        x = rng.choice([255, 255, 254, int(rng.integers(0, 255)), 0], (m, k)).astype(np.uint8)
        weight = rng.choice([127, 126, -128, -128, int(rng.integers(-128, 127))], (k, n))
        y = Quantized(np.zeros(0, np.uint8))
        operands = Quantized(x, 1.0, int(rng.integers(0, 256))), Quantized(weight.astype(np.int8))
        layers.append(wide(Layer("dense", *operands, None, y)))
    return layers


def differing(layers, first, second) -> int:
    return sum(int((first(layer) != second(layer)).sum()) for layer in layers)


def ours(target, **options):
    return lambda layer: run_layer(layer, targets.get(target), **options)


def test_onnxruntime_dense(call_emulated, onnx_model, ort, ledger, level):
    """QLinearMatMul, and MatMulInteger under it, at M = 1 (its own kernel) and above."""
    layers = dense_layers(level, 70 if level == 1 else 3000)
    calls = [
        ("peers.ort", "run_model", (make(layer), layer.x.codes))
        for layer in layers
        for make in (onnx_model.model_of, onnx_model.accumulator_model_of)
    ]
    results = call_emulated(calls)
    target, tally = targets.get("ort-avx2-u8s8"), Tally()
    sums = replace(target.datapath, output=target.datapath.output[:1])
    for layer, codes, accumulators in zip(layers, results[::2], results[1::2], strict=True):
        tally.add(codes, run_layer(layer, target), layer)
        tally.add(accumulators, run_sums(layer, sums), layer)
    version = {"version": ort.onnxruntime.__version__}
    tally.check(ledger, target.name, EMULATED.format("onnxruntime"), 100_000, **version)
    assert differing(layers, ours(target.name), ours("ort-vnni")) > tally.cases // 10


def test_onnxruntime_conv(call_emulated, onnx_model, ort, ledger, level):
    """QLinearConv: pairs in the order kh, kw, c; a depth multiplier of 2 or more saturates too."""
    layers = saturating_layers("conv", level, 60, paddings=("valid", "same"))
    deep = saturating_layers("depthwise", level, 40)
    layers += [d for d in deep if d.weight.codes.shape[3] > d.x.codes.shape[3]]
    calls = [("peers.ort", "run_model", (onnx_model.model_of(one), one.x.codes)) for one in layers]
    tally = Tally()
    for layer, codes in zip(layers, call_emulated(calls), strict=True):
        tally.add(codes, run_layer(layer, targets.get("ort-avx2-u8s8")), layer)
    version = {"version": ort.onnxruntime.__version__}
    peer = EMULATED.format("onnxruntime")
    tally.check(ledger, "ort-avx2-u8s8", peer, 10_000, **version)
    assert differing(layers, ours("ort-avx2-u8s8"), ours("ort-vnni")) > tally.cases // 10
    other = ours("ort-avx2-u8s8", order=("c", "kh", "kw"))
    assert differing(layers, ours("ort-avx2-u8s8"), other) > 0


def test_onnxruntime_exact_without_vnni(call_emulated, onnx_model, ort, ledger, level):
    """ConvInteger, depthwise kernels, u8u8 and s8s8 widen to 16 bits first: no pair saturates."""
    layers = saturating_layers("depthwise", level, 60)
    layers = [one for one in layers if one.weight.codes.shape[3] == one.x.codes.shape[3]]
    rng = np.random.default_rng(level)
    for peer in (
        Peer(np.uint8, np.uint8, np.uint8, weight_zero_points=True),
        Peer(np.int8, np.int8, np.int8),
    ):
        for kind in ("dense", "conv"):
            layers += [random_layer(rng, kind, peer, extreme=True, bias=False) for _ in range(15)]
    convs = saturating_layers("conv", level, 20)
    calls = [("peers.ort", "run_model", (onnx_model.model_of(one), one.x.codes)) for one in layers]
    calls += [
        ("peers.ort", "run_model", (onnx_model.accumulator_model_of(one), one.x.codes))
        for one in convs
    ]
    results, tally = call_emulated(calls), Tally()
    for layer, codes in zip(layers, results[: len(layers)], strict=True):
        tally.add(codes, run_layer(layer, EXACT), layer)
    exact = qs.Datapath(reduce=(qs.Accumulate(32),))
    for layer, sums in zip(convs, results[len(layers) :], strict=True):
        tally.add(sums, run_sums(layer, exact), layer)
    version = {"version": ort.onnxruntime.__version__}
    tally.check(ledger, "ort-vnni", EMULATED.format("onnxruntime"), 5_000, **version)


def layers_beside_ties(seed: int, count: int) -> list[Layer]:
    """Layers of all kinds whose scales, one a channel, put sums beside ties: a last bit counts."""
    rng = np.random.default_rng(seed)
    peer = replace(PEER, bias_limit=2**23 - 512)
    layers = []
    for kind in ("dense", "conv", "depthwise"):
        layers += [probe(rng, kind, peer, 50, per_channel=True) for _ in range(count // 3)]
        for _ in range(count):
            extreme = bool(rng.integers(0, 2))
            layers.append(moved_beside_ties(rng, random_layer(rng, kind, peer, extreme=extreme)))
    return layers


def moved_beside_ties(rng: np.random.Generator, layer: Layer) -> Layer:
    """The layer with weight scales that put one sum of every channel beside a tie."""
    n = layer.weight.codes.shape[-1]
    whole = ONEDNN.datapath
    datapath = replace(whole, output=whole.output[:1], order=onednn_order(layer))
    sums = run_sums(layer, datapath).reshape(-1, n)
    bias = rng.integers(-(2**14), 2**14, n)
    acc = sums[rng.integers(0, len(sums), n), np.arange(n)] + bias
    y_scale = F(2.0 ** rng.uniform(-4, 4))
    factor = beside_ties(rng, acc, PEER, int(layer.y.zero_point))
    scale = np.asarray(factor * float(y_scale) / float(layer.x.scale), F)
    scale = (scale.view(np.int32) + rng.integers(-2, 3, n, np.int32)).view(F)
    return replace(
        layer,
        weight=replace(layer.weight, scale=scale),
        y=replace(layer.y, scale=y_scale),
        bias=bias.astype(np.int32),
    )


def onednn_order(layer: Layer):
    return None if layer.kind == "dense" else ONEDNN_ORDER


@pytest.fixture(scope="module")
def torch_results(call_emulated, torch_engines, level):
    """Every engine on the same layers, in few emulated processes: importing PyTorch takes 14 s.

    And oneDNN on layers beside ties, as "beside".
    """
    count = 30 if level == 1 else 3000
    layers = dense_layers(level, count)
    layers += saturating_layers("conv", level, count) + saturating_layers("depthwise", level, count)
    beside = layers_beside_ties(level, 30 if level == 1 else 2000)
    work = [(layer, engine) for engine in torch_engines.ENGINES for layer in layers]
    work += [(layer, "onednn") for layer in beside]
    calls = [("peers.torch_engines", "run_layer", arguments) for arguments in work]
    batches = [calls[first : first + 6000] for first in range(0, len(calls), 6000)]
    results = iter([codes for batch in batches for codes in call_emulated(batch)])
    found = {engine: [next(results) for _ in layers] for engine in torch_engines.ENGINES}
    return layers, found, list(zip(beside, results, strict=True))


@pytest.mark.parametrize("engine", ["fbgemm", "x86", "onednn", "qnnpack"])
def test_torch(torch_results, torch_engines, ledger, engine):
    layers, results, _ = torch_results
    name = f"torch-{engine}" if engine == "qnnpack" else f"torch-{engine}-avx2"
    tally = Tally()
    for layer, codes in zip(layers, results[engine], strict=True):
        if engine == "onednn" and len(layer.weight.codes) > 256 and layer.kind == "dense":
            continue  # summed in blocks of K that are not identified: the target's pitfall
        order = onednn_order(layer) if engine == "onednn" else None
        tally.add(codes, run_layer(layer, targets.get(name), order=order), layer)
    version = {"version": torch_engines.torch.__version__}
    tally.check(ledger, name, EMULATED.format("torch"), 20_000, **version)
    if engine != "qnnpack":
        assert differing(layers, ours(name), ours("torch-qnnpack")) > tally.cases // 10


def test_onednn_beside_ties(torch_results, torch_engines, ledger):
    """One product of both operands' scales, which the kernels of VNNI multiply one by one."""
    tally, others, divided = Tally(), dict.fromkeys(("vnni", "operator"), 0), Tally()
    for layer, codes in torch_results[2]:
        scales = layer.x.scale, layer.weight.scale, layer.y.scale
        bias, order = torch_engines.real_bias(layer), onednn_order(layer)
        if layer.kind == "depthwise" and 1 < layer.x.codes.shape[3] < layer.weight.codes.shape[3]:
            divided.add(codes, divided_by_the_output_scale(layer, bias), layer)
            continue
        operators = ("linear", "conv") if layer.kind == "dense" else ("conv", "linear")
        chains = [onednn_chain(*scales, bias, operator=one, cpu="avx2") for one in operators]
        chains.append(onednn_chain(*scales, bias, operator=operators[0]))
        ours, operator, vnni = (
            run_layer(layer, ONEDNN, order=order, requantize=chain) for chain in chains
        )
        tally.add(codes, ours, layer)
        others["vnni"] += int((codes != vnni).sum())
        others["operator"] += int((codes != operator).sum())
    version = {"version": torch_engines.torch.__version__}
    tally.check(ledger, ONEDNN.name, EMULATED.format("torch"), 200_000, **version)
    assert divided.cases > 1000
    assert not divided.mismatches, divided.first
    assert all(others.values()), others


def divided_by_the_output_scale(layer: Layer, bias: np.ndarray) -> np.ndarray:
    """oneDNN's reference: scales one by one, a quotient, the zero point; ties to even."""
    one, whole = F(1), ONEDNN.datapath
    x_scale, y_scale = (one / (one / of.scale) for of in (layer.x, layer.y))
    sums = run_sums(layer, replace(whole, output=whole.output[:1], order=ONEDNN_ORDER)).astype(F)
    y = (sums * x_scale * layer.weight.scale + bias) / y_scale + F(layer.y.zero_point)
    return np.clip(np.rint(y), 0, 255).astype(np.uint8)


def test_recorded_vectors():
    """What onnxruntime's AVX2 kernels made once: needs no emulator and no onnxruntime."""
    golden = json.loads(Path(__file__).with_name("saturating_pairs.json").read_text())
    assert golden["peer"] == "onnxruntime 1.32.0, qemu-x86_64 -cpu Haswell"
    target = targets.get("ort-avx2-u8s8")
    sums = replace(target.datapath, output=target.datapath.output[:1])
    saturated = []
    for case in golden["cases"]:
        x, weight = np.array(case["x"], np.uint8), np.array(case["weight"], np.int8)
        y = Quantized(np.zeros(0, np.uint8))
        layer = Layer("dense", Quantized(x, 1.0, case["zero_point"]), Quantized(weight), None, y)
        assert run_sums(layer, sums).tolist() == case["sums"]
        exact = (x.astype(int) - case["zero_point"]) @ weight.astype(int)
        saturated += (exact != case["sums"]).ravel().tolist()
    assert sum(saturated) > len(saturated) // 2
