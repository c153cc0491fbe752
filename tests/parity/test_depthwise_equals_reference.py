"""The depthwise kernel == the reference group by group, on every instruction set of this CPU."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyqsim as qs
from pyqsim import _native

EXAMPLES = {1: 60, 2: 5_000}
DTYPES = (np.uint8, np.int8, np.int16)

#: Sums mod 2**bits, and one accumulator that saturates, both ways of its range.
REGISTERS = (
    qs.Accumulate(),
    qs.Accumulate(32),
    qs.Accumulate(13, start="bias"),
    qs.Accumulate(9, signed=False),
    qs.Accumulate(31, "saturate"),
    qs.Accumulate(14, "saturate", start="bias"),
    qs.Accumulate(17, "saturate_symmetric"),
    qs.Accumulate(10, "saturate", signed=False),
)

#: Chains that are neither, or only where no overflow is possible: the groups run one by one.
OTHERS = (
    qs.Accumulate(8, "trap"),
    qs.Accumulate(12, "saturate_hold"),
    qs.Accumulate(64, "saturate"),
    qs.Accumulate(12, "saturate", interleave=2),
)


def codes(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform codes, or all at one end."""
    limits = np.iinfo(dtype)
    if rng.random() < 0.2:
        return np.full(shape, rng.choice([limits.min, limits.max]), dtype=dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def outcome(planned: Any, x: Any, options: dict[str, Any]) -> tuple[str, Any]:
    """What was raised, or nothing; the result."""
    try:
        return "", planned(x, **options)
    except qs.errors.PyqsimError as error:
        return f"{type(error).__name__}: {error}", None


def both(x: Any, w: Any, datapath: qs.Datapath, isa: str, **options: Any) -> tuple[Any, str]:
    """The result of both, checked to be equal, or the message of both errors; who ran."""
    geometry = {k: options.pop(k) for k in ("stride", "padding", "dilation", "groups")}
    planned = qs.ops.plan_conv2d(w, datapath, isa=isa, **geometry)
    slow = qs.ops.plan_conv2d(w, datapath, kernel="reference", **geometry)
    told, expected = outcome(slow, x, options)
    said, got = outcome(planned, x, options)
    assert said == told
    if said:
        return said, "raised"
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    return got, "depthwise" if "depthwise, " in planned.explain() else "groups"


@st.composite
def geometries(draw: st.DrawFn) -> dict[str, Any]:
    def two(high: int) -> tuple[int, int]:
        return draw(st.integers(1, high)), draw(st.integers(1, high))

    taps, dilation = two(4), two(3)
    spans = [(k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True)]
    pads = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
    image = [max(1, span - sum(pad)) for span, pad in zip(spans, pads, strict=True)]
    return {
        "taps": taps,
        "image": (image[0] + draw(st.integers(0, 5)), image[1] + draw(st.integers(0, 9))),
        "batch": draw(st.sampled_from([0, 1, 1, 2])),
        "channels": draw(st.integers(2, 70)),
        "multiplier": draw(st.sampled_from([1, 1, 2, 3])),
        "stride": two(3),
        "padding": pads,
        "dilation": dilation,
    }


def test_any_geometry_on_any_register(isa: str, level: int) -> None:
    """Operands of every width, zero points on both sides, bias: equal values, equal errors."""
    ran: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES[level], deadline=None, database=None, derandomize=level == 1)
    @given(geometries(), st.integers(0, 2**32))
    def call(geometry: dict[str, Any], seed: int) -> None:
        rng = np.random.default_rng(seed)
        steps = OTHERS if rng.random() < 0.25 else REGISTERS
        step = steps[rng.integers(len(steps))]
        c, n = geometry["channels"], geometry["channels"] * geometry.pop("multiplier")
        x = codes(rng, rng.choice(DTYPES), (geometry.pop("batch"), *geometry.pop("image"), c))
        w = codes(rng, rng.choice(DTYPES), (*geometry.pop("taps"), 1, n))
        images, weight = x, w
        if rng.random() < 0.5 and x.dtype != np.int16:
            signed = x.dtype == np.int8
            zero_point = int(rng.integers(-128, 128)) + 128 * (not signed)
            images = qs.QTensor(x, qs.Affine(8, signed=signed), 1.0, zero_point)
        if rng.random() < 0.5 and w.dtype == np.int8:
            zero_points = rng.integers(-9, 9, n)
            weight = qs.QTensor(w, qs.Affine(8), np.ones(n), zero_points, axis=3)
        data = {}
        if step.start == "bias":
            data["bias"] = rng.integers(step.register.minimum, step.register.maximum, n)
        datapath = qs.Datapath(reduce=(step,))
        geometry.pop("channels")
        _, how = both(images, weight, datapath, isa, groups=c, **geometry, **data)
        ran[how] += 1

    call()
    assert ran["depthwise"] > EXAMPLES[level] // 3, ran
    assert ran["raised"] > 0, ran
    assert ran["groups"] > 0, ran


@pytest.mark.parametrize(
    "step", [qs.Accumulate(32), qs.Accumulate(11), qs.Accumulate(12, "saturate")], ids=repr
)
def test_every_count_of_channels(isa: str, step: qs.Accumulate) -> None:
    """Vectors that are full, begun or overlap; a saturating sum overflows in every output."""
    rng = np.random.default_rng(3)
    for c in range(2, 71):
        x = rng.integers(64, 128, (1, 4, 6, c)).astype(DTYPES[c % 3])
        w = rng.integers(64, 128, (3, 3, 1, c)).astype(np.int8)
        w[1] = -w[1]  # up to the rail, down and up again: the order shows
        geometry = {"stride": 1, "padding": (1, 0), "dilation": 1, "groups": c}
        got, how = both(x, w, qs.Datapath(reduce=(step,)), isa, **geometry)
        assert how == "depthwise"
        if step.bits == 12:
            assert ((got == 2047) | (got == -2048)).all()


def test_products_at_the_ends_of_int16(isa: str) -> None:
    """-32768 * -32768 and sums that wrap in int32 itself."""
    for x_code, w_code in ((-32768, -32768), (-32768, 32767), (32767, 32767)):
        x, w = np.full((1, 3, 5, 33), x_code, np.int16), np.full((2, 2, 1, 33), w_code, np.int16)
        geometry = {"stride": 1, "padding": 0, "dilation": 1, "groups": 33}
        _, how = both(x, w, qs.Datapath(reduce=(qs.Accumulate(32),)), isa, **geometry)
        assert how == "depthwise"


def test_the_lanes_that_a_cpu_has_are_used() -> None:
    """The widest vector that the channels fill; below four there is only plain C."""
    for name, fewest in (("avx512bw", 16), ("avx2", 8), ("neon", 4), ("portable", 1)):
        if not _native.isa_available(name):
            continue
        for c in (fewest, 2 * fewest + 1):
            if c < 2:
                continue
            planned = qs.ops.plan_conv2d(
                np.ones((2, 2, 1, c), np.int8), qs.Datapath(), groups=c, isa=name
            )
            planned(np.ones((1, 3, 3, c), np.int8))
            assert f" on {name}: " in planned.explain()


# -- output steps, threads, and the calls that go group by group ----------------------------------

GEOMETRY: dict[str, Any] = {"stride": 2, "padding": "same", "dilation": 1}


@pytest.mark.parametrize("name", ["ort-vnni", "xnnpack-fp32", "tflite-reference-conv"])
def test_whole_layers(name: str) -> None:
    """Zero points folded or subtracted, bias, per-channel scales, clamps: as group by group."""
    machine = qs.targets.get(name)
    rng = np.random.default_rng(5)
    for c, multiplier in ((37, 1), (5, 2)):
        n = c * multiplier
        signed = name != "ort-vnni"
        zero_point = -7 if signed else 130
        x = codes(rng, np.int8 if signed else np.uint8, (2, 9, 8, c))
        w = rng.integers(-127, 128, (3, 3, 1, n)).astype(np.int8)
        scales = rng.uniform(1e-3, 4e-3, 1 if name == "ort-vnni" else n)
        _, how = both(
            qs.QTensor(x, qs.Affine(8, signed=signed), 0.5, zero_point),
            qs.QTensor(w, qs.Affine(8), 1.0),
            machine.datapath,
            "auto",
            groups=c,
            **GEOMETRY,
            bias=rng.integers(-4000, 4000, n),
            requantize=machine.scheme.encode(scales if len(scales) > 1 else float(scales[0])),
            out_zero_point=-3 if signed else 3,
        )
        assert how == "depthwise"


def test_folded_zero_points_of_both_sides() -> None:
    """Weights with zero points make the correction differ from window to window."""
    datapath = qs.Datapath(product=qs.Multiply("fold"), output=(qs.CorrectZeroPoints(),))
    rng = np.random.default_rng(6)
    x = qs.QTensor(codes(rng, np.uint8, (1, 6, 6, 9)), qs.Affine(8, signed=False), 1.0, 99)
    w = codes(rng, np.int8, (3, 3, 1, 9))
    plain = qs.QTensor(w, qs.Affine(8), 1.0)
    shifted = qs.QTensor(w, qs.Affine(8), np.ones(9), np.arange(-4, 5), axis=3)
    assert both(x, plain, datapath, "auto", groups=9, **GEOMETRY)[1] == "depthwise"
    assert both(x, shifted, datapath, "auto", groups=9, **GEOMETRY)[1] != "depthwise"


def test_thresholds_and_random_numbers_of_channels() -> None:
    """A row of thresholds a channel; STOCHASTIC counts positions and channels in the whole."""
    rng = np.random.default_rng(7)
    x, w = codes(rng, np.int8, (2, 7, 9, 19)), rng.integers(-128, 128, (3, 3, 1, 19))
    rows = np.sort(rng.integers(-30_000, 30_000, (19, 7)), axis=1)
    for output in (
        (qs.Thresholds(rows),),
        (qs.Narrow(shift=5, rounding=qs.STOCHASTIC(99), bits=12),),
    ):
        datapath = qs.Datapath(reduce=(qs.Accumulate(17, "saturate"),), output=output)
        assert both(x, w, datapath, "auto", groups=19, **GEOMETRY)[1] == "depthwise"


def test_a_trap_names_the_same_place() -> None:
    """Of an output step, and of a register that is left somewhere."""
    x, w = np.zeros((1, 4, 4, 8), np.int8), np.ones((2, 2, 1, 8), np.int8)
    x[0, 1, 2, 6], x[0, 3, 0, 3] = 100, 120
    for datapath in (
        qs.Datapath(output=(qs.Narrow(bits=4, overflow="trap"),)),
        qs.Datapath(reduce=(qs.Accumulate(7, "trap"),)),
    ):
        said, how = both(x, w, datapath, "auto", groups=8, **GEOMETRY)
        assert how == "raised"
        assert "trap" in said.lower() or "left" in said.lower(), said


def test_threads_events_and_weights_of_its_own() -> None:
    """Any number of threads; events go group by group; a plan keeps the weights it was given."""
    rng = np.random.default_rng(8)
    x, w = codes(rng, np.int8, (3, 40, 40, 48)), codes(rng, np.int8, (3, 3, 1, 48))
    datapath = qs.Datapath(reduce=(qs.Accumulate(13, "saturate"),), output=(qs.Narrow(shift=3),))
    given_weights = w.copy()
    planned = qs.ops.plan_conv2d(given_weights, datapath, groups=48, **GEOMETRY)
    given_weights[:] = 0
    expected = planned(x, threads=1)
    assert planned.explain().startswith("any int8 codes: depthwise, clamp on")
    for threads in (None, 2, 5, 1000):
        np.testing.assert_array_equal(planned(x, threads=threads), expected)
    slow, events = qs.ops.conv2d(x, w, datapath, groups=48, kernel="reference", events=True,
                                 **GEOMETRY)  # fmt: skip
    np.testing.assert_array_equal(expected, slow)
    got, seen = planned(x, events=True)
    np.testing.assert_array_equal(got, slow)
    assert seen == events
    assert "depthwise, " not in planned.explain()
    with pytest.raises(qs.errors.DatapathError, match="threads=0"):
        planned(x, threads=0)


def test_what_was_proven_once_does_not_outlive_it() -> None:
    """One plan: codes of other types, zero points and data that change in place, sizes."""
    rng = np.random.default_rng(10)
    w = codes(rng, np.int8, (3, 3, 1, 21))
    step = qs.Accumulate(18, "saturate", start="bias")
    datapath = qs.Datapath(reduce=(step,), output=(qs.Narrow(shift=4, bits=12),))
    bias = rng.integers(-100, 100, 21)
    planned = qs.ops.plan_conv2d(w, datapath, groups=21, **GEOMETRY)
    slow = qs.ops.plan_conv2d(w, datapath, groups=21, kernel="reference", **GEOMETRY)
    ways = []
    for call in range(40):
        dtype = (np.int8, np.uint8, np.int16, np.int64)[int(rng.integers(4))]
        x: Any = codes(
            rng, dtype if dtype != np.int64 else np.int16, (call % 3, 5 + call % 4, 6, 21)
        )
        x = x.astype(dtype)
        if dtype in (np.int8, np.uint8) and rng.random() < 0.7:
            x = qs.QTensor(x, qs.Affine(8, signed=dtype == np.int8), 1.0, call % 100)
        bias[int(rng.integers(21))] = 2**17 - (call % 5 > 0)  # one more than fits, or the rail
        told, said = outcome(slow, x, {"bias": bias}), outcome(planned, x, {"bias": bias})
        assert said[0] == told[0]
        np.testing.assert_array_equal(said[1], told[1])
        ways.append("raised" if told[0] else planned.explain().split(":")[0])
        bias[:] = np.roll(np.minimum(bias, 1000), 1)
    assert {"any int8 codes", "any uint8 codes", "raised"} <= set(ways), ways


def test_formats_that_are_tables() -> None:
    """Activations and weights whose integers are looked up: the exact shift is one product."""
    rng = np.random.default_rng(9)
    fmt = qs.APoT(4)
    x = qs.QTensor(rng.integers(0, 16, (1, 6, 6, 20)), fmt)
    w = rng.integers(-128, 128, (3, 3, 1, 20)).astype(np.int8)
    for datapath in (qs.Datapath(), qs.Datapath(product=qs.Shift())):
        assert both(x, w, datapath, "auto", groups=20, **GEOMETRY)[1] == "depthwise"


def test_the_door_refuses() -> None:
    """Out that shares memory with the images; images of another count of channels."""
    form = _native.GemmForm("int16", np.dtype(np.int8))
    kernel = _native.Depthwise(form, "auto", np.ones((8, 4), np.int64))
    memory = np.zeros(1024, np.int8)
    images = memory[:128].reshape(1, 4, 4, 8)
    windows = _native.Windows(images, (2, 2), (1, 1), (1, 1), (3, 3), slice(None))
    start = kernel.with_bias(None)
    for first in (0, 124):
        out = memory[first : first + 288].view(np.int32).reshape(9, 8)
        with pytest.raises(qs.errors.PyqsimError):
            kernel.run(windows, slice(0, 9), out, start)
    kernel.run(windows, slice(0, 9), memory[128:416].view(np.int32).reshape(9, 8), start)
    few = _native.Windows(images, (2, 2), (1, 1), (1, 1), (3, 3), slice(0, 7))
    with pytest.raises(qs.errors.PyqsimError):
        kernel.run(few, slice(0, 9), np.zeros((9, 8), np.int32), start)
