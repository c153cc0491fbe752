"""Cuts: one double decides on the side of an exact threshold, for every double."""

from fractions import Fraction
from math import inf, nextafter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyqsim.formats.cuts import cut, exact_integers

doubles = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(-(2**70), 2**70), st.integers(-1200, 1000), doubles, st.booleans())
@example(2**53 + 1, 0, 2.0**53, False)
@example(-(2**53) - 1, 0, -(2.0**53), False)
@example(1, -1075, 0.0, False)
@example(-1, -1075, 0.0, True)
@example(1, 1024, 1.7976931348623157e308, False)
@example(-1, 1024, -1.7976931348623157e308, False)
@example(2**1024 - 2**970, 0, 1.7976931348623157e308, True)
@example(2**1024 - 1, 0, 1.7976931348623157e308, False)
@example(0, 0, -5e-324, True)
def test_one_double_decides(integer, exponent, x, inclusive):
    threshold = Fraction(integer) * Fraction(2) ** exponent
    place = cut(integer, exponent, inclusive)
    beside = [place, nextafter(place, -inf), nextafter(place, inf), x]
    for number in [v for v in beside if abs(v) < inf]:
        beyond = Fraction(number) >= threshold if inclusive else Fraction(number) > threshold
        assert (number > place) == beyond


@given(st.lists(doubles, max_size=5))
def test_exact_integers(numbers):
    integers, exponent = exact_integers(numbers)
    assert [n * Fraction(2) ** exponent for n in integers] == [Fraction(v) for v in numbers]


@pytest.mark.parametrize("inclusive", [False, True])
def test_a_threshold_that_is_a_double(inclusive):
    assert cut(5, -1, inclusive) == (nextafter(2.5, 0) if inclusive else 2.5)
