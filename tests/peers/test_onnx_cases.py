"""ONNX's own node cases of the integer operators: equality, where ONNX allows a tolerance."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from ledger import needs
from peers.layers import Layer, Quantized
from peers.simulated import run_layer, run_sums
from peers.tally import Tally

import pyqsim as qs
from pyqsim import targets

SUMS = qs.Datapath(reduce=(qs.Accumulate(32),))


def cases(pattern: str):
    """(name, inputs, expected output, attributes) of the cases that the installed onnx makes."""
    needs("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx import helper
        from onnx.backend.test.loader import load_model_tests

        for case in load_model_tests(kind="node"):
            if re.fullmatch(pattern, case.name):
                ((inputs, outputs),) = case.data_sets
                (node,) = case.model.graph.node
                attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
                yield case.name, inputs, outputs[0], attributes


def scalar(value) -> float | int:
    return np.asarray(value).item()


def operand(codes, scale, zero_point) -> Quantized:
    return Quantized(np.asarray(codes), np.float32(scalar(scale)), scalar(zero_point))


def test_qlinearmatmul(ledger):
    tally, names = Tally(), []
    for name, inputs, expected, _ in cases("test_qlinearmatmul_.*"):
        a, b = operand(*inputs[:3]), operand(*inputs[3:6])
        y = operand(expected, *inputs[6:8])
        stacks = [v.reshape(-1, *v.shape[-2:]) for v in (a.codes, b.codes, expected)]
        for left, right, out in zip(*stacks, strict=True):
            x, weight = (Quantized(c, q.scale, q.zero_point) for c, q in ((left, a), (right, b)))
            layer = Layer("dense", x, weight, None, y)
            tally.add(out, run_layer(layer, targets.get("ort-vnni")), name)
        names.append(name)
    assert len(names) == 8
    tally.check(ledger, "ort-vnni", "onnx")


def test_qlinearconv(ledger):
    ((name, inputs, expected, attributes),) = cases("test_qlinearconv")
    assert attributes == {}
    x, weight, y = operand(*inputs[:3]), operand(*inputs[3:6]), operand(expected, *inputs[6:8])
    x, weight = (
        nhwc(x),
        Quantized(weight.codes.transpose(2, 3, 1, 0), weight.scale, weight.zero_point),
    )
    ours, tally = run_layer(Layer("conv", x, weight, None, y), targets.get("ort-vnni")), Tally()
    tally.add(expected, ours.transpose(0, 3, 1, 2), name)
    tally.check(ledger, "ort-vnni", "onnx")


def nhwc(of: Quantized) -> Quantized:
    return Quantized(of.codes.transpose(0, 2, 3, 1), of.scale, of.zero_point)


def test_matmulinteger():
    ((_, (a, b, za, zb), expected, _),) = cases("test_matmulinteger")
    layer = Layer("dense", operand(a, 1, za), operand(b, 1, zb), None, Quantized(expected))
    np.testing.assert_array_equal(run_sums(layer, SUMS), expected)


@pytest.mark.parametrize("padding", [0, 1])
def test_convinteger(padding):
    name = f"test_convinteger_with{'' if padding else 'out'}_padding"
    ((_, (x, w, zx, *zw), expected, attributes),) = cases(name)
    assert attributes.get("pads", [0] * 4) == [padding] * 4
    codes = qs.QTensor(x.transpose(0, 2, 3, 1), qs.Affine(8, signed=False), 1.0, scalar(zx))
    taps = w.transpose(2, 3, 1, 0)
    zero = np.asarray(zw[0], np.int64) if zw else np.zeros(w.shape[0], np.int64)
    ones = np.ones(w.shape[0])
    weight = qs.QTensor(taps, qs.Affine(8, signed=False), ones, zero, axis=3)
    y = qs.ops.conv2d(codes, weight, SUMS, padding=padding)
    np.testing.assert_array_equal(y.transpose(0, 3, 1, 2), expected)
