"""Causes that were planted are the causes that are found, output by output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.diagnostics import TargetMatrix, compare_targets
from pyqsim.requantize import SingleRounding
from pyqsim.targets import LayerData, Target

VNNI, TFLITE = qs.targets.get("ort-vnni"), qs.targets.get("tflite-reference-conv")


def _sums(values: list[int], factor: float, **data: object) -> LayerData:
    """A layer whose accumulators are these numbers."""
    scales = {"a_scale": 1.0, "b_scale": 1.0, "out_scale": 1 / factor}
    zero = np.zeros((len(values), 1), dtype=int)
    return LayerData(zero, [[1]], np.array(values)[:, None], **scales, **data)


def _matrix(layer: LayerData, *targets: Target) -> TargetMatrix:
    matrix = compare_targets(layer, targets)
    assert matrix.refused == {}
    for one in matrix.differences:
        assert sum(one.causes.values()) == one.differing
    return matrix


def _with_output(target: Target, name: str, *output: qs.datapath.OutputStep) -> Target:
    return replace(target, name=name, datapath=replace(target.datapath, output=output))


def test_saturating_pairs() -> None:
    """Differences are those of two sums written out here in plain integers."""
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 256, (30, 8)), rng.integers(-128, 128, (8, 20))
    one = _matrix(LayerData(a, b), VNNI, qs.targets.get("ort-avx2-u8s8")).differences[0]
    pairs = np.stack([a[:, k : k + 2] @ b[k : k + 2] for k in range(0, 8, 2)])
    wrong = np.clip(pairs, -32768, 32767).sum(axis=0) != pairs.sum(axis=0)
    assert one.differing == wrong.sum() > 50
    assert one.place == tuple(np.argwhere(wrong)[0])
    assert one.causes == {"saturation: ort-avx2-u8s8, sum step 0, 16 bits": one.differing}


def test_ties() -> None:
    """Halves: ties up and to even differ where the floor is even, and nowhere else."""
    up = replace(TFLITE, name="up", datapath=_scheme(TFLITE, SingleRounding()))
    even = replace(TFLITE, name="even", datapath=_scheme(TFLITE, qs.requantize.FloatScale()))
    values = list(range(-20, 21))
    one = _matrix(_sums(values, 0.5), up, even).differences[0]
    assert one.causes == {"tie": sum(v % 2 == 1 and (v - 1) // 2 % 2 == 0 for v in values)}
    assert one.place == (values.index(-19), 0)
    assert one.values == (-9, -10)


def _scheme(target: Target, scheme: qs.Scheme) -> qs.Datapath:
    output = tuple(
        qs.Requantize(scheme) if isinstance(s, qs.Requantize) else s for s in target.datapath.output
    )
    return replace(target.datapath, output=output)


def test_two_roundings() -> None:
    """A quarter of 1 is 0; rounded twice it is 1."""
    once = qs.targets.get("tflite-single-rounding")
    one = _matrix(_sums([0, 1, 4, 5], 0.25), once, TFLITE).differences[0]
    assert (one.place, one.values, one.differing) == ((1, 0), (0, 1), 2)
    assert one.causes == {"rounded on the way: tflite-reference-conv misses the nearest integer": 2}


def test_scale_encoding() -> None:
    """One scheme, the real factor computed in float32 and in float64: by exact fractions."""
    clamp = (qs.AddBias(32), qs.Requantize(SingleRounding()), qs.Clamp(-(2**31), 2**31 - 1))
    wide = _with_output(TFLITE, "in-float64", *clamp)
    narrow = replace(wide, name="in-float32", scale_rule="float32")
    values = np.random.default_rng(2).integers(-(2**28), 2**28, 300)
    layer = replace(_sums(values.tolist(), 1.0), a_scale=0.1, b_scale=0.3, out_scale=0.7)
    one = _matrix(layer, wide, narrow).differences[0]
    assert one.differing > 0
    assert one.causes == {"scale encoding": one.differing}
    m = one.place[0] if one.place else 0
    a, b, out = (np.float32(x) for x in (0.1, 0.3, 0.7))
    exact = Fraction(int(values[m])) * Fraction(float(a) * float(b) / float(out))
    assert one.values is not None
    assert abs(exact - one.values[0]) < abs(exact - one.values[1])


def test_last_steps_and_several_aspects() -> None:
    """A clamp; and a wrapping sum with another scheme, where only both explain."""
    low = _with_output(TFLITE, "low", *TFLITE.datapath.output[:-1], qs.Clamp(-128, 100))
    one = _matrix(_sums([0, 99, 100, 101, 120], 1.0), TFLITE, low).differences[0]
    assert one.causes == {"last steps": 2}
    sums = (qs.Accumulate(9),)
    once = _scheme(TFLITE, SingleRounding())
    wraps = replace(TFLITE, name="wraps", datapath=replace(once, reduce=sums))
    layer = LayerData([[120], [100]], [[3, 5, 1]], 0, a_scale=1.0, b_scale=1.0, out_scale=4.0)
    one = _matrix(layer, TFLITE, wraps).differences[0]
    assert one.differing == 4  # 360 and 300, 600 and 500 leave 9 bits, 120 and 100 do not
    assert set(one.causes) == {"wrap: wraps, sum step 0, 9 bits"}
    # 362: 90.5 to 91 either way. 360 wraps to -152, and 2: -150 is -37.5, once up to -37, but
    # twice -75 and away to -38: neither the sum nor the scheme alone makes -37 of 91.
    both = LayerData([[120]], [[3]], 2, a_scale=1.0, b_scale=1.0, out_scale=4.0)
    one = _matrix(both, TFLITE, wraps).differences[0]
    assert (one.values, one.causes) == ((91, -37), {"sum and scheme": 1})


def test_one_tensor_in_two_conventions() -> None:
    """Unsigned codes with zero point 128 are signed ones with 0: nothing differs."""
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 256, (9, 16)), rng.integers(-127, 128, (16, 7))
    layer = LayerData(
        a, b, 0, a_scale=1.0, b_scale=1.0, out_scale=900.0, a_zero_point=128, out_zero_point=128
    )
    one = _matrix(layer, VNNI, qs.targets.get("xnnpack-fp32")).differences[0]
    assert one.differing == 0


def test_what_a_target_cannot_take_is_told() -> None:
    """And the others are compared."""
    layer = LayerData([[255]], [[1]], 0, a_scale=1.0, b_scale=1.0, out_scale=1.0)
    matrix = compare_targets(layer, [VNNI, qs.targets.get("vta"), qs.targets.get("torch-x86")])
    assert list(matrix.refused) == ["vta"]
    assert matrix.names == ("ort-vnni", "torch-x86")
    with pytest.raises(qs.errors.OperandError, match="two of"):
        matrix.of("vta", "ort-vnni")
