"""Real numbers to codes as runtimes do it in float32, where ties and last bits depend on how."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.errors import OperandError, QuantizationError
from pyqsim.formats import Affine
from pyqsim.formats.base import Format
from pyqsim.modes import Rounding

__all__ = ["ARITHMETIC", "Arithmetic", "encode_in_float32"]

Arithmetic = Literal["exact", "divide", "reciprocal", "fused"]
ARITHMETIC = ("exact", "divide", "reciprocal", "fused")

_F = np.float32
_BEYOND = 2.0**20  # any code; keeps infinities of quotients away from the encoder


def encode_in_float32(
    x: npt.NDArray[np.float64],
    fmt: Format,
    scale: npt.NDArray[np.float64],
    zero_point: npt.NDArray[np.int64],
    rounding: Rounding | str | None,
    arithmetic: Arithmetic,
) -> npt.NDArray[np.integer]:
    """Encode with float32 operations, each rounded to the nearest, ties to even.

    ========== ==============================================================
    divide     ``clamp(round(F(x / s)) + zero_point)``
    reciprocal ``clamp(round(F(x * F(1 / s))) + zero_point)``
    fused      ``clamp(round(F(x * F(1 / s) + zero_point)))``, one rounding to F
    ========== ==============================================================

    Parameters
    ----------
    x : ndarray of float64
        Rounded to float32 first.
    fmt : Affine
    scale, zero_point : ndarray
        Broadcast to x; scales are float32 numbers.
    rounding : Rounding or str, optional
        The last step; default HALF_EVEN.
    arithmetic : {"divide", "reciprocal", "fused"}

    Returns
    -------
    ndarray of the format's code dtype

    Examples
    --------
    >>> x, scale, zero_point = np.array([0.5, 1.5]), np.array(1.0), np.array(1)
    >>> for arithmetic in ("divide", "fused"):  # 0.5 -> 0, + 1; and 0.5 + 1 = 1.5 -> 2
    ...     encode_in_float32(x, Affine(8), scale, zero_point, None, arithmetic).tolist()
    [1, 3]
    [2, 2]
    """
    check_choice("quantize", "arithmetic", arithmetic, ARITHMETIC[1:])
    if not isinstance(fmt, Affine):
        raise OperandError(f"arithmetic={arithmetic!r}: fmt={fmt!r}, allowed: Affine")
    none = np.zeros((), np.int64)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore"):
        number, s = x.astype(_F), scale.astype(_F)
        if arithmetic == "divide":
            steps = number / s
        else:
            inverse = _reciprocal(s)
            if arithmetic == "fused":
                steps, zero_point = _fused(number, inverse, zero_point), none
            else:
                steps = number * inverse
    near = np.clip(steps.astype(np.float64), -_BEYOND, _BEYOND)
    return fmt.encode(near, np.ones(()), zero_point, rounding)


def _reciprocal(scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    inverse = np.asarray(_F(1) / scale, _F)
    if not np.isfinite(inverse).all():
        wrong = float(scale[~np.isfinite(inverse)].flat[0])
        raise QuantizationError(f"scale={wrong}, allowed: with 1 / scale inside float32")
    return inverse


def _fused(
    x: npt.NDArray[np.float32], factor: npt.NDArray[np.float32], addend: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """``F(x * factor + addend)`` with one rounding.

    float64 holds the product. Its sum with the addend is rounded to odd, so that rounding it again,
    to float32, gives what one rounding would.
    """
    product = x.astype(np.float64) * factor.astype(np.float64)
    addend = np.broadcast_to(addend.astype(np.float64), product.shape)
    total = np.asarray(product + addend)
    back = total - product
    lost = (product - (total - back)) + (addend - back)
    even = (total.view(np.int64) & 1) == 0
    beside = np.nextafter(total, np.where(lost > 0, np.inf, -np.inf))
    return np.where((lost != 0) & even, beside, total).astype(_F)
