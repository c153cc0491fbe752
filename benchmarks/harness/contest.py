"""One piece of work that several programs do: results compared first, then times taken in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.peaks import Peak
from pyqsim.cli.timing import Timing, take_turns

__all__ = ["Contest", "Contestant", "Entry", "Past", "WrongResultError", "hold"]

Codes = npt.NDArray[Any]


class WrongResultError(Exception):
    """pyqsim's result is not the expected one: there is nothing to time."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that does the work.

    Attributes
    ----------
    name : str
    run : callable
        What is timed.
    result : callable
        What the last run computed.
    ours : bool
        Whether it is pyqsim.
    note : callable
        What is to be said of it after it ran: the kernel, for example.
    """

    name: str
    run: Callable[[], object]
    result: Callable[[], Codes]
    ours: bool = False
    note: Callable[[], str] = str


@dataclass(frozen=True, slots=True)
class Contest:
    """One piece of work.

    Attributes
    ----------
    work : str
        What it is, sizes included.
    size : float
        How many units it has: multiply-accumulates, outputs.
    expected : ndarray
        The result, computed in another way.
    contestants : sequence of Contestant
        Ratios are to the first one.
    peak : Peak, optional
        Bounds the rate of the first one; timed in the same turns.
    """

    work: str
    size: float
    expected: Codes
    contestants: Sequence[Contestant]
    peak: Peak | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found of one contestant.

    Attributes
    ----------
    work, name : str
    ours : bool
    outputs : int
        Compared with the expected ones, all equal where there is a time.
    timing : Timing or None
        None: not timed; the note says why.
    rate : float or None
        Units of work a second.
    ratio : float or None
        How much faster the first contestant is.
    of_peak : float or None
        The share of the peak that its rate is.
    note : str
    """

    work: str
    name: str
    ours: bool
    outputs: int = 0
    timing: Timing | None = None
    rate: float | None = None
    ratio: float | None = None
    of_peak: float | None = None
    note: str = ""


@dataclass(slots=True)
class Past:
    """What the contests of a run have shown so far.

    Attributes
    ----------
    patience : float
        No call is made that is foreseen to last longer, in seconds.
    """

    patience: float
    _rates: dict[str, float] = field(default_factory=dict)
    _peaks: dict[str, float] = field(default_factory=dict)

    def foresees(self, contestant: Contestant, size: float) -> float:
        """Seconds that a call takes at least, by the best rate yet; 0: nothing is known."""
        return size / self._rates.get(contestant.name, float("inf"))

    def remember(self, contestant: Contestant, rate: float) -> None:
        """Keep a rate: the best one, since vectors and small matrices have low ones."""
        self._rates[contestant.name] = max(rate, self._rates.get(contestant.name, 0.0))

    def peak_rate(self, peak: Peak, rate: float) -> float:
        """The best rate yet: a core has one, a busy machine only makes it look lower."""
        self._peaks[peak.name] = max(rate, self._peaks.get(peak.name, 0.0))
        return self._peaks[peak.name]


def hold(contest: Contest, seconds: float, past: Past) -> list[Entry]:
    """Check all contestants, then time them.

    Parameters
    ----------
    contest : Contest
    seconds : float
        For each contestant.
    past : Past

    Returns
    -------
    list of Entry
        One a contestant, the peak's last.

    Raises
    ------
    WrongResultError
        Where pyqsim is wrong. Another program that is, is not timed.
    """
    faults = {one.name: _fault(one, contest, past) for one in contest.contestants}
    runs = {one.name: one.run for one in contest.contestants if faults[one.name] is None}
    peak = contest.peak
    times = take_turns(runs | ({} if peak is None else {peak.name: peak.run}), seconds)
    peak_rate = None
    if peak is not None:
        peak_rate = past.peak_rate(peak, peak.macs / times[peak.name].best)
    first = times.get(contest.contestants[0].name)
    entries = []
    for one in contest.contestants:
        entry = Entry(contest.work, one.name, one.ours, note=faults[one.name] or one.note())
        if one.name in times:
            timing = times[one.name]
            rate = contest.size / timing.best
            past.remember(one, rate)
            entry = replace(
                entry,
                outputs=contest.expected.size,
                timing=timing,
                rate=rate,
                ratio=None if first is None else timing.best / first.best,
                of_peak=None if peak_rate is None else rate / peak_rate,
            )
        entries.append(entry)
    if peak is not None:
        timing = times[peak.name]
        note = "the bound, best of this run"
        entries.append(
            Entry(contest.work, peak.name, False, timing=timing, rate=peak_rate, note=note)
        )
    return entries


def _fault(one: Contestant, contest: Contest, past: Past) -> str | None:
    """Why a contestant is not timed; None: its result is the expected one."""
    if past.foresees(one, contest.size) > past.patience:
        return f"more than {past.patience:g} s a call: not run"
    began = time.perf_counter()
    one.run()
    past.remember(one, contest.size / (time.perf_counter() - began))
    got = np.asarray(one.result())
    if got.shape != contest.expected.shape:
        raise WrongResultError(f"{contest.work}: {one.name}: shape {got.shape}")
    wrong = np.flatnonzero((got != contest.expected).reshape(-1))
    if not wrong.size:
        return None
    at = np.unravel_index(wrong[0], got.shape)
    found = (
        f"{wrong.size:,} of {got.size:,} outputs differ, the first at "
        f"{tuple(map(int, at))}: {got[at]}, expected {contest.expected[at]}"
    )
    if one.ours:
        raise WrongResultError(f"{contest.work}: {one.name}: {found}; nothing is timed")
    return f"{found}: not timed"
