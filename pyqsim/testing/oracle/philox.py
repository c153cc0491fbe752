"""Random numbers that depend on a place only: Philox4x32-10 (Salmon et al., SC 2011)."""

from __future__ import annotations

__all__ = ["philox4x32_10", "random_word"]

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)

Words = tuple[int, int, int, int]


def philox4x32_10(counter: Words, key: tuple[int, int]) -> Words:
    """Ten rounds of Philox on four 32-bit words.

    One round, with hi and lo the halves of a 64-bit product::

        (c0, c1, c2, c3) -> (hi(M1 * c2) ^ c1 ^ k0, lo(M1 * c2), hi(M0 * c0) ^ c3 ^ k1, lo(M0 * c0))

    and between rounds each key word grows by its constant.

    Parameters
    ----------
    counter : tuple of four int
        Words 0..3.
    key : tuple of two int
        Words 0 and 1.

    Returns
    -------
    tuple of four int

    Examples
    --------
    >>> [f"{word:08x}" for word in philox4x32_10((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (second >> 32) ^ c1 ^ k0,
            second & _MASK,
            (first >> 32) ^ c3 ^ k1,
            first & _MASK,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & _MASK, (k1 + _KEY_STEPS[1]) & _MASK
    return c0, c1, c2, c3


def random_word(seed: int, *, position: int, n: int, m: int, step: int, term: int) -> int:
    """Return word1:word0 for key = seed, counter = (position, n, m, 256 * step + term)."""
    counter = (position & _MASK, n & _MASK, m & _MASK, (256 * step + term) & _MASK)
    word0, word1, _, _ = philox4x32_10(counter, (seed & _MASK, seed >> 32))
    return word1 << 32 | word0
