"""What results must be, computed by NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["grouped", "limits", "product", "saturated"]

Codes = npt.NDArray[Any]


def product(a: Codes, b: Codes) -> Codes:
    """The exact product of matrices of small integers: float64 holds all sums below 2**53."""
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def limits(bits: int) -> tuple[int, int]:
    """Of a signed register."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def grouped(a: Codes, b: Codes, groups: Sequence[Sequence[int]], bits: int, outer: int) -> Codes:
    """Each group of k in a saturating accumulator of its own, their sum in a second one."""
    acc = np.zeros((len(a), b.shape[1]), np.int64)
    for ks in groups:
        acc = np.clip(acc + saturated(a[:, ks], b[ks], bits), *limits(outer))
    return acc


def saturated(a: Codes, b: Codes, bits: int) -> Codes:
    """What a saturating accumulator holds by definition: a clamp at every addition."""
    acc = np.zeros((len(a), b.shape[1]), np.int64)
    low, high = limits(bits)
    for column, row in zip(a.T.astype(np.int64), b.astype(np.int64), strict=True):
        np.clip(acc + np.outer(column, row), low, high, out=acc)
    return acc
