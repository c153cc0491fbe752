"""Times of programs that take turns, so that a busy machine disturbs all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

__all__ = ["Timing", "take_turns"]

_TURN = 1e-3  # seconds a turn lasts at least: much longer than reading the clock takes


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call.

    Attributes
    ----------
    best, median : float
        Over the turns.
    turns : int
    calls : int
        A turn.
    """

    best: float
    median: float
    turns: int
    calls: int


def take_turns(runs: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, Timing]:
    """Time several programs in turns.

    Parameters
    ----------
    runs : mapping of str to callable
        Each has been called before: what happens once only is not timed.
    seconds : float
        For each of them, after a first turn that finds how many calls a turn takes.

    Returns
    -------
    dict of str to Timing

    Examples
    --------
    >>> found = take_turns({"a": lambda: sum(range(100)), "b": lambda: sum(range(10000))}, 0.02)
    >>> found["a"].best < found["b"].best
    True
    """
    calls: dict[str, int] = {}
    times: dict[str, list[float]] = {}
    for name, run in runs.items():
        calls[name], first = _first_turn(run)
        times[name] = [first]
    left = dict.fromkeys(runs, seconds)
    while left:
        for name in tuple(left):
            spent = _seconds(runs[name], calls[name])
            times[name].append(spent / calls[name])
            left[name] -= spent
            if left[name] <= 0:
                del left[name]
    return {
        name: Timing(min(all_), statistics.median(all_), len(all_), calls[name])
        for name, all_ in times.items()
    }


def _first_turn(run: Callable[[], object]) -> tuple[int, float]:
    """How many calls a turn takes, and the seconds of a call."""
    calls = 1
    while (spent := _seconds(run, calls)) < _TURN:
        calls = max(2 * calls, ceil(calls * _TURN / max(spent, 1e-9)))
    return calls, spent / calls


def _seconds(run: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return time.perf_counter() - began
