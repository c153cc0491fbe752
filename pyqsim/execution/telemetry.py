"""From what every chain of every block saw to the events of a call, or its trap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim._native import RawEvents, RawPlace
from pyqsim.datapath import Accumulate, AccumulateLogs, Datapath
from pyqsim.errors import OverflowTrap
from pyqsim.events import Events, Place, StepEvents

__all__ = ["BlockResult", "Chain", "collect_events", "raise_trap"]

#: Places sort by (m, n, chain, position, step).
_Key = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Chain:
    """One plane of a, one of b, one scale group: a dot product with accumulators of its own."""

    a_plane: int
    b_plane: int
    group: int
    k_first: int
    k_stop: int

    @property
    def ks(self) -> slice:
        """The chain's part of K."""
        return slice(self.k_first, self.k_stop)

    def whole_k(self, k: int) -> int:
        """A k of the chain as a k of the whole; -1 stays."""
        return k if k < 0 else self.k_first + k


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a block of rows saw: the events of every step of every chain, and an output trap."""

    events: tuple[tuple[RawEvents, ...], ...]
    output_trap: RawPlace | None


def _first(
    step: int, traps: bool, chains: list[Chain], results: list[BlockResult]
) -> tuple[_Key, Place] | None:
    """First overflow (or first in a TRAP register) of a step over all blocks and chains."""
    found = []
    for result in results:
        for index, events in enumerate(result.events):
            if not events:
                continue
            raw = events[step].trap if traps else events[step].first
            if raw is not None:
                place = (step, raw.m, raw.n, chains[index].whole_k(raw.k))
                found.append(((raw.m, raw.n, index, raw.position, step), place))
    return min(found, default=None)


def raise_trap(datapath: Datapath, chains: list[Chain], results: list[BlockResult]) -> None:
    """Raise OverflowTrap for the first trap, if any: reduce steps come before output steps."""
    steps = range(len(datapath.reduce))
    traps = [trap for step in steps if (trap := _first(step, True, chains, results)) is not None]
    if traps:
        _, place = min(traps)
        raise OverflowTrap(place, repr(datapath.reduce[place[0]]))
    for result in results:
        raw = result.output_trap
        if raw is not None:
            place = (len(datapath.reduce) + raw.position, raw.m, raw.n, -1)
            raise OverflowTrap(place, repr(datapath.output[raw.position]))


def _step_events(step: int, first: Place | None, results: list[BlockResult]) -> StepEvents:
    raws = [events[step] for result in results for events in result.events]
    return StepEvents(
        overflows=sum(raw.overflows for raw in raws),
        first=first,
        minimum=min((raw.minimum for raw in raws if raw.minimum is not None), default=None),
        maximum=max((raw.maximum for raw in raws if raw.maximum is not None), default=None),
    )


def collect_events(
    datapath: Datapath,
    chains: list[Chain],
    results: list[BlockResult],
    counts: npt.NDArray[np.int64] | None,
) -> Events:
    """The events of a call, whatever its blocks and threads were."""
    firsts = [_first(step, False, chains, results) for step in range(len(datapath.reduce))]
    steps = tuple(
        _step_events(step, None if first is None else first[1], results)
        for step, first in enumerate(firsts)
    )
    sums = [
        events
        for kind in (AccumulateLogs, Accumulate)
        for step, events in zip(datapath.reduce, steps, strict=True)
        if isinstance(step, kind)
    ]
    overall = min((first for first in firsts if first is not None), default=None)
    return Events(
        steps=steps,
        overflows=sum(events.overflows for events in steps),
        first=None if overall is None else overall[1],
        minimum=sums[-1].minimum if sums else None,
        maximum=sums[-1].maximum if sums else None,
        counts=counts,
    )
