"""A Narrow step on an array of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import _native, bounds
from pyqsim.bounds import Interval
from pyqsim.checks import integer_array
from pyqsim.datapath import Narrow
from pyqsim.errors import OverflowTrap

__all__ = ["narrow"]


def narrow(x: npt.ArrayLike, **step: Any) -> npt.NDArray[np.int64]:
    """``round(x * multiplier / (divisor * 2**shift))``, then the range rule for `bits`.

    Parameters
    ----------
    x : array_like of int
        Any shape.
    **step
        The parameters of `Narrow`: shift, multiplier, divisor, rounding, bits, overflow, signed.
        STOCHASTIC draws with position -1, m = 0 and n = the index in C order.

    Returns
    -------
    ndarray of int64, shape of `x`

    Raises
    ------
    AccumulatorRangeError
        If the rounded value may leave int64.
    OverflowTrap
        With ``overflow="trap"``; the place is (0, 0, index in C order, -1).

    Examples
    --------
    >>> narrow([12, 20, -12], shift=3, rounding="half_even").tolist()
    [2, 2, -2]
    """
    value = Narrow(**step)
    array = integer_array("x", x)
    flat = np.ascontiguousarray(array, dtype=np.int64).reshape(-1)
    if flat.size:
        bounds.narrow(value, Interval(int(flat.min()), int(flat.max())), "narrow")
    out, _, trap = _native.narrow_array(value, flat)
    if trap is not None:
        raise OverflowTrap((0, 0, trap.n, -1), repr(value))
    return out.reshape(array.shape)
