"""Planes: user-made tables."""

import numpy as np
import pytest

from pyqsim.errors import DatapathError, QuantizationError
from pyqsim.formats import Planes


def test_several_planes():
    fmt = Planes([[0, 1, 2, 3], [0, 0, 5, -5]])
    assert (fmt.planes, fmt.code_bits, fmt.code_min, fmt.code_max) == (2, 2, 0, 3)
    assert fmt.integers().tolist() == [[0, 1, 2, 3], [0, 0, 5, -5]]
    assert fmt.decode(np.array([[3], [1]], dtype=np.uint8)).tolist() == [[[3], [1]], [[-5], [0]]]
    assert (fmt.frac_bits, fmt.shifts, fmt.has_zero_point, fmt.zero_code) == (0, False, False, 0)
    assert eval(repr(fmt)) == fmt
    assert hash(fmt) == hash(Planes(np.array([[0, 1, 2, 3], [0, 0, 5, -5]])))
    assert str(fmt) == "Planes of 2 x 4 integers"


def test_one_plane():
    fmt = Planes([[7, -1, 0, 7]])
    assert fmt.integers().tolist() == [7, -1, 0, 7]
    assert fmt.levels().tolist() == [-1, 0, 7]
    assert fmt.zero_code == 2
    assert Planes([[1, -1]]).zero_code is None


def test_largest():
    fmt = Planes([range(65536)])
    assert fmt.code_bits == 16
    assert fmt.code_dtype == np.uint16
    assert Planes([[2**62 - 1, 1 - 2**62]]).integers().tolist() == [2**62 - 1, 1 - 2**62]


def test_made_from_codes_only():
    with pytest.raises(QuantizationError, match=r"Planes of 1 x 2 integers.*made from codes"):
        Planes([[1, -1]]).encode([0.5])
    with pytest.raises(DatapathError, match=r"levels of Planes of 2 x 2.*planes=2, allowed: 1"):
        Planes([[1, -1], [0, 1]]).levels()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "0 tables of lengths [], allowed: at least one table"),
        ([[1, 2], [1, 2, 3, 4]], "2 tables of lengths [2, 4], allowed:"),
        ([[1, 2, 3]], "1 tables of lengths [3], allowed: at least one table, all of one length"),
        ([[1]], "1 tables of lengths [1]"),
        ([[0, 2**62]], "Planes: tables[0][1]=4611686018427387904, allowed: -46116860184273879"),
        ([[0, 0.5]], "Planes: tables[0][1]=0.5, allowed: an int in"),
    ],
)
def test_impossible_tables(tables, message):
    with pytest.raises(DatapathError) as error:
        Planes(tables)
    assert message in str(error.value)
