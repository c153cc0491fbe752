"""How wide products and sums of a format get: registers of these widths never overflow."""

from __future__ import annotations

import numpy as np

from pyqsim.checks import check_int
from pyqsim.formats.base import Format, check_format

__all__ = ["accumulator_bits", "product_limits"]


def product_limits(fmt: Format, activation_limit: int = 255) -> tuple[int, ...]:
    """P: the largest magnitude of a product of an activation and a weight, one a plane.

    Parameters
    ----------
    fmt : Format
        Of the weights; its zero points are 0.
    activation_limit : int
        >= 1, the largest magnitude of an activation. 255: unsigned 8-bit ones.

    Returns
    -------
    tuple of int
        Python integers: they may pass 64 bits.

    Examples
    --------
    >>> from pyqsim.formats import APoT, PiecewiseLinear
    >>> product_limits(APoT(5))
    (12240,)
    >>> product_limits(PiecewiseLinear(4))
    (1785, 1785, 255)
    """
    check_format(fmt)
    limit = check_int("product_limits", "activation_limit", activation_limit, 1, None)
    codes = fmt.patterns(np.arange(fmt.code_min, fmt.code_max + 1))
    numbers = fmt.integers().reshape(fmt.planes, -1)[:, codes]
    return tuple(limit * max(abs(n) for n in plane) for plane in numbers.tolist())


def accumulator_bits(product_limit: int, k: int = 1) -> int:
    """Width of a signed register that holds every sum of K products: ``ceil(log2(K*P + 1)) + 1``.

    Parameters
    ----------
    product_limit : int
        P >= 0, see `product_limits`.
    k : int
        K >= 1, how many products are added; 1: width of the product itself.

    Returns
    -------
    int
        One bit less holds ``-K*P`` too where K*P is a power of two, but not ``K*P``.

    Examples
    --------
    >>> accumulator_bits(12240, 576), accumulator_bits(255 * 128)
    (24, 16)
    """
    limit = check_int("accumulator_bits", "product_limit", product_limit, 0, None)
    return (check_int("accumulator_bits", "k", k, 1, None) * limit).bit_length() + 1
