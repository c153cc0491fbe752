"""Every pair of registered schemes: a witness that the oracle confirms, or why there is none."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.errors import PyqsimError
from pyqsim.modes import FLOOR
from pyqsim.requantize import FixedPointFactor, Multiplier, registered
from pyqsim.targets import Distinction, SchemeNumbers, distinguish_schemes, identify_schemes
from pyqsim.targets.one_rounding import OneRounding, one_rounding

INT32 = (-(2**31), 2**31 - 1)

#: Pairs that are one machine wherever both are defined, and by what; all others must differ.
EQUAL = {
    ("tflite-single", "tosa-scale32-single"): "one rounding of x * m, m of 31 bits",
    ("tflite-single", "ethos-u-natural"): "the same; m = 2**31 and 2**30 stand for one factor",
    ("tosa-scale32-single", "ethos-u-natural"): "the same",
    ("float32", "xnnpack-fp32"): "rounding is monotone and keeps integers: a clamp may come first",
    ("fbgemm-fixed-point", "shift-half-up"): "powers of two are encoded exactly",
    ("fixed-point-16", "shift-half-up"): "powers of two are encoded exactly",
    ("nvdla-sdp", "shift-half-away"): "powers of two are encoded exactly",
    ("vta-chisel", "shift-floor"): "it only shifts to the right, where nothing leaves 32 bits",
}


@pytest.fixture(scope="module")
def found() -> Distinction:
    return distinguish_schemes(registered())


def test_every_pair_is_separated_or_equal(found: Distinction) -> None:
    """The pairs without witness are those that are known to be equal, and no others."""
    assert found.open == ()
    assert {(pair.first, pair.second) for pair in found.pairs} == set(EQUAL)
    for pair in found.pairs:
        in_float = "float32" in (pair.first, pair.second)
        assert pair.proof.startswith("equal for every")
        assert ("one rounding of one quotient" in pair.proof) != in_float
        assert "factors 2**-31..2**" in pair.proof
    for names in combinations(registered(), 2):
        separated = any(witness.separates(*names) for witness in found.witnesses)
        assert separated != (names in EQUAL), names


def test_witnesses_hold_on_the_oracle(found: Distinction) -> None:
    """Every output of every witness is what Python integers give; None only where refused."""
    for witness in found.witnesses:
        given = dict(witness.inputs)
        acc, numbers = given.pop("acc"), SchemeNumbers(**given)
        for name, value in witness.outputs.items():
            scheme = registered()[name]
            if value is None:
                with pytest.raises(PyqsimError):
                    scheme.apply([acc], numbers.parameters_of(scheme), clamp=INT32)
                continue
            steps = (qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(*INT32))
            datapath = qs.Datapath(reduce=(), output=steps)
            own = numbers.parameters_of(scheme)
            data = {"requantize": own, "out_zero_point": numbers.zero_point}
            y = qs.testing.oracle.matmul([[acc]], [[1]], datapath, **data)
            assert y.item() == value, (name, witness)


@pytest.mark.parametrize(
    ("names", "inputs", "outputs"),
    [  # 1/4 once rounded is 0; twice: 1/2 up to 1, then 1/2 away from zero to 1
        (("tflite-single", "tflite-double"), {"acc": 1, "scale": 0.25}, (0, 1)),
        # -1/2 and a little more, of which NVDLA keeps 16 fraction bits: a tie, away from zero
        (("nvdla-truncate", "shift-half-away"), {"acc": 1 - 2**16, "scale": 2.0**-17}, (-1, 0)),
        # Vela keeps m = 2**31, which TFLite halves: 1/2 is then rounded on the way, or is not
        (("ethos-u-tfl", "tflite-double"), {"acc": 1, "scale": 0.25 * (1 - 2.0**-40)}, (0, 1)),
        # rint(1/2) + 1, and rint(1/2 + 1)
        (("float32", "onednn"), {"acc": 1, "scale": 0.5, "zero_point": 1}, (1, 2)),
        # the low 5 bits of 16 are -16 signed; those of -1 are 31 unsigned
        (("vta-hls", "vta-simulator"), {"acc": 1, "amount": 16}, (65536, 0)),
        (("vta-simulator", "vta-chisel"), {"acc": 1, "amount": -1}, (2, 0)),
        (
            ("gemmini-shift", "shift-half-even"),
            {"acc": 2**23, "scale": 256.0},
            (-(2**31), 2**31 - 1),
        ),
    ],
)
def test_smallest_witnesses(
    names: tuple[str, str], inputs: dict[str, object], outputs: tuple[int, int]
) -> None:
    """Known corners, their results by hand."""
    witness = distinguish_schemes(names).witnesses[0]
    assert dict(witness.inputs) == inputs
    assert tuple(witness.outputs[name] for name in names) == outputs


def test_one_rounding_is_the_scheme() -> None:
    """Schemes of one form agree on accumulators and factors that the search does not try."""
    rng = np.random.default_rng(8)
    tried = 0
    for first, second in combinations(registered().values(), 2):
        bits = min(first.input_bits, second.input_bits, 48)
        acc = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), 2000) >> rng.integers(0, bits, 2000)
        for scale in (0.0123, 0.37, 2.0**-9, 2.0**-20, 4.0):
            try:
                own = [one.encode(scale) for one in (first, second)]
            except PyqsimError:
                continue
            forms = [one_rounding(*one, bits) for one in zip((first, second), own, strict=True)]
            if forms[0] is None or forms[0] != forms[1]:
                continue
            x, y = (
                one.apply(acc, p, clamp=INT32) for one, p in zip((first, second), own, strict=True)
            )
            assert np.array_equal(x, y), (first, second, scale)
            tried += 1
    assert tried > 40


def test_forms() -> None:
    """Exact factors do not round; a register counts where a result may leave it."""
    schemes = registered()

    def form(name: str, scale: float, bits: int = 32) -> OneRounding | None:
        return one_rounding(schemes[name], schemes[name].encode(scale), bits)

    wraps = form("gemmini-shift", 2.0)
    assert wraps is not None
    assert (wraps.factor, wraps.rounding, wraps.register.bits) == (2, FLOOR, 32)
    assert form("gemmini-shift", 0.5) == form("shift-half-even", 0.5) != form("shift-half-up", 0.5)
    assert form("gemmini-shift", 0.5, 48) != form("shift-half-even", 0.5, 48)
    assert form("gemmini-shift", 2.0) != form("shift-half-even", 2.0)
    assert form("dpu", 1.0) != form("shift-floor", 1.0)
    assert form("tflite-single", 0.75).factor == Fraction(3, 4)
    for name in ("tflite-double", "float32"):
        assert form(name, 0.5) is None
    offset = FixedPointFactor(16384, 15, offset=1)
    assert one_rounding(schemes["nvdla-sdp"], offset, 32) is None


def test_schemes_are_identified_by_ties() -> None:
    """A quarter of 2, 6, -2, -6 and 1 by hand: 0.5, 1.5, -0.5, -1.5 and 0.25."""
    acc = [2, 6, -2, -6, 1]
    once = identify_schemes(acc, [1, 2, 0, -1, 0], scale=0.25)
    assert {"tflite-single", "shift-half-up", "xnnpack-rndnu"} < set(once.consistent)
    assert set(once.consistent).isdisjoint({"tflite-double", "float32", "shift-half-even"})
    even = identify_schemes(acc, [0, 2, 0, -2, 0], scale=0.25)
    assert even.consistent == (
        "float32", "xnnpack-fp32", "onednn", "gemmini-shift", "shift-half-even",
    )  # fmt: skip
    numbers = Multiplier(2**30, -1)
    found = identify_schemes(acc, [1, 2, -1, -2, 1], parameters=numbers)
    assert found.consistent == ("tflite-double",)
    assert "float32" in found.skipped
    for wrong in ({}, {"scale": 0.5, "parameters": numbers}):
        with pytest.raises(PyqsimError, match="one of them"):
            identify_schemes(acc, acc, **wrong)


def test_schemes_are_identified_by_what_they_are_told() -> None:
    """A shift amount, and registers with an offset: (x + 5) / 2 of 1, 250 and -10."""
    vta = identify_schemes([1, 3], [1 << 16, 3 << 16], amount=16)
    assert vta.consistent == ("vta-hls",)
    assert set(vta.refuted) == {"vta-simulator", "vta-chisel"}
    assert "amount=16" in vta.skipped["float32"]
    halves = FixedPointFactor(16384, 15, offset=5)
    assert identify_schemes([1, 250, -10], [3, 127, -3], parameters=halves).consistent == (
        "nvdla-output-int8",
    )
    wide = identify_schemes([1, 250, -10], [3, 128, -3], parameters=halves)
    assert wide.consistent == ("nvdla-sdp", "nvdla-output-int16")
