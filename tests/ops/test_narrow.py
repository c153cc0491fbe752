"""narrow on arrays of any shape, strides, byte order and dtype."""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs

X = np.arange(-60, 60).reshape(2, 3, 20)


@pytest.mark.parametrize(
    "x",
    [
        X,
        X.astype(np.int8),
        X.astype(">i2"),
        np.asfortranarray(X),
        X[::-1, :, ::-3],
        X.T,
        np.broadcast_to(X[:1], (4, 3, 20)),
        X[0, 0, 0],
        X[:0],
        X[:, :0],
        np.array(-7),
        (X + 60).astype(np.uint64),
    ],
    ids=lambda x: f"{x.dtype}{x.shape}",
)
def test_shape_and_values(x: np.ndarray) -> None:
    """floor(x / 4): int64 of the same shape; the input is left alone."""
    before = x.copy()
    y = qs.narrow(x, shift=2)
    assert y.dtype == np.int64
    assert y.shape == x.shape
    assert y.tolist() == np.floor_divide(x, 4).tolist()
    assert (x == before).all()


def test_lists_and_scalars() -> None:
    assert qs.narrow([], shift=1).tolist() == []
    assert qs.narrow([[5]], shift=1).tolist() == [[2]]
    assert qs.narrow(5, shift=1).shape == ()


def test_read_only() -> None:
    x = X.copy()
    x.setflags(write=False)
    assert qs.narrow(x, bits=4).max() == 7


def test_stochastic_draws_by_index() -> None:
    """The same element at the same index draws the same number, whatever the shape."""
    rule = qs.STOCHASTIC(5)
    flat = qs.narrow(X.ravel(), shift=3, rounding=rule)
    assert qs.narrow(X, shift=3, rounding=rule).ravel().tolist() == flat.tolist()
    assert flat[:50].tolist() == qs.narrow(X.ravel()[:50], shift=3, rounding=rule).tolist()
    floor = X.ravel() >> 3
    assert set((flat - floor).tolist()) == {0, 1}
    assert (flat[X.ravel() % 8 == 0] == floor[X.ravel() % 8 == 0]).all()


@pytest.mark.parametrize("random_bits", [None, 4, 2, 1])
def test_stochastic_bias(random_bits: int | None) -> None:
    """Measured against P(up) = floor(frac * 2**r / 2**shift) / 2**r, r random bits, by 5 sigma.

    With all bits that is no bias; fewer of them (the upper ones are drawn) round down too often.
    """
    shift, draws = 5, 4000
    used = shift if random_bits is None else random_bits
    v = np.arange(-48, 48)
    rule = qs.STOCHASTIC(9, random_bits)
    up = qs.narrow(np.tile(v, (draws, 1)), shift=shift, rounding=rule) - (v >> shift)
    assert set(up.ravel().tolist()) == {0, 1}
    chance = ((v % 32 << used) >> shift) / 2**used
    sigma = np.sqrt(chance * (1 - chance) / draws)
    assert (abs(up.mean(axis=0) - chance) <= 5 * sigma).all()
    assert abs((up - chance).mean()) <= 5 * np.sqrt((sigma**2).sum()) / len(v)
    if random_bits is None:
        assert (chance == v % 32 / 32).all()
    else:
        assert (chance <= v % 32 / 32).all()


def test_refused() -> None:
    """Not integers, or a step that cannot be."""
    errors = qs.errors
    for x in ([1.5], [True], ["1"], [1j], [None], np.zeros(0)):
        with pytest.raises(errors.OperandError, match=r"x: dtype=.*allowed: an integer dtype"):
            qs.narrow(x, shift=1)
    with pytest.raises(errors.CodeError, match=r"x: value 9223372036854775808, allowed"):
        qs.narrow(np.array([2**63], np.uint64), shift=1)
    with pytest.raises(errors.ModeError, match="rounding='nearest', allowed: 'floor'"):
        qs.narrow([1], shift=1, rounding="nearest")
    with pytest.raises(errors.DatapathError, match=r"divisor=0, allowed: 1\.\."):
        qs.narrow([1], divisor=0)
