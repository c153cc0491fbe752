"""What overflowed in a call, how often, and where first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Events", "Place", "StepEvents"]

#: (step, m, n, k): k is the original index (in the whole K) of the last real term inside the
#: value, -1 if it has none.
Place = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class StepEvents:
    """Events of one reduce step.

    Attributes
    ----------
    overflows : int
        Values that the range rule found outside its range.
    first : tuple of int or None
        (step, m, n, k) of the first of them.
    minimum, maximum : int or None
        Extremes the range rule saw: at an addition, accumulator after the rule so far plus the new
        value; for Narrow, the rounded value. Start values are not seen. None: nothing was seen.
    """

    overflows: int
    first: Place | None
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True)
class Events:
    """Overflows of a matmul's reduce steps, equal on every kernel and for every thread count.

    Attributes
    ----------
    steps : tuple of StepEvents
        One a reduce step.
    overflows : int
        All steps together.
    first : tuple of int or None
        The smallest place by (m, n, chain, position of the last term, step), where a chain is a
        plane pair in a scale group, (i, j, g) ascending.
    minimum, maximum : int or None
        Of the last Accumulate.
    counts : ndarray of int64 or None
        Overflows per output, (M, N), where ``counts=True`` asked for them.
    """

    steps: tuple[StepEvents, ...]
    overflows: int
    first: Place | None
    minimum: int | None
    maximum: int | None
    counts: npt.NDArray[np.int64] | None = None
