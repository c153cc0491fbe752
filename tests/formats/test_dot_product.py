"""The law of every format: an integer dot product is the dot product of the decoded values."""

from fractions import Fraction

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.formats import Affine, APoT, Binary, LogQuant, PowerOfTwo, Ternary

WEIGHTS = [
    Affine(8),
    Affine(3, narrow=True),
    Affine(4, signed=False),
    Binary(),
    Binary("01"),
    Ternary(),
    Ternary(0.33),
    LogQuant(3, True),
    LogQuant(4),
    LogQuant(3, True, base="sqrt2"),
    LogQuant(5, True, base="sqrt2", guard_bits=4),
    PowerOfTwo(4),
    PowerOfTwo(4, "pot_paper"),
    PowerOfTwo(4, "deepshift_q"),
    PowerOfTwo(4, "deepshift_ps"),
    PowerOfTwo(5, "inq"),
    PowerOfTwo(4, "qkeras_po2"),
    PowerOfTwo(4, "qkeras_po2", 3.0),
    PowerOfTwo(3, "qkeras_po2", 0.3),
    APoT(4),
    APoT(5),
    APoT(6, signed=False),
    APoT(5, 4),
]
ACTIVATIONS = [
    Affine(8, signed=False),
    Affine(5),
    Binary("01"),
    LogQuant(3),
    PowerOfTwo(3, "inq"),
    APoT(4, signed=False),
]


def value(fmt, code, scale, zero_point):
    """The real number a code stands for, exactly."""
    n = int(fmt.integers()[int(code) % 2**fmt.code_bits])
    return Fraction(scale) * (n - zero_point) / 2**fmt.frac_bits


def random_tensor(fmt, shape, seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(fmt.code_min, fmt.code_max, shape, endpoint=True)
    zero_point = 1 if fmt.has_zero_point else 0
    return qs.QTensor(codes, fmt, 0.25, zero_point)


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("activations", ACTIVATIONS, ids=str)
def test_integers_give_the_real_dot_product(activations, weights):
    a, b = random_tensor(activations, (3, 17), 1), random_tensor(weights, (17, 4), 2)
    got = qs.matmul(a, b, qs.Datapath())
    unit = Fraction(1, 16) / 2 ** (activations.frac_bits + weights.frac_bits)
    for m in range(3):
        for n in range(4):
            expected = sum(
                value(activations, a.codes[m, k], 0.25, int(a.zero_point))
                * value(weights, b.codes[k, n], 0.25, int(b.zero_point))
                for k in range(17)
            )
            assert int(got[m, n]) * unit == expected


@pytest.mark.parametrize("weights", [w for w in WEIGHTS if w.shifts], ids=str)
@pytest.mark.parametrize("activations", ACTIVATIONS, ids=str)
def test_shifting_is_multiplying(activations, weights):
    """Every code of the weights, against every code of the activations."""
    a = np.arange(activations.code_min, activations.code_max + 1)[:, None]
    b = np.arange(weights.code_min, weights.code_max + 1)[None, :]
    a = qs.QTensor(a, activations, 1.0, 1 if activations.has_zero_point else 0)
    b = qs.QTensor(b, weights)
    shifted = qs.matmul(a, b, qs.Datapath(product=qs.Shift()))
    assert shifted.tolist() == qs.matmul(a, b, qs.Datapath()).tolist()
    assert np.any(shifted)


def test_the_worked_example_of_the_survey_corrected():
    """Range [-10, 10] in 8 bits: the step is 20 / 255, by exact quotients and HALF_EVEN."""
    x = [-0.35, -0.24, -0.1, 0.05, 0.11, 0.21]
    step = 20 / 255
    assert Affine(8).encode(x, step).tolist() == [-4, -3, -1, 1, 1, 3]
    assert Affine(8).encode([-0.35, 0.05, 0.21], step, rounding="floor").tolist() == [-5, 0, 2]
    assert Affine(8).encode([-10.0, 10.0], step).tolist() == [-128, 127]
    assert Affine(8).encode([-10.0, 10.0], 20 / 254).tolist() == [-127, 127]
