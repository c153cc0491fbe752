"""Every value on the way of one output, as the C library writes them down."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from pyqsim._native import RawTrace
from pyqsim.execution.telemetry import Chain

__all__ = ["ChainTrace", "OutputRecord"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class ChainTrace:
    """One chain of one output.

    Attributes
    ----------
    chain : Chain
    a, b : ndarray of int64, (K,)
        The factors of its terms: zero points are subtracted where the product does so.
    raw : RawTrace
        The terms, then step by step.
    """

    chain: Chain
    a: Ints
    b: Ints
    raw: RawTrace


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """What one primitive of the output steps did to one value.

    Attributes
    ----------
    index : int
        The output step.
    chain : int
        0 after a `Merge`.
    before : int or None
        The sum so far, of `Merge`.
    value : int
        What came in.
    exact : Fraction or None
        The quotient that is rounded; None where nothing is.
    seen, after : int
        What the range rule saw, and what the register holds then.
    """

    index: int
    chain: int
    before: int | None
    value: int
    exact: Fraction | None
    seen: int
    after: int
