"""Identification of machines from numbers, distinguishing inputs, and proofs of equality."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.errors import DatapathError, OperandError, PyqsimError
from pyqsim.targets import IntegerRange, LayerData, distinguish, identify
from pyqsim.targets.canonical import canonical
from pyqsim.targets.layer_data import load_arrays

ALL = [qs.targets.get(name) for name in qs.targets.names()]
LAYER_TARGETS = [target for target in ALL if target.scale_rule != "none"]


def _layer(seed: int, target: qs.targets.Target) -> LayerData:
    rng = np.random.default_rng(seed)
    return LayerData(
        rng.integers(target.a.low, target.a.high, (6, 32), endpoint=True),
        rng.integers(target.b.low, target.b.high, (32, 5), endpoint=True),
        bias=rng.integers(-5000, 5000, 5),
        a_scale=0.02,
        b_scale=np.float32(0.003) * rng.uniform(0.5, 2, 5),
        out_scale=0.7,
    )


@pytest.mark.parametrize("target", LAYER_TARGETS, ids=lambda target: target.name)
def test_a_target_is_consistent_with_itself(target: qs.targets.Target) -> None:
    """By the oracle's numbers: whatever the library computes cannot help."""
    layer = _layer(1, target)
    a, b = layer.operands()
    out = qs.testing.oracle.matmul(a, b, target.datapath, **layer.data(target))
    arguments = {name: getattr(layer, name) for name in layer.__dataclass_fields__}
    found = identify(arguments.pop("a"), arguments.pop("b"), out, **arguments)
    assert target.name in found.consistent
    assert len(found.consistent) + len(found.refuted) + len(found.skipped) == len(ALL)
    for name, one in found.refuted.items():
        computed = layer.run(qs.targets.get(name))
        assert (computed != out).sum() == one.differing > 0
        assert (out[one.place], computed[one.place]) == (one.observed, one.computed)


def test_avx2_pairs_are_told_from_exact_ones() -> None:
    """Issue of ONNX Runtime 6004: 255 * 127 twice gives 32767 on AVX2, 64770 with VNNI."""
    a, b = [[255, 255, 1, 1]], [[127], [127], [1], [1]]
    avx2 = identify(a, b, [[32769]], candidates=["ort-avx2-u8s8", "ort-vnni", "x86-vpdpbusd"])
    assert avx2.consistent == ("ort-avx2-u8s8",)
    exact = identify(a, b, [[64772]], candidates=["ort-avx2-u8s8", "ort-vnni", "x86-vpdpbusd"])
    assert exact.consistent == ("ort-vnni", "x86-vpdpbusd")


def test_witnesses_hold_on_the_oracle() -> None:
    """Every output of every witness is what Python integers give; None only where refused."""
    names = ["x86-pmulhrsw", "arm-sqrdmulh-16", "riscv-vsmul-rne-e16", "x86-vpdpbusds", "arm-usdot"]
    found = distinguish(names)
    assert not found.open
    for witness in found.witnesses:
        i = dict(witness.inputs)
        layer = LayerData([i.pop("a")], [[x] for x in i.pop("b")], **i)
        a, b = layer.operands()
        for name, value in witness.outputs.items():
            target = qs.targets.get(name)
            if value is None:
                with pytest.raises(PyqsimError):
                    layer.run(target)
            else:
                y = qs.testing.oracle.matmul(a, b, layer.datapath(target), **layer.data(target))
                assert y.item() == value


def test_smallest_witnesses() -> None:
    """Known corners: one group of VNNI, MIN x MIN, one tie."""
    corner = distinguish(["x86-pmulhrsw", "arm-sqrdmulh-16"]).witnesses[0].inputs
    assert (corner["a"], corner["b"]) == ([-32768], [-32768])
    vnni = distinguish(["x86-vpdpbusd", "x86-vpdpbusds"]).witnesses[0].inputs
    assert (vnni["a"], vnni["b"], vnni["bias"]) == ([1], [1], 2**31 - 1)
    # 1/2 is 0, plus 1; 1/2 + 1 is 2: ties to even, with the zero point after and before them
    tie = distinguish(["ort-vnni", "torch-onednn"]).witnesses[0]
    assert tie.inputs["out_zero_point"] == 1
    assert tie.outputs == {"ort-vnni": 1, "torch-onednn": 2}


def test_every_pair_of_targets_is_separated_or_settled() -> None:
    """A witness, a proof with its domain, or the reason why no input suits both."""
    found = distinguish(ALL)
    assert found.open == ()
    settled = {(pair.first, pair.second): pair for pair in found.pairs}
    for pair in settled.values():
        assert bool(pair.proof) != bool(pair.incomparable)
    for first, second in combinations(ALL, 2):
        names = first.name, second.name
        separated = any(witness.separates(*names) for witness in found.witnesses)
        assert separated != (names in settled), names


def test_targets_of_one_canonical_form_agree_on_random_operands() -> None:
    """The proof, tried: equal forms give equal numbers, bias and all."""
    rng = np.random.default_rng(3)
    tried = 0
    for first, second in combinations(ALL, 2):
        if first.a != second.a or first.b != second.b or first.k != second.k or first.k == 1:
            continue
        both_add = first.datapath.reads_bias and second.datapath.reads_bias
        bias = first.bias if both_add and first.bias == second.bias else None
        forms = [
            canonical(t, t.a, t.b, k=t.k or 64, bias=bias, zero_point=False)
            for t in (first, second)
        ]
        if forms[0] != forms[1] or first.scale_rule != second.scale_rule:
            continue
        k = first.k or 64
        a = rng.choice([first.a.low, first.a.high, 1, 3], (20, k))
        b = rng.choice([first.b.low, first.b.high, 1, 2], (k, 20))
        traps = "TRAP" in f"{first.datapath}{second.datapath}"  # an extreme bias would stop it
        ends = bias or qs.targets.IntegerRange(0, 0)
        c = rng.choice([ends.low, ends.high, 0], 20) // (4 if traps else 1)
        scales = {"a_scale": 1.0, "b_scale": 1.0, "out_scale": 2.0**12}
        layer = LayerData(a, b, c, **scales)
        assert (layer.run(first) == layer.run(second)).all(), (first.name, second.name)
        tried += 1
    assert tried > 20


def test_zero_points_count_in_a_proof() -> None:
    """255 * 255 fits 17 bits where 127 * 127 takes 15: an accumulator of 16 is not exact."""
    narrow, wide = _machine("narrow", qs.Accumulate(16)), _machine("wide", qs.Accumulate(32))
    for zero_point, equal in ((False, True), (True, False)):
        forms = [
            canonical(one, one.a, one.b, k=1, bias=None, zero_point=zero_point)
            for one in (narrow, wide)
        ]
        assert (forms[0] == forms[1]) == equal
    layer = LayerData([[127]], [[127]], a_zero_point=-128, b_zero_point=-128)
    both = [replace(one, zero_points="subtracted") for one in (narrow, wide)]
    assert [layer.run(one).item() for one in both] == [65025 - 65536, 65025]


def test_a_trap_is_a_wrap_that_did_not_happen() -> None:
    """Where both answer they agree; a sum beyond the register is refused by one."""
    traps, wraps = (
        _machine("traps", qs.Accumulate(16, "trap")),
        _machine("wraps", qs.Accumulate(16)),
    )
    pair = distinguish([traps, wraps]).pairs[0]
    assert "one canonical form" in pair.proof
    fits, leaves = LayerData([[100, 100]], [[100]] * 2), LayerData([[127] * 3], [[127]] * 3)
    assert fits.run(traps) == fits.run(wraps) == 20000
    assert leaves.run(wraps) == 48387 - 65536
    with pytest.raises(PyqsimError):
        leaves.run(traps)


@pytest.mark.parametrize("name", ["tosa-int8-single", "ethos-u-natural"])
def test_single_rounding_by_another_name(name: str) -> None:
    """The proof of rule 13, tried: per-channel factors of all sizes, zero points, bias."""
    rng = np.random.default_rng(6)
    scales = 2.0 ** rng.uniform(-32, 20, 64)
    layer = LayerData(
        rng.integers(-128, 128, (50, 9)),
        rng.integers(-128, 128, (9, 64)),
        rng.integers(-(2**30), 2**30, 64) >> rng.integers(0, 30, 64),
        a_scale=1.0,
        b_scale=scales,
        out_scale=1.0,
        a_zero_point=-7,
        out_zero_point=5,
    )
    single, other = qs.targets.get("tflite-single-rounding"), qs.targets.get(name)
    assert len(np.unique(layer.run(single))) > 50
    assert (layer.run(single) == layer.run(other)).all()
    assert "one canonical form" in distinguish([single, other]).pairs[0].proof


def test_layers_that_no_target_takes_are_refused(tmp_path: Path) -> None:
    """At the door, with what is allowed."""
    with pytest.raises(DatapathError, match="all of them or none"):
        LayerData([[1]], [[1]], a_scale=1.0)
    moved = LayerData([[1]], [[1]], 0, a_scale=1, b_scale=1, out_scale=1, out_zero_point=3)
    assert moved.run(qs.targets.get("ort-vnni")) == 4
    with pytest.raises(DatapathError, match="adds no output zero point"):
        moved.run(qs.targets.get("gemmini-functional"))
    np.savez(tmp_path / "odd.npz", a=[[1]], c=[[1]])
    with pytest.raises(OperandError, match="a and b"):
        load_arrays(tmp_path / "odd.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(OperandError, match="allowed"):
        load_arrays(tmp_path / "text.npz")


def test_a_cast_after_a_sum_of_many_is_no_register_of_it() -> None:
    """[100, 100, -100] in 8 bits saturating: cast at the end 100, at every addition 27."""
    late = _machine("late", qs.Accumulate(), qs.Narrow(bits=8, overflow="saturate"))
    twice = _machine("twice", qs.Accumulate(), qs.Accumulate(8, "saturate"))
    every = _machine("every", qs.Accumulate(8, "saturate"))
    forms = [
        canonical(one, one.a, one.b, k=3, bias=None, zero_point=False)
        for one in (late, twice, every)
    ]
    assert forms[0] == forms[1] != forms[2]
    layer = LayerData([[100, 100, -100]], [[1]] * 3)
    assert [layer.run(one).item() for one in (late, twice, every)] == [100, 100, 27]


def _forms(names: tuple[str, str], a: IntegerRange, b: int, **more: object) -> set[qs.Datapath]:
    options = {"k": 1, "bias": None, "zero_point": False, **more}
    both = IntegerRange(b, b)
    return {canonical(qs.targets.get(name), a, both, **options) for name in names}


def test_ties_away_are_ties_up_without_negative_numbers() -> None:
    """-5/2 tells them apart; no number of 0 or more does."""
    names = "arm-fcvtas-32", "riscv-vssrl-rnu-e32"
    shifts = IntegerRange(-31, 0)
    assert len(_forms(names, IntegerRange(0, 2**24), 1, shifts=shifts)) == 1
    assert len(_forms(names, IntegerRange(-1, 2**24), 1, shifts=shifts)) == 2
    even = "arm-fcvtns-32", "riscv-vssrl-rnu-e32"
    assert len(_forms(even, IntegerRange(0, 2**24), 1, shifts=shifts)) == 2
    a = np.arange(4096)
    for shift in range(12):
        layer = LayerData(a[:, None], [[1]], a_scale=1.0, b_scale=1.0, out_scale=2.0**shift)
        up, away = (layer.run(qs.targets.get(name)) for name in names)
        assert (up == away).all()


def test_unsigned_lanes_that_saturate_at_0_only_are_one_machine() -> None:
    """Differences of 8-bit numbers in 8 and 16 bits, all of them; sums reach the other end."""
    lane = IntegerRange(0, 255)
    minus, plus = ((f"riscv-vs{op}u-e8", f"riscv-vs{op}u-e16") for op in ("sub", "add"))
    assert len(_forms(minus, lane, -1, bias=lane)) == 1
    assert len(_forms(plus, lane, 1, bias=lane)) == 2
    every = np.arange(256)
    for names, b, equal in ((minus, -1, True), (plus, 1, False)):
        layer = LayerData(every[:, None], np.full((1, 256), b), bias=every)
        narrow, wide = (layer.run(qs.targets.get(name)) for name in names)
        assert (narrow == wide).all() == equal


def _machine(name: str, *steps: qs.Accumulate | qs.Narrow) -> qs.targets.Target:
    vnni = qs.targets.get("x86-vpdpbusd")
    return replace(vnni, name=name, a=vnni.b, datapath=qs.Datapath(reduce=steps))
