"""What overflowed in a call, how often, and where first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Events", "Place", "StepEvents"]

#: (step, m, n, k): k is the original index (in the whole K) of the last real term inside the
#: value, -1 if it has none. Where a sum stands is a matter of the datapath alone: a term sent to an
#: accumulator that holds its rail counts as inside.
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
        Of the last Accumulate; where there is none, of the last AccumulateLogs.
    counts : ndarray of int64 or None
        Overflows per output, (M, N), where ``counts=True`` asked for them.
    """

    steps: tuple[StepEvents, ...]
    overflows: int
    first: Place | None
    minimum: int | None
    maximum: int | None
    counts: npt.NDArray[np.int64] | None = None

    @staticmethod
    def beside(parts: Sequence[Events]) -> Events:
        """Events of calls that made different columns n of one result (groups of a conv2d)."""
        if len(parts) == 1:
            return parts[0]
        steps = tuple(
            StepEvents(
                overflows=sum(step.overflows for step in same),
                first=_first(step.first for step in same),
                minimum=min((s.minimum for s in same if s.minimum is not None), default=None),
                maximum=max((s.maximum for s in same if s.maximum is not None), default=None),
            )
            for same in zip(*(part.steps for part in parts), strict=True)
        )
        counts = [part.counts for part in parts if part.counts is not None]
        return Events(
            steps=steps,
            overflows=sum(part.overflows for part in parts),
            first=_first(part.first for part in parts),
            minimum=min((p.minimum for p in parts if p.minimum is not None), default=None),
            maximum=max((p.maximum for p in parts if p.maximum is not None), default=None),
            counts=np.concatenate(counts, axis=1) if counts else None,
        )


def _first(places: Iterable[Place | None]) -> Place | None:
    """The first by (m, n); no two places of different columns share both."""
    return min((place for place in places if place), key=lambda p: p[1:3], default=None)
