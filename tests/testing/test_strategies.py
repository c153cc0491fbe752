"""Strategies reach the corners on purpose, early, and shrink to small counterexamples."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import mean

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument, NoSuchExample

import pyqsim
import pyqsim as qs
from pyqsim.modes import ROUNDINGS
from pyqsim.testing import strategies
from pyqsim.testing.strategies import (
    code_tensors,
    datapaths,
    formats,
    layers,
    multipliers_and_shifts,
    quantization_parameters,
    requantize_parameters,
)

R = qs.requantize
GENERATE = settings(
    phases=[Phase.generate],
    max_examples=100,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class FoundError(Exception):
    """Stops Hypothesis at the first example that has a property."""


def examples_to_first(strategy, has, number):
    """How many examples are drawn until the first with the property, in runs of 100 as usual."""
    drawn = 0

    def look(value):
        nonlocal drawn
        drawn += 1
        if has(value):
            raise FoundError

    for run in range(20):
        try:
            seed(1000 * number + run)(GENERATE(given(strategy)(look)))()
        except FoundError:
            return drawn
    raise AssertionError(f"not in {drawn} examples")


def exact_sums(layer):
    """Sums over k in Python integers, zero points subtracted."""
    a, b = (integers(x) for x in (layer.a, layer.b))
    return [[sum(int(x) * int(y) for x, y in zip(r, c, strict=True)) for c in b.T] for r in a]


def integers(operand):
    if isinstance(operand, qs.QTensor):
        zero = operand.zero_point
        if operand.axis == 0:
            zero = zero[:, None]
        return operand.integers() - zero
    return operand.astype(np.int64)


def events(layer):
    return qs.matmul(layer.a, layer.b, layer.datapath, events=True, **layer.data)[1]


def ties_in_shift(shift):
    def has(layer):
        return any(s % 2**shift == 2 ** (shift - 1) for row in exact_sums(layer) for s in row)

    return has


def ties_in_scale(layer):
    """The exact product of an accumulator and the real factor ends in one half."""
    m, n, _ = layer.sizes
    given = layer.data["requantize"]
    multiplier, shift = (np.broadcast_to(x, (m, n)) for x in (given.multiplier, given.shift))
    for i, row in enumerate(exact_sums(layer)):
        for j, s in enumerate(row):
            value = s * int(multiplier[i, j]) * Fraction(2) ** (int(shift[i, j]) - 31)
            if value.denominator == 2:
                return True
    return False


def overflows(layer):
    try:
        return events(layer).overflows > 0
    except qs.errors.AccumulatorRangeError:  # int64 is not proven to hold it: no such layer
        return False


SATURATING = qs.Datapath(reduce=(qs.Accumulate(20, "saturate"),))
REQUANTIZED = qs.Datapath(
    output=(
        qs.Narrow(bits=32, overflow="saturate"),
        qs.Requantize(R.DoubleRounding()),
        qs.AddZeroPoint(bits=32),
        qs.Clamp(-128, 127),
    )
)
PAIRS = qs.Datapath(reduce=(qs.Accumulate(group=2),))
GROUPED = qs.Datapath(reduce=(qs.Accumulate(16, "saturate", group=2), qs.Accumulate(32, "wrap")))
TABLE = qs.Lookup([[x * y + (x ^ y) % 3 for y in range(-8, 8)] for x in range(-8, 8)])
LOGS = qs.Datapath(qs.AddLogs(), (qs.AccumulateLogs(bits=12, overflow="saturate"),))
MERGED = qs.Datapath(
    reduce=(qs.Accumulate(18, "saturate"),), output=(qs.Merge(22, "saturate"), qs.Narrow(4))
)
FIRSTS = {
    "tie of a scheme": (layers(REQUANTIZED), ties_in_scale),
    "saturation, 20 bits": (layers(SATURATING), overflows),
    "saturation, 24 bits, plain int8": (
        layers(qs.Datapath(reduce=(qs.Accumulate(24, "saturate"),)), a="int8", b="int8"),
        overflows,
    ),
    "saturation in pairs": (layers(GROUPED, a="uint8", b="int8"), overflows),
    "wrap, 16 bits": (layers(qs.Datapath(reduce=(qs.Accumulate(16, "wrap"),))), overflows),
    "any datapath": (layers(), overflows),
    "saturation of table sums": (
        layers(qs.Datapath(TABLE, (qs.Accumulate(12, "saturate"),))),
        overflows,
    ),
    "saturation of logarithms": (layers(LOGS), overflows),
    "saturation in a scale group": (layers(MERGED, group=16), overflows),
    "saturation in a plane": (
        layers(MERGED, b=qs.Planes([[1, -1, 2, -2], [100, -128, 0, 1]])),
        overflows,
    ),
}
FIRSTS |= {
    f"tie of {rule!r}": (
        layers(qs.Datapath(output=(qs.Narrow(5, rounding=rule),))),
        ties_in_shift(5),
    )
    for rule in ROUNDINGS
}


@pytest.mark.parametrize("name", FIRSTS)
def test_mean_time_to_the_first(name, level):
    """Below 50 examples on average over seeds; the figure is printed with -s."""
    strategy, has = FIRSTS[name]
    first = [examples_to_first(strategy, has, number) for number in range({1: 6, 2: 200}[level])]
    print(f"{name}: {mean(first):.1f} examples")
    assert mean(first) < 50


def test_corners_are_all_reached():
    """Every corner that the documentation names, within 800 layers of a grouped machine."""
    machine = qs.Datapath(
        reduce=(qs.Accumulate(group=4), qs.Accumulate(18, "saturate")),
    )
    seen = set()

    @seed(1)
    @settings(GENERATE, max_examples=800)
    @given(layers(machine), layers(machine, a="int8", b="int8"))
    def look(tensors, arrays):
        m, n, k = tensors.sizes
        seen.update(corner for size, corner in ((m, "no rows"), (n, "no columns")) if size == 0)
        seen.add(f"K = {k}")
        if m == 1 and n == 1:
            seen.add("one output")
        for operand in (tensors.a, tensors.b):
            codes = operand.codes
            seen.update(f"code {v}" for v in (-128, -1, 127) if (codes == v).any())
            seen.update(f"zero point {v}" for v in (-128, 127) if (operand.zero_point == v).any())
        for s in (s for row in exact_sums(tensors) for s in row):
            seen.update(f"sum {v}" for v in (2**17 - 1, 2**17, -(2**17), -(2**17) - 1) if s == v)
        if m and n and k:
            terms = integers(tensors.a)[:, :, None] * integers(tensors.b)[None]
            prefix, total = np.abs(terms.cumsum(1)).max(1), np.abs(terms.sum(1))
            if ((prefix > 2**17) & (total < 100)).any():
                seen.add("leaves and comes back")
        if not arrays.a.flags.c_contiguous and arrays.a.size:
            seen.add("strided")
        if arrays.a.strides and min(arrays.a.strides) < 0:
            seen.add("negative strides")

    look()
    assert {
        "no rows", "no columns", "one output", "K = 0", "K = 1", "K = 3", "K = 4", "K = 5", "K = 8",
        "K = 9", "code -128", "code -1", "code 127", "zero point -128", "zero point 127",
        f"sum {2**17 - 1}", f"sum {2**17}", f"sum {-(2**17)}", f"sum {-(2**17) - 1}",
        "leaves and comes back", "strided", "negative strides",
    } - seen == set()  # fmt: skip


def test_corners_of_table_sums():
    """Ends of the register, one unit beyond, the table's last k, both operands' first code."""
    table = qs.Lookup([[[x * y + k for y in range(8)] for x in range(-4, 4)] for k in range(5)])
    machine = qs.Datapath(table, (qs.Accumulate(6, "saturate"),))
    seen = set()

    @seed(1)
    @settings(GENERATE, max_examples=400)
    @given(layers(machine))
    def look(layer):
        m, n, k = layer.sizes
        seen.add(f"K = {k}")
        codes = [operand.codes % 8 for operand in (layer.a, layer.b)]
        for i in range(m):
            for j in range(n):
                terms = [
                    int(table.table.values[t, codes[0][i, t], codes[1][t, j]]) for t in range(k)
                ]
                seen.add(f"sum {sum(terms)}")
                prefixes = [abs(sum(terms[:t])) for t in range(k)]
                if max(prefixes, default=0) > 31 and abs(sum(terms)) < 32:
                    seen.add("leaves and comes back")

    look()
    wanted = {f"sum {v}" for v in (31, 32, -32, -33)} | {"K = 0", "K = 1", "K = 5"}
    assert (wanted | {"leaves and comes back"}) - seen == set()
    assert "K = 6" not in seen


def test_corners_of_scale_groups():
    """Groups at both sides of K, zero points of their own, one operand or both with groups."""
    seen = set()

    @seed(1)
    @settings(GENERATE, max_examples=400)
    @given(layers(MERGED, max_side=2, group=4))
    def look(layer):
        groups = layer.a.group, layer.b.group
        seen.add(f"K = {layer.sizes[2]}")
        seen.add(f"groups {groups}")
        for operand in (layer.a, layer.b):
            if operand.zero_point.ndim == 2 and len({*map(tuple, operand.zero_point.tolist())}) > 1:
                seen.add("zero points of groups")
        if np.ndim(layer.data.get("merge", 0)) and layer.data["merge"].any():
            seen.add("multipliers")

    look()
    assert {
        "K = 0", "K = 3", "K = 4", "K = 5", "K = 8", "K = 9", "groups (4, 4)", "groups (None, 4)",
        "groups (4, None)", "zero points of groups", "multipliers",
    } - seen == set()  # fmt: skip


def forms_of(layer):
    """What kind of layer it is."""
    operands = [x for x in (layer.a, layer.b) if isinstance(x, qs.QTensor)]
    yield type(layer.datapath.product).__name__
    if any(x.group for x in operands):
        yield "groups"
    if any(x.format.planes > 1 for x in operands):
        yield "planes"


def smallest_overflow(strategy, number):
    return find(strategy, overflows, settings=settings(database=None), random=Random(number))


def test_counterexamples_are_small():
    """The first saturation of a 16-bit sum of int8 products: one output of the fewest terms.

    One product is at most 2**14, so two are needed, both with -128 or nearly.
    """
    machine = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
    for number in range(6):
        assert smallest_overflow(layers(machine, a="int8", b="int8"), number).sizes == (1, 1, 2)
    for number in range(2):
        found = smallest_overflow(layers(), number)
        assert found.sizes in ((1, 1, 1), (1, 1, 2))
        assert len(found.datapath.reduce) == 1
        assert all(isinstance(step, qs.CorrectZeroPoints) for step in found.datapath.output)


def test_layers_run_on_reference_and_oracle():
    """Every form of call is one that both witnesses take, with one answer and the same events."""
    run = Counter()

    @seed(3)
    @settings(GENERATE, max_examples=500)
    @given(layers())
    def look(layer):
        try:
            got, what = qs.matmul(
                layer.a, layer.b, layer.datapath, kernel="reference", events=True, **layer.data
            )
        except (qs.errors.AccumulatorRangeError, qs.errors.CodeError):
            return
        if layer.sizes[2] <= 40:
            expected, events = qs.testing.oracle.matmul(
                layer.a, layer.b, layer.datapath, events=True, **layer.data
            )
            assert got.tolist() == expected.tolist()
            assert what == events
            run.update(forms_of(layer))

    look()
    forms = ("Multiply", "Shift", "Lookup", "AddLogs", "groups", "planes")
    assert all(run[form] >= 10 for form in forms), run


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_orders_and_shifts(data):
    machine = data.draw(datapaths(products=("shift",), order_k=6))
    layer = data.draw(layers(machine))
    assert layer.sizes[2] == 6
    assert sorted(k for k in machine.order if k >= 0) == list(range(6))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_formats_tensors_and_parameters(data):
    fmt = data.draw(formats(min_bits=2, max_bits=6))
    assert 2 <= fmt.code_bits <= 6
    assert fmt.planes == 1
    scale, zero_point = data.draw(quantization_parameters(fmt, min_scale=0.25, max_scale=3))
    assert 0.25 <= scale <= 3
    tensor = data.draw(code_tensors(fmt, st.just((2, 3)), per_channel=True))
    assert (tensor.format, tensor.shape, tensor.axis) == (fmt, (2, 3), 1)
    assert qs.QTensor(tensor.codes, fmt, scale, zero_point).shape == (2, 3)
    multiplier, shift = data.draw(multipliers_and_shifts(min_shift=-3, max_shift=2))
    assert 2**30 <= multiplier < 2**31
    assert -3 <= shift <= 2
    parameters = data.draw(requantize_parameters(R.FloatScale(), channels=3))
    assert parameters.scale.shape == (3,)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers("int8"), ["datapath='int8'"]),
        (lambda: layers(SATURATING, a="float32"), ["a='float32'", "integer dtype"]),
        (lambda: layers(max_side=0), ["max_side=0", "1..64"]),
        (lambda: layers(PAIRS), ["Accumulate without group"]),
        (lambda: layers(qs.Datapath(TABLE), a=qs.Affine(5)), ["a=Affine", "0..15", "Lookup"]),
        (lambda: layers(qs.Datapath(TABLE), b="int8"), ["b=dtype('int8')", "0..15"]),
        (lambda: layers(LOGS, a=qs.Affine(8)), ["a=Affine", "AddLogs", "one power"]),
        (lambda: layers(LOGS, b=qs.APoT(5)), ["b=APoT", "one power"]),
        (lambda: layers(SATURATING, group=0), ["group=0", "1..1024"]),
        (lambda: layers(qs.Datapath(order=(1, 0)), group=2), ["group=2", "order"]),
        (lambda: requantize_parameters(R.Staged((qs.datapath.Stage(qs.Narrow(1)),))), ["Staged"]),
        (lambda: formats(min_bits=0), ["min_bits=0", "1..16"]),
        (lambda: formats(min_bits=5, max_bits=4), ["max_bits=4", "5..16"]),
        (lambda: formats(planes=9), ["planes=9"]),
        (lambda: quantization_parameters("int8"), ["fmt='int8'"]),
        (lambda: quantization_parameters(qs.Affine(8), min_scale=0.0), ["min_scale=0.0", "< inf"]),
        (lambda: code_tensors(qs.Affine(8), (-1,)), ["size=-1", "0.."]),
        (lambda: code_tensors(qs.Affine(8), 3), ["shape=3"]),
        (lambda: multipliers_and_shifts(min_shift=-40), ["min_shift=-40", "-31..30"]),
        (lambda: requantize_parameters(3), ["scheme=3"]),
        (lambda: requantize_parameters(R.FloatScale(), channels=0), ["channels=0"]),
        (lambda: datapaths(products=("divide",)), ["divide", "multiply"]),
        (lambda: datapaths(order_k=-1), ["order_k=-1"]),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_at_once(make, words):
    with pytest.raises(InvalidArgument) as raised:
        make()
    for word in words:
        assert word in str(raised.value)


def test_hypothesis_is_imported_by_the_strategies_only():
    root = Path(pyqsim.__file__).parent
    importers = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        if re.search(r"^\s*(from|import) hypothesis", file.read_text(), re.MULTILINE)
    }
    assert importers
    assert all(name.startswith("testing/strategies/") for name in importers), importers


def test_names_are_sorted_plural_nouns():
    names = strategies.__all__
    assert names == sorted(names)
    assert all(name.endswith("s") for name in names)


def test_an_impossible_property_is_not_found():
    """The measure of the tests above can fail."""
    few = settings(GENERATE, max_examples=30)
    with pytest.raises(NoSuchExample):
        find(layers(SATURATING), lambda layer: layer.sizes[0] > 5, settings=few)
