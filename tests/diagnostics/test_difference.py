"""`diff` finds where two runs part, and names the aspect that was planted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from parity.random_cases import random_case

import pyqsim as qs
from pyqsim.data import digits, float_network
from pyqsim.model import MACHINES, quantize_network, run

RNG = np.random.default_rng(5)
A, B = RNG.integers(-128, 128, (6, 40)), RNG.integers(-128, 128, (40, 5))
ZA = qs.QTensor(A, qs.Affine(8), 1.0, 17)
SCHEME = qs.requantize.DoubleRounding()
FACTOR = SCHEME.encode(0.00379)
BASE = qs.Datapath(reduce=(qs.Narrow(3, rounding="half_even"), qs.Accumulate(13, "saturate")))
OUT = replace(BASE, output=(qs.Requantize(SCHEME), qs.Clamp(-8, 7)))


def reduce_of(*steps: Any) -> qs.Datapath:
    return replace(BASE, reduce=steps)


FOLD = qs.Datapath(qs.Multiply("fold"), BASE.reduce[1:], (qs.CorrectZeroPoints(),))
PLANTED = [
    ("tie rule", BASE, reduce_of(qs.Narrow(3, rounding="half_up"), BASE.reduce[1]), {}, {}),
    ("overflow rule", BASE, reduce_of(BASE.reduce[0], qs.Accumulate(13, "wrap")), {}, {}),
    ("register width", BASE, reduce_of(BASE.reduce[0], qs.Accumulate(14, "saturate")), {}, {}),
    ("order", BASE, replace(BASE, order=tuple(reversed(range(40)))), {}, {}),
    ("order", BASE, reduce_of(*BASE.reduce[:1], qs.Accumulate(group=4), BASE.reduce[1]), {}, {}),
    ("scale", BASE, reduce_of(qs.Narrow(4, rounding="half_even"), BASE.reduce[1]), {}, {}),
    ("zero-point placement", replace(BASE, reduce=BASE.reduce[1:]), FOLD, {}, {}),
    (
        "requantize scheme",
        OUT,
        replace(OUT, output=(qs.Requantize(qs.requantize.SingleRounding()), qs.Clamp(-8, 7))),
        {"requantize": FACTOR},
        {"requantize": FACTOR},
    ),
    (
        "multiplier encoding",
        OUT,
        OUT,
        {"requantize": FACTOR},
        {"requantize": qs.requantize.Multiplier(int(FACTOR.multiplier) >> 16 << 16, FACTOR.shift)},
    ),
    ("scale", OUT, OUT, {"requantize": FACTOR}, {"requantize": SCHEME.encode(0.005)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "x", "y", "data", "y_data"), PLANTED, ids=lambda v: str(v)[:12])
def test_planted_aspects_are_named(name: str, x: Any, y: Any, data: Any, y_data: Any) -> None:
    """One aspect changed: it alone is named, and its step is where the ways part."""
    a = ZA if name == "zero-point placement" else A * 40 if name == "multiplier encoding" else A
    b = B * 7 if name == "multiplier encoding" else B
    if name in ("multiplier encoding", "requantize scheme"):  # ties need many sums, not clipped
        a = np.concatenate([a] * 40) + RNG.integers(-3, 4, (240, 40))
        x, y = (replace(one, reduce=(qs.Accumulate(32),), output=one.output[:1]) for one in (x, y))
    found = qs.diff(x, y, a, b, y_data=y_data or None, **data)
    assert found, "the planted aspect does not show"
    assert [cause.split(":")[0] for cause in found.causes] == [name]
    assert found.verdict.startswith(name)
    mine, other = (
        qs.matmul(a, b, one, **numbers) for one, numbers in ((x, data), (y, y_data or data))
    )
    assert found.differing == (mine != other).sum()
    assert found.values == (mine[found.element], other[found.element])
    assert (mine.reshape(-1) == other.reshape(-1))[
        : np.ravel_multi_index(found.element, mine.shape)
    ].all()


def test_the_place_by_hand() -> None:
    """k=3 saturates in one of them: 100 + 20 + 5 + 10 in 8 bits."""
    x, y = (qs.Datapath(reduce=(qs.Accumulate(8, rule),)) for rule in ("saturate", "wrap"))
    found = qs.diff(x, y, [[100, 20, 5, 10, -1]], [[1]] * 5)
    assert (found.step, found.k) == (0, 3)
    assert [line.after for line in found.lines] == [127, 135 - 256]
    assert "x saturated at k=3; y wrapped at k=3" in found.verdict
    assert "first in step 0 (Accumulate), k=3: 127 and -121" in str(found)


def test_random_machines_against_themselves_changed() -> None:
    """Whatever the machine: no difference from itself, and a changed accumulator is located."""
    located = 0
    for seed in range(150):
        case = random_case(seed, rows=2)
        try:
            y = qs.matmul(case.a, case.b, case.datapath, **case.data)
        except qs.errors.PyqsimError:
            continue
        assert not qs.diff(case.datapath, case.datapath, case.a, case.b, **case.data)
        assert not qs.diff(case.datapath, y, case.a, case.b, **case.data)
        steps = list(case.datapath.reduce)
        steps[-1] = replace(steps[-1], bits=3, overflow=qs.WRAP, signed=True)
        try:
            other = replace(case.datapath, reduce=tuple(steps))
            found = qs.diff(case.datapath, other, case.a, case.b, **case.data)
        except qs.errors.PyqsimError:
            continue
        if found:
            assert found.step == len(steps) - 1
            located += 1
    assert located > 20


def test_recorded_outputs() -> None:
    """Only numbers are known: the verdict names a machine that makes them all."""
    truth = reduce_of(qs.Narrow(3, rounding="half_up"), BASE.reduce[1])
    found = qs.diff(BASE, qs.matmul(A, B, truth), A, B)
    assert found
    assert found.step is None
    assert found.verdict.startswith("tie rule")
    assert len(found.explanations) == 1


def networks() -> tuple[Any, Any]:
    """The same network with one bit less in the second layer's accumulator."""
    net = quantize_network(float_network("mlp"), qs.Affine(8, narrow=True), MACHINES[0])
    narrow = replace(
        net.layers[2],
        datapath=replace(net.layers[2].datapath, reduce=(qs.Accumulate(15, "saturate"),)),
    )
    return net, replace(net, layers=(*net.layers[:2], narrow, *net.layers[3:]))


def test_networks() -> None:
    """Layer, element, step, k; also against recorded outputs by name and in order."""
    net, other = networks()
    x = net.input.tensor(digits().test_x[:30, :, :, None])
    mine, theirs = run(net, x), run(other, x)
    assert not qs.diff(mine, run(net, x))
    found = qs.diff(mine, theirs)
    assert (found.layer, found.step) == ("linear2", 0)
    assert found.lines[1].happened == ("saturated",)
    assert found.k == found.lines[1].k >= 0
    assert "register width" in " ".join(found.causes) or not found.causes
    assert "layer 'linear2', output" in str(found)
    recorded = {"linear2": theirs.layers[2].output.codes}
    by_name = qs.diff(mine, recorded)
    assert (by_name.layer, by_name.element) == (found.layer, found.element)
    outputs = [getattr(one.output, "codes", one.output) for one in theirs.layers]
    assert qs.diff(mine, outputs).layer == "linear2"
    assert not qs.diff(mine, {"flatten1": mine.layers[0].output.codes})


def test_convolutions() -> None:
    """The element is an image position, the explanation a window."""
    net = quantize_network(float_network("cnn"), qs.Affine(8, narrow=True), MACHINES[0])
    layer = net.layers[0]
    other = replace(layer, datapath=replace(layer.datapath, reduce=(qs.Accumulate(15, "wrap"),)))
    changed = replace(net, layers=(other, *net.layers[1:]))
    x = net.input.tensor(digits().test_x[:10, :, :, None])
    found = qs.diff(run(net, x), run(changed, x))
    assert found.layer == "conv1"
    assert len(found.element) == 4
    assert found.lines[1].happened == ("wrapped",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: qs.diff(BASE, BASE), "both operands"),
        (lambda: qs.diff("x", BASE, A, B), "x=str"),
        (lambda: qs.diff(BASE, np.zeros((1, 1), int), A, B), "y.shape"),
        (lambda: qs.diff(BASE, np.zeros((6, 5)), A, B), "integer dtype"),
        (lambda: qs.diff(BASE, np.zeros((6, 5), int), A, B, y_data={}), "y_data given"),
    ],
)
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(qs.errors.PyqsimError, match=message):
        call()
