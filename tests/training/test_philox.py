"""The vectorised Philox: known answers, and the generator of the C library and the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyqsim import _native
from pyqsim.errors import DatapathError
from pyqsim.testing.oracle.philox import philox4x32_10 as oracle
from pyqsim.training import draw_bits, philox4x32_10

WORD = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**31, 2**32 - 1])


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [  # Random123's kat_vectors
        ([0] * 4, (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([2**32 - 1] * 4, (2**32 - 1, 2**32 - 1), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers(counter, key, answer):
    assert " ".join(f"{w:08x}" for w in philox4x32_10(counter, key).tolist()) == answer


@given(st.lists(st.tuples(WORD, WORD, WORD, WORD), min_size=1, max_size=5), WORD, WORD)
def test_equals_the_c_library_and_the_oracle(counters, k0, k1):
    got = philox4x32_10(np.array(counters, dtype=np.uint64).T, (k0, k1)).T.tolist()
    assert got == [list(_native.philox(counter, (k0, k1))) for counter in counters]
    assert got == [list(oracle(counter, (k0, k1))) for counter in counters]


@pytest.mark.parametrize("start", [0, 5, 2**32 - 2, 2**40 + 3])
def test_draws_are_the_top_bits_at_the_stated_counters(start):
    seed, stream = 0x0123456789ABCDEF, 77
    words = [
        _native.philox(
            ((start + i) % 2**32, (start + i) >> 32, stream, 2**32 - 1), (0x89ABCDEF, 0x01234567)
        )
        for i in range(6)
    ]
    for bits in (1, 7, 31, 32):
        got = draw_bits(seed, 6, bits, start=start, stream=stream)
        assert got.tolist() == [(w[1] << 32 | w[0]) >> (64 - bits) for w in words]
        assert got.dtype == np.int64


def test_uniform():
    """256 bins of 2**16 draws: chi-squared within 5 sigma of its 255 degrees of freedom."""
    counts = np.bincount(draw_bits(1, 2**16, 8), minlength=256)
    chi = ((counts - 256.0) ** 2 / 256).sum()
    assert abs(chi - 255) < 5 * np.sqrt(2 * 255)


def test_seeds_and_streams_differ():
    base = draw_bits(1, 64, 32)
    assert (base != draw_bits(2, 64, 32)).all()
    assert (base != draw_bits(1, 64, 32, stream=1)).all()
    assert (base != draw_bits(1 + 2**32, 64, 32)).all()


def test_refused():
    with pytest.raises(DatapathError, match="draw_bits: seed=-1"):
        draw_bits(-1, 1, 8)
    with pytest.raises(DatapathError, match=r"draw_bits: bits=33, allowed: 1\.\.32"):
        draw_bits(1, 1, 33)
    with pytest.raises(DatapathError, match="draw_bits: start=-1"):
        draw_bits(1, 1, 8, start=-1)
    with pytest.raises(DatapathError, match="draw_bits: stream=4294967296"):
        draw_bits(1, 1, 8, stream=2**32)
