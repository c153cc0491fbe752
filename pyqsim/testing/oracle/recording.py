"""What the range rules saw: events in the order that defines the first one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyqsim.datapath import Accumulate, AccumulateLogs, ReduceStep
from pyqsim.errors import OverflowTrap
from pyqsim.events import Events, Place, StepEvents
from pyqsim.modes import Overflow, OverflowRule

__all__ = ["Chain", "Record"]

#: What places are ordered by: (m, n, chain, position, step).
Key = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Overflowed:
    """One overflow: where it was, and whether its rule is TRAP."""

    key: Key
    place: Place
    trapped: bool


@dataclass(frozen=True)
class Chain:
    """One run through the reduce steps: an output, and a plane pair in a scale group of it."""

    m: int
    n: int
    number: int
    ks: tuple[int, ...]  # original k (in the whole K) of each slot of the order, -1 for a hole


class Record:
    """Everything the reduce steps of one call report."""

    def __init__(self, steps: Sequence[ReduceStep]) -> None:
        self.steps = steps
        self.seen: list[tuple[int, int] | None] = [None for _ in steps]
        self.overflows: list[list[Overflowed]] = [[] for _ in steps]

    def see(
        self, chain: Chain, step: int, position: int, seen: int, overflow: Overflow | None
    ) -> None:
        """Note a value that a range rule saw, and the rule if it found an overflow."""
        low, high = self.seen[step] or (seen, seen)
        self.seen[step] = min(low, seen), max(high, seen)
        if overflow is not None:
            k = -1 if position < 0 else chain.ks[position]
            key = (chain.m, chain.n, chain.number, position, step)
            trapped = overflow.rule is OverflowRule.TRAP
            self.overflows[step].append(Overflowed(key, (step, chain.m, chain.n, k), trapped))

    def raise_trap(self) -> None:
        """Raise for the smallest place among the overflows of TRAP rules, if there is one."""
        trapped = [one for step in self.overflows for one in step if one.trapped]
        if trapped:
            place = min(trapped, key=lambda one: one.key).place
            raise OverflowTrap(place, type(self.steps[place[0]]).__name__)

    def events(self, shape: tuple[int, int], counts: bool) -> Events:
        """Sum up the call."""
        steps = tuple(self._step_events(index) for index in range(len(self.steps)))
        everything = [one for step in self.overflows for one in step]
        last = self._of_class(Accumulate, steps) or self._of_class(AccumulateLogs, steps)
        per_output = np.zeros(shape, dtype=np.int64) if counts else None
        if per_output is not None:
            for (m, n), count in Counter(one.key[:2] for one in everything).items():
                per_output[m, n] = count
        return Events(
            steps=steps,
            overflows=len(everything),
            first=_first(everything),
            minimum=last[-1].minimum if last else None,
            maximum=last[-1].maximum if last else None,
            counts=per_output,
        )

    def _of_class(self, kind: type, steps: Sequence[StepEvents]) -> list[StepEvents]:
        """Events of the steps of one class."""
        return [s for s, step in zip(steps, self.steps, strict=True) if isinstance(step, kind)]

    def _step_events(self, step: int) -> StepEvents:
        low, high = self.seen[step] or (None, None)
        overflows = self.overflows[step]
        return StepEvents(len(overflows), _first(overflows), low, high)


def _first(overflows: list[Overflowed]) -> Place | None:
    return min(overflows, key=lambda one: one.key).place if overflows else None
