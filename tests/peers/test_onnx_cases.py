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


#: Floating-point codes, which no format of this package holds.
NOT_INTEGER = re.compile(r".*(e4m3fn|e5m2|float4e2m1).*")


def arrays(values) -> list[np.ndarray]:
    """Inputs or outputs; types that NumPy lacks come as ONNX's own tensors."""
    to_array = needs("onnx").numpy_helper.to_array
    return [to_array(v) if hasattr(v, "data_type") else np.asarray(v) for v in values]


def format_of(codes) -> qs.Affine:
    """uint4, int2 and the like by ONNX's own dtypes."""
    name = codes.dtype.name
    bits = int(re.sub(r"\D", "", name))
    return qs.Affine(bits, signed=not name.startswith("u"))


def spread(parameter, shape, axis: int, block: int):
    """One number, one a channel, or one a block of the axis, for every element."""
    parameter = np.asarray(parameter)
    if parameter.size == 1:
        return np.broadcast_to(parameter.reshape(()), shape)
    if block:
        return np.repeat(parameter, block, axis=axis)[tuple(map(slice, shape))]
    return np.broadcast_to(
        parameter.reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape
    )


def test_quantizelinear():
    """Element by element: each has its own scale and zero point in the widest of the cases.

    They tell neither a quotient from a reciprocal nor half to even from half away from zero.
    """
    compared = []
    for name, inputs, output, attributes in cases("test_quantizelinear.*"):
        if NOT_INTEGER.match(name):
            continue
        (x, scale, *zero), (expected,) = arrays(inputs), arrays([output])
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        fmt = format_of(expected)
        scales = spread(scale, x.shape, axis, block)
        zeros = spread(zero[0] if zero else 0, x.shape, axis, block).astype(np.int64)
        found = np.empty(x.shape, np.int64)
        for s, z in {(float(s), int(z)) for s, z in zip(scales.flat, zeros.flat, strict=True)}:
            here = (scales == s) & (zeros == z)
            q = qs.quantize(x[here], fmt, scale=s, zero_point=z, arithmetic="divide")
            found[here] = q.codes
        np.testing.assert_array_equal(found, expected.astype(np.int64), err_msg=name)
        compared.append(name)
    assert len(compared) >= 10, compared


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("scale", [0.5, 0.1, 0.0371])
def test_quantizelinear_at_ties(onnx_model, dtype, scale):
    """No case of ONNX is a tie that tells rules apart; its own evaluator answers for these."""
    from onnx.reference import ReferenceEvaluator

    like = Quantized(np.zeros(0, dtype), np.float32(scale), 5)
    ties = (np.arange(-600, 600) * like.scale / np.float32(2)).astype(np.float32)
    x = np.concatenate([ties, *(np.nextafter(ties, np.float32(side)) for side in (-9e9, 9e9))])
    (expected,) = ReferenceEvaluator(onnx_model.quantize_model(like)).run(None, {"x": x})
    number = {"scale": float(like.scale), "zero_point": like.zero_point}

    def codes(arithmetic: str, rounding: str | None = None):
        fmt = format_of(expected)
        return qs.quantize(x, fmt, **number, arithmetic=arithmetic, rounding=rounding).codes

    np.testing.assert_array_equal(codes("divide"), expected)
    assert (codes("divide", "half_away") != expected).any()
    exact = scale == 0.5  # a power of two: both arithmetics are one
    assert (codes("reciprocal") != expected).any() != exact


def test_dequantizelinear():
    """The real number rounded to float32."""
    compared = []
    for name, inputs, output, attributes in cases("test_dequantizelinear.*"):
        if NOT_INTEGER.match(name):
            continue
        (codes, scale, *zero), (expected,) = arrays(inputs), arrays([output])
        if expected.dtype != np.float32:
            continue
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        scales = spread(scale, codes.shape, axis, block)
        zeros = spread(zero[0] if zero else 0, codes.shape, axis, block).astype(np.int64)
        fmt, found = format_of(codes), np.empty(codes.shape, np.float32)
        for s, z in {(float(s), int(z)) for s, z in zip(scales.flat, zeros.flat, strict=True)}:
            here = (scales == s) & (zeros == z)
            found[here] = qs.QTensor(codes[here].astype(np.int64), fmt, s, z).real()
        np.testing.assert_array_equal(found, expected, err_msg=name)
        compared.append(name)
    assert len(compared) >= 8, compared
