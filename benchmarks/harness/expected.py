"""What results must be, computed by NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["limits", "product", "saturated"]

Codes = npt.NDArray[Any]


def product(a: Codes, b: Codes) -> Codes:
    """The exact product of matrices of small integers: float64 holds all sums below 2**53."""
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def limits(bits: int) -> tuple[int, int]:
    """Of a signed register."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def saturated(a: Codes, b: Codes, bits: int) -> Codes:
    """What a saturating accumulator holds by definition: a clamp at every addition."""
    acc = np.zeros((len(a), b.shape[1]), np.int64)
    low, high = limits(bits)
    for column, row in zip(a.T.astype(np.int64), b.astype(np.int64), strict=True):
        np.clip(acc + np.outer(column, row), low, high, out=acc)
    return acc
