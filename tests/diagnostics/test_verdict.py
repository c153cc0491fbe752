"""A verdict names the aspect in which an independently written kernel is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.diagnostics import Call, counterfactuals, verdict
from pyqsim.requantize import registered
from pyqsim.testing import oracle

R = qs.requantize


def calls(datapath, count=20, k=24, **data):
    rng = np.random.default_rng(5)
    drawn = [
        (rng.integers(-128, 128, (3, k)), rng.integers(-128, 128, (k, 2))) for _ in range(count)
    ]
    return [Call(a.astype(np.int8), b.astype(np.int8), datapath, data) for a, b in drawn]


def sums(call, add):
    """Every output by a Python loop over its terms."""
    m, n, _ = call.sizes
    a, b = call.a.astype(int), call.b.astype(int)
    return np.array([[add(a[i] * b[:, j]) for j in range(n)] for i in range(m)])


def clip(value, bits):
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, value))


def saturate_at_end(terms):
    return clip(int(terms.sum()), 16)


def saturate_backwards(terms):
    total = 0
    for term in terms[::-1]:
        total = clip(total + int(term), 16)
    return total


def wrap(terms):
    return (int(terms.sum()) + 2**15) % 2**16 - 2**15


def without_the_rest(terms):
    total = 0
    for term in terms[: len(terms) // 16 * 16]:
        total = clip(total + int(term), 16)
    return total


@pytest.mark.parametrize(
    ("kernel", "cause", "detail"),
    [
        (saturate_at_end, "range rule after the sum", "SATURATE once"),
        (saturate_backwards, "order", "descending k"),
        (wrap, "overflow rule", "WRAP instead of SATURATE"),
        (without_the_rest, "dropped terms", "less than 16"),
    ],
)
def test_accumulators(kernel, cause, detail):
    made = calls(qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),)))
    found = verdict(made, [sums(call, kernel) for call in made])
    assert found.differing > 5
    assert found.cause == cause
    assert detail in found.causes[0].detail
    assert cause in str(found)


def test_what_agrees_has_no_cause():
    made = calls(qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),)))
    found = verdict(made, [call.run() for call in made])
    assert (found.differing, found.causes, str(found)) == (0, (), "no difference")


def test_what_no_machine_makes_is_unknown():
    made = calls(qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),)))
    found = verdict(made, [call.run() ^ 0x55 for call in made])
    assert found.causes == ()
    assert str(found).startswith("unknown")


def test_a_cause_must_leave_agreeing_calls_alone():
    """Numbers of two machines: what explains the differing calls is refuted by the others."""
    made = calls(qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),)))
    wrong = [sums(call, saturate_at_end) for call in made]
    mixed = [
        w if i % 2 else call.run() for i, (w, call) in enumerate(zip(wrong, made, strict=True))
    ]
    found = verdict(made, mixed)
    assert found.causes == ()
    assert found.partial is not None
    assert found.partial.cause == "range rule after the sum"


@pytest.mark.parametrize(
    "datapath",
    [
        qs.Datapath(
            reduce=(qs.Accumulate(16, "saturate", group=4), qs.Accumulate(18, "saturate")),
            output=(qs.Narrow(7, rounding="half_even"), qs.Clamp(-200, 90)),
        ),
        qs.Datapath(
            reduce=(qs.Accumulate(18, "saturate_symmetric", start="bias"),),
            output=(
                qs.Requantize(qs.requantize.DoubleRounding()),
                qs.AddZeroPoint(),
                qs.Clamp(-100, 127),
            ),
        ),
        qs.Datapath(
            output=(
                qs.Requantize(qs.requantize.FloatScale()),
                qs.AddZeroPoint(),
                qs.Clamp(-128, 127),
            )
        ),
    ],
    ids=["groups", "double rounding", "float scale"],
)
def test_every_counterfactual_that_differs_finds_itself(datapath):
    """Its own numbers are explained by it; a good part of them shows on random data."""
    data = {}
    if datapath.reads_bias:
        data["bias"] = np.array([1000, -3000])
    for step in datapath.output:
        if isinstance(step, qs.Requantize):
            data["requantize"] = step.scheme.encode([2**-9, 2**-9])
            data["out_zero_point"] = 3
    made = calls(datapath, count=8, **data)
    shown = 0
    hypotheses = counterfactuals(made[0])
    for one in hypotheses:
        if one.cause == "requantize scheme":  # the next test
            continue
        try:
            numbers = [one.run(call) for call in made]
        except qs.errors.PyqsimError:
            continue
        found = verdict(made, numbers)
        if found.differing:
            shown += 1
            assert (one.cause, one.detail) in {(c.cause, c.detail) for c in found.causes}
    assert shown >= 10, (shown, len(hypotheses))


SCHEMES = registered()


def parameters(own, name):
    """What each of the two schemes is given: the same where both take it."""
    for scale in (3 / 256, 2.0**-6):
        try:
            given = SCHEMES[own].encode(scale), SCHEMES[name].encode(scale)
        except qs.errors.QuantizationError:  # powers of two only
            continue
        return given if type(given[0]) is not type(given[1]) else (given[0], given[0])
    raise AssertionError(own, name)


@pytest.mark.parametrize("own", ["tflite-double", "xnnpack-rndnu", "float32", "shift-half-even"])
def test_every_scheme_of_the_library_is_recognized(own):
    """The oracle's numbers under another scheme: that scheme, or one equal to it, is the cause."""
    recognized = 0
    for name, scheme in SCHEMES.items():
        given, others = parameters(own, name)
        made = calls(qs.Datapath(output=(qs.Requantize(SCHEMES[own]),)), 6, requantize=given)
        wrong = qs.Datapath(output=(qs.Requantize(scheme),))
        try:
            seen = [oracle.matmul(c.a, c.b, wrong, requantize=others) for c in made]
        except qs.errors.PyqsimError:  # a multiplier of too many bits
            continue
        found = verdict(made, seen)
        if not found.differing:
            continue
        causes = " ".join(str(one) for one in found.causes)
        both = {type(SCHEMES[own]), type(scheme)}
        if both == {R.ShiftOnly}:  # its stage has another rule, or another register
            if scheme.bits == SCHEMES[own].bits:
                assert found.cause in {"tie rule", "rounding rule", "missing nudge"}
        elif both == {R.FloatScale}:
            assert found.cause == "clamp place"
        else:
            assert f"({name})" in causes, (name, causes)
        recognized += 1
    assert recognized >= 14, recognized
