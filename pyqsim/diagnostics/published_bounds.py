"""Accumulator widths that published bounds ask for, from widths and norms of the weights alone.

All three hold for every order of a plain sum and know nothing of the values of single inputs.
"""

from __future__ import annotations

from pyqsim.bounds import Interval

__all__ = ["centred_bits", "data_type_bits", "input_width", "l1_bits", "signed_bits"]


def signed_bits(interval: Interval, *, symmetric: bool = False) -> int:
    """Width of the smallest signed register (2 bits or more) that holds an interval."""
    low = -interval.low - (0 if symmetric else 1)
    return max(interval.high.bit_length(), max(low, 0).bit_length(), 1) + 1


def input_width(x: Interval) -> tuple[int, bool]:
    """N and signedness of the smallest integer type that holds an input."""
    if x.low >= 0:
        return max(x.high.bit_length(), 1), False
    return signed_bits(x), True


def data_type_bits(k: int, x: Interval, weight_bits: int) -> int:
    """Smallest P with ``2**(P-1) - 1 >= K * 2**(N + M - 1 - u)``, u = 1 for signed inputs.

    A2Q (Colbert, Pappalardo, Petri-Koenig, ICCV 2023, arXiv 2308.13504), the data-type bound.
    """
    n, signed = input_width(x)
    return _smallest(k << (n + weight_bits - 1 - signed))


def l1_bits(norm: int, x: Interval) -> int:
    """Smallest P with ``2**(P-1) - 1 >= norm1(w) * 2**(N - u)``: the weight bound of A2Q."""
    n, signed = input_width(x)
    return _smallest(norm << (n - signed))


def centred_bits(norm: int, x: Interval) -> int:
    """Smallest P with ``2**P - 2 >= norm1(w) * (2**N - 1)``, for weights whose sum is 0.

    A2Q+ (Colbert and others, arXiv 2401.10432).
    """
    n, _ = input_width(x)
    return max((norm * ((1 << n) - 1) + 1).bit_length(), 2)


def _smallest(limit: int) -> int:
    """Smallest P >= 2 with ``2**(P-1) - 1 >= limit``."""
    return max(limit.bit_length() + 1, 2)
