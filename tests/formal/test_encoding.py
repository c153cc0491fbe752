"""The encoding is the C code: both run on random numbers and corners, and must agree."""

from __future__ import annotations

import random

import pytest

z3 = pytest.importorskip("z3", reason="pip install 'pyqsim[formal]'")

import numpy as np  # noqa: E402 - z3 first: without it there is nothing to test
from formal.encoding import SATURATE_SYMMETRIC, SIGN_MAGNITUDE_WRAP, Encoding  # noqa: E402

import pyqsim as qs  # noqa: E402
from pyqsim import _native  # noqa: E402
from pyqsim.modes import ROUNDINGS, OverflowRule  # noqa: E402

SAMPLES = {1: 1_500, 2: 60_000}
WORDS = (0, 1, -1, 2, -2, 3, 2**31 - 1, -(2**31), 2**62, 2**63 - 1, -(2**63), -(2**63) + 1)
NAMED = [rule.table for rule in ROUNDINGS]


def any_int(rng: random.Random, low: int, high: int) -> int:
    """Corners, numbers of every magnitude, numbers next to powers of two."""
    kind = rng.random()
    if kind < 0.25:
        number = rng.choice(WORDS)
    elif kind < 0.5:
        number = rng.choice((1, -1)) * (1 << rng.randrange(64)) + rng.randrange(-2, 3)
    else:
        number = rng.choice((1, -1)) * rng.getrandbits(rng.randrange(1, 64))
    return min(max(number, low), high)


def any_step(rng: random.Random) -> qs.Narrow:
    rule = OverflowRule(rng.choice([r for r in OverflowRule if r != OverflowRule.SATURATE_HOLD]))
    signed = rule in (SATURATE_SYMMETRIC, SIGN_MAGNITUDE_WRAP) or rng.random() < 0.7
    bits = rng.choice((None, *range(2, 20), 31, 32, 33, 63, 64 if signed else 63))
    n = rng.randint(rule != SIGN_MAGNITUDE_WRAP, bits or 8) if rule >= 6 else 0
    table = rng.choice(NAMED) if rng.random() < 0.5 else rng.getrandbits(16)
    shifts = (0, 1, 2, 31, 63, 64, 65, 126, 127, 128, -1, -63, -64, -127)
    return qs.Narrow(
        shift=rng.choice((*shifts, rng.randint(-127, 128))),
        multiplier=rng.choice((1, 1, any_int(rng, -(2**63), 2**63 - 1))),
        divisor=rng.choice((1, 1, 2, 3, abs(any_int(rng, 1, 2**63 - 1)))),
        rounding=qs.Rounding(table),
        bits=bits,
        overflow=qs.Overflow(rule, n),
        signed=signed,
    )


def test_narrow_is_the_c_function(level: int) -> None:
    e, rng = Encoding(), random.Random(6)
    for _ in range(SAMPLES[level]):
        step, value = any_step(rng), any_int(rng, -(2**63), 2**63 - 1)
        out, _, _ = _native.narrow_array(step, np.array([value], dtype=np.int64))
        register = (
            step.bits or 0,
            int(step.overflow.rule),
            step.signed,
            step.overflow.saturated_bits,
        )
        encoded = e.narrow(
            e.number(value),
            e.number(step.multiplier),
            e.number(step.divisor),
            step.exact_shift,
            z3.BitVecVal(step.rounding.table, 16),
            register,
        )
        assert z3.simplify(encoded).as_signed_long() == int(out[0]), (value, step)


def test_stochastic_is_the_c_function() -> None:
    """The random word is the one that C draws for its place."""
    e, rng = Encoding(), random.Random(7)
    for index in range(200):
        shift, bits, seed = rng.randint(1, 64), rng.choice((None, 0, 1, 5, 64)), rng.getrandbits(63)
        value = any_int(rng, -(2**63), 2**63 - 1)
        step = qs.Narrow(shift, rounding=qs.STOCHASTIC(seed, bits))
        x = np.full(index % 3 + 1, value)
        out, _, _ = _native.narrow_array(step, x)
        n = len(x) - 1
        word0, word1, _, _ = _native.philox((2**32 - 1, n, 0, 0), (seed & 0xFFFFFFFF, seed >> 32))
        word = z3.BitVecVal(word1 << 32 | word0, 64)
        drawn = 64 if bits is None else bits
        encoded = e.wrap_word(e.round_stochastic(e.number(value), shift, drawn, word))
        assert z3.simplify(encoded).as_signed_long() == int(out[n]), (value, step)
