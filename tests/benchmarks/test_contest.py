"""What holds contests: nothing wrong is timed, nothing too long is run, all take turns."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from harness import report
from harness.contest import Contest, Contestant, Past, WrongResultError, hold
from harness.peaks import Peak, best_peak, peaks, reading, why_no_peaks

from pyqsim.cli import timing

RIGHT, WRONG = np.array([[1, 2], [3, 4]]), np.array([[1, 2], [9, 4]])
PAST = partial(Past, 10.0)


def program(name, result=RIGHT, ours=False, calls=None):
    """A contestant that notes its calls."""
    run = partial((calls if calls is not None else []).append, name)
    return Contestant(name, run, lambda: result, ours=ours)


def contest(*contestants, peak=None):
    return Contest("a work", 4.0, RIGHT, contestants, peak)


def test_a_wrong_result_of_ours_stops_everything():
    calls = []
    other = program("other", calls=calls)
    with pytest.raises(
        WrongResultError, match=r"a work: pyqsim: 1 of 4 .* \(1, 0\): 9, expected 3"
    ):
        hold(contest(other, program("pyqsim", WRONG, ours=True)), 0.01, PAST())
    assert calls == ["other"]  # checked, not timed


def test_another_wrong_result_is_not_timed():
    calls = []
    entries = hold(
        contest(program("pyqsim", ours=True), program("other", WRONG, calls=calls)), 0.01, PAST()
    )
    ours, other = entries
    assert (ours.outputs, ours.ratio) == (4, 1.0)
    assert ours.rate == 4.0 / ours.timing.best
    assert (other.timing, other.rate, other.ratio, other.outputs) == (None, None, None, 0)
    assert "1 of 4 outputs differ" in other.note
    assert len(calls) == 1


def test_a_result_of_another_shape_is_refused():
    with pytest.raises(WrongResultError, match=r"other: shape \(4,\)"):
        hold(contest(program("other", RIGHT.reshape(-1))), 0.01, PAST())


def test_what_is_foreseen_to_take_too_long_is_not_run():
    past, calls = Past(1.0), []
    slow = program("slow", calls=calls)
    past.remember(slow, 3.0)  # a second a call allows 3 units, this contest has 4
    past.remember(slow, 2.0)
    ours, entry = hold(contest(program("pyqsim", ours=True), slow), 0.01, past)
    assert ours.timing is not None
    assert (entry.timing, entry.note) == (None, "more than 1 s a call: not run")
    assert calls == []


def test_a_low_rate_is_forgotten_where_a_better_one_was_seen():
    past, one = Past(1.0), program("one")
    past.remember(one, 1.0)
    past.remember(one, 5.0)
    past.remember(one, 1.0)
    assert past.foresees(one, 4.0) == 0.8
    assert past.foresees(program("other"), 4.0) == 0.0


def test_ratios_and_the_share_of_the_peak():
    slow = Contestant("slow", lambda: sum(range(20_000)), lambda: RIGHT)
    peak = Peak("vnop", "all", "none", 8.0, lambda: None)
    ours, entry, top = hold(contest(program("pyqsim", ours=True), slow, peak=peak), 0.01, PAST())
    assert entry.ratio == entry.timing.best / ours.timing.best > 1
    assert top.rate == 8.0 / top.timing.best
    assert ours.of_peak == ours.rate / top.rate
    assert entry.of_peak == entry.rate / top.rate


def test_the_peak_is_the_best_of_a_run():
    past = PAST()
    peak = Peak("vnop", "all", "none", 8.0, lambda: None)
    assert [past.peak_rate(peak, rate) for rate in (2.0, 5.0, 3.0)] == [2.0, 5.0, 5.0]


def test_turns_alternate(monkeypatch: pytest.MonkeyPatch):
    """By a clock that only the timed calls move."""
    calls: list[str] = []
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(timing, "time", clock)
    lasts = {"a": 2.0**-12, "b": 2.0**-9}

    def run(name: str) -> None:
        calls.append(name)
        clock.now += lasts[name]

    found = timing.take_turns({name: partial(run, name) for name in lasts}, 0.25)
    changes = sum(x != y for x, y in pairwise(calls))
    assert changes >= 2 * min(one.turns for one in found.values()) - 1 > 3
    for name, one in found.items():
        assert one.best == one.median == lasts[name]
        assert calls.count(name) >= one.turns * one.calls


def test_only_leaves_pyqsim_in():
    options = argparse.Namespace(only=["TORCH"])
    names = ("pyqsim plan", "numpy @", "torch._int_mm")
    all_ = contest(*(program(name, ours=name.startswith("pyqsim")) for name in names))
    kept = [one.name for one in report.chosen(options, all_).contestants]
    assert kept == ["pyqsim plan", "torch._int_mm"]
    assert report.chosen(argparse.Namespace(only=()), all_) is all_


def test_peaks_are_measured_where_there_is_a_compiler():
    if why_no_peaks() is not None:
        pytest.skip(why_no_peaks())
    keys = [(peak.bounds, peak.isa) for peak in peaks()]
    assert len(keys) == len(set(keys))
    assert best_peak("int8") == next(peak for peak in peaks() if peak.bounds == "int8")
    assert best_peak("int8", isas=()) is None
    for peak in (*peaks(), reading(1000)):
        peak.run()
        assert peak.macs > 0
    assert reading(1000).macs == 1000
