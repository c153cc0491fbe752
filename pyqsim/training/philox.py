"""Random numbers that depend on a place only: Philox4x32-10 on whole arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int

__all__ = ["draw_bits", "philox4x32_10"]

Words = npt.NDArray[np.uint64]

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

#: Counter word 3 of every draw here. The integer datapath's is ``256 * step + term`` and far below,
#: so that one seed never gives both the same numbers.
_DOMAIN = 0xFFFFFFFF


def philox4x32_10(counter: npt.ArrayLike, key: tuple[int, int]) -> Words:
    """Ten rounds of Philox on four 32-bit words (Salmon et al., SC 2011).

    One round, with hi and lo the halves of a 64-bit product::

        (c0, c1, c2, c3) -> (hi(M1 * c2) ^ c1 ^ k0, lo(M1 * c2), hi(M0 * c0) ^ c3 ^ k1, lo(M0 * c0))

    and between rounds each key word grows by its constant.

    Parameters
    ----------
    counter : array_like of uint64, shape (4, ...)
        Words 0..3, each below 2**32.
    key : (int, int)
        Words 0 and 1.

    Returns
    -------
    ndarray of uint64, shape of `counter`
        Four words below 2**32.

    Examples
    --------
    >>> [f"{word:08x}" for word in philox4x32_10([0, 0, 0, 0], (0, 0)).tolist()]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = np.asarray(counter, dtype=np.uint64)
    k0, k1 = key
    for _ in range(10):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> _HALF) ^ c1 ^ np.uint64(k0),
            second & _MASK,
            (first >> _HALF) ^ c3 ^ np.uint64(k1),
            first & _MASK,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + _KEY_STEPS[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


def draw_bits(
    seed: int, count: int, bits: int, *, start: int = 0, stream: int = 0
) -> npt.NDArray[np.int64]:
    """Uniform integers in ``0..2**bits - 1``, number i depending on seed, stream and i alone.

    The top `bits` bits of word1:word0 of Philox4x32-10 with key = seed (low word first) and
    counter = (i mod 2**32, i div 2**32, stream, 2**32 - 1), i from `start`.

    Parameters
    ----------
    seed : int
        0..2**64-1.
    count : int
        How many.
    bits : int
        1..32.
    start : int
        The first i, 0..2**63-1.
    stream : int
        0..2**32-1: the training step, the layer.

    Returns
    -------
    ndarray of int64, shape (count,)

    Examples
    --------
    >>> whole = draw_bits(7, 6, 8)
    >>> bool((whole[4:] == draw_bits(7, 2, 8, start=4)).all())
    True
    """
    seed = check_int("draw_bits", "seed", seed, 0, 2**64 - 1)
    bits = check_int("draw_bits", "bits", bits, 1, 32)
    start = check_int("draw_bits", "start", start, 0, 2**63 - 1)
    stream = check_int("draw_bits", "stream", stream, 0, 2**32 - 1)
    index = np.arange(count, dtype=np.uint64) + np.uint64(start)
    counter = np.empty((4, count), dtype=np.uint64)
    counter[0], counter[1], counter[2], counter[3] = index & _MASK, index >> _HALF, stream, _DOMAIN
    word1 = philox4x32_10(counter, (seed & 0xFFFFFFFF, seed >> 32))[1]
    return np.asarray(word1 >> np.uint64(32 - bits)).astype(np.int64)
