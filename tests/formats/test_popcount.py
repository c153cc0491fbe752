"""XNOR, popcount and bit-serial hardware: its word formulas equal the model's dot products.

Such a machine packs one bit of K operands into a word. Every test computes its formula on Python
integers used as words, and asks for the numbers that `matmul` gives for the formats.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import pyqsim as qs

Bits = npt.NDArray[np.int64]
EXACT = qs.Datapath()
K = 70  # more than one machine word
RNG = np.random.Generator(np.random.PCG64(5))


def words(bits: Bits) -> list[int]:
    """One word a row: bit k is element k."""
    return [int("".join(map(str, row[::-1])) or "0", 2) for row in bits.tolist()]


def codes(low: int, high: int) -> tuple[Bits, Bits]:
    """Random M x K and K x N codes, with rows and columns of one value among them."""
    a, b = RNG.integers(low, high + 1, (6, K)), RNG.integers(low, high + 1, (K, 5))
    a[0], a[1], b[:, 0], b[:, 1] = low, high, low, high
    return a, b


def test_plus_and_minus_one() -> None:
    """K - 2 * popcount(x ^ w); the parity of the result is that of K."""
    x, w = codes(0, 1)
    fmt = qs.Binary("pm1")
    dot = qs.matmul(qs.QTensor(x, fmt), qs.QTensor(w, fmt), EXACT)
    expected = [[K - 2 * (p ^ q).bit_count() for q in words(w.T)] for p in words(x)]
    assert dot.tolist() == expected
    assert (dot % 2 == K % 2).all()


def test_zero_one_activations() -> None:
    """With +-1 weights 2 * popcount(x & w) - popcount(x), with {0, 1} weights popcount(x & w)."""
    x, w = codes(0, 1)
    a = qs.QTensor(x, qs.Binary("01"))
    both = [(p, q) for p in words(x) for q in words(w.T)]
    signed = qs.matmul(a, qs.QTensor(w, qs.Binary("pm1")), EXACT)
    assert signed.ravel().tolist() == [2 * (p & q).bit_count() - p.bit_count() for p, q in both]
    unsigned = qs.matmul(a, qs.QTensor(w, qs.Binary("01")), EXACT)
    assert unsigned.ravel().tolist() == [(p & q).bit_count() for p, q in both]


def test_ternary() -> None:
    """nz = mx & mw; popcount(nz) - 2 * popcount(nz & (sx ^ sw)), m nonzero and s sign planes."""
    x, w = codes(-1, 1)
    fmt = qs.Ternary()
    dot = qs.matmul(qs.QTensor(x, fmt), qs.QTensor(w, fmt), EXACT)
    planes = [(words((t != 0).astype(np.int64)), words((t < 0).astype(np.int64))) for t in (x, w.T)]
    expected = [
        (mx & mw).bit_count() - 2 * (mx & mw & (sx ^ sw)).bit_count()
        for mx, sx in zip(*planes[0], strict=True)
        for mw, sw in zip(*planes[1], strict=True)
    ]
    assert dot.ravel().tolist() == expected


@pytest.mark.parametrize("signed_w", [False, True])
@pytest.mark.parametrize("signed_x", [False, True])
@pytest.mark.parametrize(("bits_x", "bits_w"), [(2, 2), (1, 4), (3, 2), (8, 8)])
def test_bit_serial(bits_x: int, bits_w: int, signed_x: bool, signed_w: bool) -> None:
    """sum over i, j of +-2**(i+j) * popcount(x_i & w_j); minus for exactly one top sign plane.

    The planes of `Planes.digits(bits, 1)` are those bits, a two's complement top one negative:
    every accumulator is one popcount with its sign, and `Merge` weighs and adds them.
    """
    x, w = codes(0, 1)
    x, w = RNG.integers(0, 1 << bits_x, x.shape), RNG.integers(0, 1 << bits_w, w.shape)
    fmt_x, fmt_w = qs.Planes.digits(bits_x, 1, signed_x), qs.Planes.digits(bits_w, 1, signed_w)
    tensors = qs.QTensor(x, fmt_x), qs.QTensor(w, fmt_w)
    popcounts = [
        [
            [[(p & q).bit_count() for q in words(w.T >> j & 1)] for p in words(x >> i & 1)]
            for j in range(bits_w)
        ]
        for i in range(bits_x)
    ]
    sign = np.ones((bits_x, bits_w), dtype=np.int64)
    sign[-1] *= -1 if signed_x else 1
    sign[:, -1] *= -1 if signed_w else 1
    accumulators = qs.matmul(*tensors, EXACT).reshape(bits_x, bits_w, len(x), w.shape[1])
    assert (accumulators == sign[:, :, None, None] * np.array(popcounts)).all()

    weight = np.multiply.outer(2 ** np.arange(bits_x), 2 ** np.arange(bits_w))
    merged = qs.matmul(
        *tensors, qs.Datapath(output=(qs.Merge(),)), merge=weight[:, :, None, None, None]
    )
    affine = qs.Affine(bits_x, signed_x).integers()[x], qs.Affine(bits_w, signed_w).integers()[w]
    assert (merged == affine[0] @ affine[1]).all()
