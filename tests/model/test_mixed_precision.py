"""One format a layer, found under a budget by measured error."""

from itertools import product
from math import inf

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.data import FloatLayer, FloatNetwork, digits, float_network
from pyqsim.data.float_forward import forward
from pyqsim.errors import DatapathError, QuantizationError, ShapeError
from pyqsim.model import MACHINES, Machine, quantize_network, run
from pyqsim.model.mixed_precision import Budget, search_bits

MLP = float_network("mlp")
IMAGES = digits().calibration_x[:48]
SIZES = [layer.weight.size for layer in MLP.layers if layer.weight is not None]
INTS = [qs.Affine(bits, narrow=True) for bits in (3, 4, 5, 8)]


def measured(formats, machine=MACHINES[0]):
    """SQNR of the logits, by itself."""
    network = quantize_network(MLP, formats, machine)
    logits = run(network, network.input.tensor(IMAGES[..., None])).real()
    wanted = forward(MLP, IMAGES / 255)
    return 10 * np.log10((wanted**2).sum() / ((wanted - logits) ** 2).sum())


@pytest.mark.parametrize("method", ["exhaustive", "greedy"])
@pytest.mark.parametrize(("bits", "gain_db"), [(3, 0), (4, 2), (5, 0.1)])
def test_no_uniform_choice_of_that_size_is_better(method, bits, gain_db):
    budget = Budget(weight_bits=bits * sum(SIZES))
    found = search_bits(MLP, IMAGES, INTS, budget=budget, method=method)
    uniform = max(measured(fmt) for fmt in INTS if fmt.bits <= bits)
    assert found.weight_bits <= budget.weight_bits
    assert found.weight_bits == sum(
        fmt.bits * size for fmt, size in zip(found.formats, SIZES, strict=True)
    )
    assert found.sqnr_db == pytest.approx(measured(found.formats), abs=1e-6)
    assert found.sqnr_db >= uniform + gain_db - 1e-6


def test_exhaustive_is_the_best_of_all():
    budget = Budget(weight_bits=4 * sum(SIZES))
    found = search_bits(MLP, IMAGES, INTS[:3], budget=budget)
    choices = [
        choice
        for choice in product(INTS[:3], repeat=3)
        if sum(f.bits * n for f, n in zip(choice, SIZES, strict=True)) <= budget.weight_bits
    ]
    assert found.exhaustive
    assert found.evaluations == len(choices) < 27
    assert found.sqnr_db == pytest.approx(max(map(measured, choices)), abs=1e-6)


@pytest.mark.parametrize("method", ["exhaustive", "greedy"])
def test_the_same_on_every_run_and_thread_count(method):
    budget = Budget(weight_bits=4 * sum(SIZES))
    options = {"budget": budget, "method": method}
    first, *others = [
        search_bits(MLP, IMAGES[:16], INTS, threads=threads, **options) for threads in (1, 2, 2)
    ]
    assert others == [first, first]


def test_a_width_of_accumulators():
    candidates = [*INTS, qs.APoT(4), qs.LogQuant(3, signed=True)]
    found = search_bits(MLP, IMAGES, candidates, budget=Budget(accumulator_bits=22))
    assert found.accumulator_bits == (22, 22, 21)  # 784 * 2550, 64 * 32385, 32 * 32385
    assert found.formats == (qs.APoT(4), INTS[3], INTS[3])
    for fmt, width, k in zip(found.formats, found.accumulator_bits, (784, 64, 32), strict=True):
        largest = 255 * int(np.abs(fmt.integers()).max() if fmt != INTS[3] else 127) * k
        assert -(2 ** (width - 1)) < -largest < largest < 2 ** (width - 1)


def test_no_overflow_in_registers_of_the_widths_found():
    found = search_bits(MLP, IMAGES, INTS, budget=Budget(accumulator_bits=21))
    machines = [Machine("own", (qs.Accumulate(width),)) for width in found.accumulator_bits]
    network = quantize_network(MLP, found.formats, machines)
    assert run(network, network.input.tensor(IMAGES[..., None])).overflows == 0


def test_overflows_of_the_machine_count():
    narrow = Machine("narrow", (qs.Accumulate(14, "wrap"),))
    found = search_bits(MLP, IMAGES, INTS, budget=Budget(10**9), machine=narrow)
    exact = search_bits(MLP, IMAGES, INTS, budget=Budget(10**9))
    assert exact.formats == (INTS[3],) * 3
    assert found.formats != exact.formats
    assert found.sqnr_db >= measured(exact.formats, narrow) - 1e-6


def test_among_equals_the_smaller_and_then_the_earlier():
    weight = np.array([[3.0, -3.0], [0.0, 3.0]], np.float32)
    pixels = np.zeros((784, 2), np.float32)
    pixels[[10, 300], :] = weight
    layer = FloatLayer("linear", pixels, np.zeros(2, np.float32))
    network = FloatNetwork("one", (FloatLayer("flatten"), layer), float_accuracy=1.0)
    candidates = [qs.Affine(3, narrow=True), qs.APoT(2, base_bits=1), qs.Affine(2, narrow=True)]
    images = np.full((1, 28, 28), 255, np.uint8)
    found = search_bits(network, images, candidates, budget=Budget(10**6))
    assert found.formats == (candidates[1],)
    assert found.sqnr_db == inf
    larger = search_bits(network, images, candidates[:1], budget=Budget(10**6))
    assert larger.sqnr_db == inf


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"budget": Budget(weight_bits=100)}, QuantizationError, "at least .* bits of weights"),
        ({"budget": Budget(accumulator_bits=12)}, QuantizationError, "accumulators of at least 21"),
        ({"candidates": []}, QuantizationError, r"candidates=\[\]"),
        ({"candidates": [qs.Planes.digits(8, 4)]}, QuantizationError, "a format with a scale rule"),
        ({"method": "guess"}, DatapathError, "method='guess'"),
        ({"images": IMAGES[:0]}, ShapeError, r"\(0, 28, 28\)"),
        ({"images": IMAGES[0]}, ShapeError, r"\(28, 28\)"),
    ],
    ids=["weights", "accumulators", "none", "planes", "method", "no image", "one image"],
)
@pytest.mark.parametrize("method", ["exhaustive", "greedy"])
def test_refused(change, error, message, method):
    call = {
        "images": IMAGES,
        "candidates": INTS,
        "budget": Budget(weight_bits=10**9),
        "method": method,
    } | change
    with pytest.raises(error, match=message):
        search_bits(MLP, **call)


def test_budgets():
    with pytest.raises(QuantizationError, match=r"Budget\(\): no limit"):
        Budget()
    with pytest.raises(DatapathError, match="weight_bits=0"):
        Budget(weight_bits=0)
