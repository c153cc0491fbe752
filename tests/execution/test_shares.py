"""Shares of rows: threads are kept from call to call, in each process its own."""

import os
import threading
import time

import pytest

from pyqsim.execution.shares import even_shares, run_shares


def seen_threads(threads: int, shares: int) -> set[int]:
    """Threads that run shares long enough for all to join in."""

    def run(_: slice) -> int:
        time.sleep(0.02)
        return threading.get_ident()

    return set(run_shares(run, [slice(i, i + 1) for i in range(shares)], threads))


def test_results_are_in_the_order_of_the_shares() -> None:
    shares = even_shares(1000, 4)
    assert run_shares(lambda rows: rows.start, shares, 4) == [rows.start for rows in shares]
    assert [i for rows in shares for i in range(1000)[rows]] == list(range(1000))


def test_threads_are_kept() -> None:
    """The next call finds the thread of the last one, and the caller's own is one of both."""
    first, second = seen_threads(2, 8), seen_threads(2, 8)
    assert first == second
    assert len(first) == 2
    assert threading.get_ident() in first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_threads_of_its_own() -> None:
    """The parent's do not run there: waiting for them would never end."""
    assert len(seen_threads(2, 8)) == 2
    child = os.fork()
    if child == 0:
        try:
            os._exit(len(seen_threads(2, 8)))
        finally:
            os._exit(99)
    deadline = time.monotonic() + 20
    done, status = os.waitpid(child, os.WNOHANG)
    while not done and time.monotonic() < deadline:
        time.sleep(0.01)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert done == child
    assert os.waitstatus_to_exitcode(status) == 2


def test_what_one_share_raises_is_raised_when_no_other_runs_any_more() -> None:
    running = []

    def run(rows: slice) -> None:
        if rows.start == 0:
            time.sleep(0.01)
            raise ValueError("share 0")
        running.append(rows)
        time.sleep(0.05)
        running.remove(rows)

    with pytest.raises(ValueError, match="share 0"):
        run_shares(run, [slice(i, i + 1) for i in range(8)], 3)
    assert not running


def test_no_share_begins_after_the_caller_is_interrupted() -> None:
    """Whoever presses Ctrl-C waits for what runs, not for all that was to come."""
    caller, began, other_runs = threading.get_ident(), [], threading.Event()

    def run(rows: slice) -> None:
        if threading.get_ident() == caller:
            assert other_runs.wait(10)
            raise KeyboardInterrupt
        began.append(rows)
        other_runs.set()
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        run_shares(run, [slice(i, i + 1) for i in range(100)], 2)
    assert len(began) < 50


def test_shares_inside_shares_end() -> None:
    """All kept threads may be busy outside: those that do not begin are not waited for."""

    def outer(rows: slice) -> int:
        return sum(run_shares(lambda _: 1, [slice(i, i + 1) for i in range(40)], 4))

    assert run_shares(outer, [slice(i, i + 1) for i in range(20)], 4) == [40] * 20
