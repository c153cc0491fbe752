"""Products of operands of two integers each, on bits == the reference, on every instruction set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim import _native

ISAS = [isa for isa in qs.ops.ISAS if isa != "auto" and _native.isa_available(isa)]
BYTES = {np.int8: (-128, 127), np.uint8: (0, 255)}

#: Sums mod 2**bits; certified ones: no operand here leaves 31 bits.
STEPS = (
    qs.Accumulate(32),
    qs.Accumulate(16),
    qs.Accumulate(9, signed=False),
    qs.Accumulate(13, start="bias"),
    qs.Accumulate(31, "saturate", start="bias"),
    qs.Accumulate(31, "trap"),
)


@dataclass(frozen=True)
class Case:
    """Operands of two integers each, and their machine."""

    a: Any
    b: Any
    datapath: qs.Datapath
    bias: Any

    def run(self, isa: str) -> tuple[Any, str]:
        run = qs.plan(self.b, self.datapath, isa=isa)
        return run(self.a, bias=self.bias), run.explain()

    def reference(self) -> tuple[Any, qs.Events]:
        return qs.matmul(
            self.a, self.b, self.datapath, bias=self.bias, kernel="reference", events=True
        )


def drawn(seed: int, values: tuple[int, int], shape: tuple[int, int], dtype: type) -> Any:
    rng = np.random.default_rng(seed)
    return rng.choice(np.array(values), shape).astype(dtype)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any two integers; edges of tiles, panels, words of bits and vectors of codes."""
    m = draw(st.integers(1, 14))
    n = draw(st.sampled_from([1, 15, 16, 17, 31, 32, 33, 65]))
    k = draw(st.one_of(st.integers(1, 40), st.sampled_from([63, 64, 65, 95, 127, 129, 257])))
    dtype = draw(st.sampled_from([np.int8, np.uint8]))
    low, high = BYTES[dtype]
    values = draw(
        st.one_of(
            st.sampled_from([(-1, 1), (0, 1)]).filter(lambda two: two[0] >= low),
            st.tuples(st.integers(low, high), st.integers(low, high)),
        )
    )
    b_values = draw(
        st.one_of(
            st.sampled_from([(-1, 1), (0, 1), (1, 1), (0, 0)]),
            st.tuples(st.integers(-300, 300), st.integers(-300, 300)),
        )
    )
    seed = draw(st.integers(0, 2**32))
    a: Any = drawn(seed, values, (m, k), dtype)
    if draw(st.booleans()):
        a = qs.QTensor(a, qs.Affine(8, signed=dtype == np.int8), 1.0, draw(st.integers(low, high)))
    step = draw(st.sampled_from(STEPS))
    bias = np.arange(n) - n // 2 if step.start == "bias" else None
    b = drawn(seed + 1, b_values, (k, n), np.int16)
    return Case(a, b, qs.Datapath(reduce=(step,)), bias)


@given(cases(), st.sampled_from(ISAS))
def test_values_are_those_of_the_reference(case: Case, isa: str) -> None:
    """Whatever runs; with events, too."""
    got, _ = case.run(isa)
    expected, events = case.reference()
    assert got.tolist() == expected.tolist()
    again, seen = qs.matmul(case.a, case.b, case.datapath, bias=case.bias, isa=isa, events=True)
    assert (again.tolist(), seen) == (expected.tolist(), events)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("k", [1, 31, 64, 600, 16_385, 70_000])
def test_long_and_short_sums(isa: str, k: int) -> None:
    """Formats of one bit; lanes narrower than a sum are emptied in time, few rows and many."""
    for x, w in (("pm1", "pm1"), ("01", "01"), ("01", "pm1"), ("pm1", "01")):
        for m, n in ((3, 5), (7, 17)):
            rows = drawn(k, (0, 1), (m, k), np.uint8)
            columns = drawn(n, (0, 1), (k, n), np.uint8)
            rows[0], columns[:, 0], columns[:, 1] = 1, 1, 0
            a, b = qs.QTensor(rows, qs.Binary(x)), qs.QTensor(columns, qs.Binary(w))
            case = Case(a, b, qs.Datapath(reduce=(qs.Accumulate(32),)), None)
            got, why = case.run(isa)
            integers = [side.format.integers()[side.codes] for side in (a, b)]
            np.testing.assert_array_equal(got, integers[0] @ integers[1])
            assert "gemm, bits on " in why


@pytest.mark.parametrize("isa", ISAS)
def test_every_code_but_two_is_seen(isa: str) -> None:
    """One other code anywhere, in arrays and in tensors: the sums are still right."""
    rng = np.random.default_rng(5)
    b = drawn(1, (-1, 1), (200, 40), np.int8)
    run = qs.plan(b, qs.Datapath(reduce=(qs.Accumulate(32),)), isa=isa)
    for dtype, two in ((np.int8, (-1, 1)), (np.uint8, (0, 1))):
        a = drawn(2, two, (150, 200), dtype)
        np.testing.assert_array_equal(run(a), a.astype(np.int64) @ b)
        assert "bits on " in run.explain()
        for place in [(0, 0), (149, 199), (100, 63), (5, 64), (97, 192)]:
            for other in rng.choice([x for x in range(256) if x not in (0, 1, 255)], 3):
                x = a.copy()
                x.view(np.uint8)[place] = other
                expected = x.astype(np.int64) @ b
                np.testing.assert_array_equal(run(x), expected)
                np.testing.assert_array_equal(run(x, threads=2), expected)
                tensor = qs.QTensor(x, qs.Affine(8, signed=dtype == np.int8))
                np.testing.assert_array_equal(run(tensor), expected)
    with pytest.raises(qs.errors.PyqsimError):
        run(qs.QTensor(np.full((2, 200), 2, np.uint8), qs.Binary()))


def chains_of(explanation: str) -> list[str]:
    """The form of each pass over a."""
    return [line.split("gemm, ")[1].split()[0] for line in explanation.splitlines()[1:]]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("values", ["pm1", "01"])
def test_every_pair_of_bit_planes_is_a_product_of_bits(isa: str, values: str) -> None:
    """Bits of a code that are another plane's; int8 by planes is no bits."""
    k = 77
    for x_bits, w_bits in ((1, 1), (2, 3), (8, 2)):
        x = qs.QTensor(
            np.random.default_rng(x_bits).integers(0, 2**x_bits, (9, k), dtype=np.uint8),
            qs.BitPlanes(x_bits, values),
        )
        w = qs.QTensor(
            np.random.default_rng(w_bits).integers(0, 2**w_bits, (k, 35), dtype=np.uint8),
            qs.BitPlanes(w_bits),
        )
        machine = qs.Datapath(reduce=(qs.Accumulate(12),))
        run = qs.plan(w, machine, isa=isa)
        np.testing.assert_array_equal(run(x), qs.matmul(x, w, machine, kernel="reference"))
        assert chains_of(run.explain()) == ["bits"] * x_bits
        assert run.explain().count(f", {w_bits - 1})") == x_bits
        whole = np.random.default_rng(3).integers(-128, 128, (9, k), dtype=np.int8)
        np.testing.assert_array_equal(run(whole), qs.matmul(whole, w, machine, kernel="reference"))
        if w_bits > 1:
            assert set(chains_of(run.explain())) <= {"int4", "int8", "int16"}
