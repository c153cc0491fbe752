"""Rows shared out among threads, the caller's own among them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

__all__ = ["even_shares", "run_shares", "thread_count"]

Result = TypeVar("Result")

_A_THREAD = 4  # what a core loses to another program, another one makes up for


def thread_count(threads: int | None) -> int:
    """As many as are asked for; default: the cores."""
    return threads or os.cpu_count() or 1


def even_shares(m: int, threads: int) -> list[slice]:
    """Shares of m rows for so many threads, as even as may be."""
    height = max(1, -(-m // (threads * _A_THREAD if threads > 1 else 1)))
    return [slice(start, min(start + height, m)) for start in range(0, m, height)]


def run_shares(
    run: Callable[[slice], Result], shares: Sequence[slice], threads: int
) -> list[Result]:
    """What `run` makes of every share, on at most so many threads; what one raises is raised."""
    others = min(threads, len(shares)) - 1
    if others < 1:
        return [run(rows) for rows in shares]
    results: dict[int, Result] = {}
    left = iter(enumerate(shares))

    def work() -> None:
        for index, rows in left:  # one iterator: each share goes to one thread
            results[index] = run(rows)

    pool = _kept_threads(os.getpid(), others)
    started = [pool.submit(work) for _ in range(others)]
    try:
        work()
    finally:  # nothing is left: not to those that have not begun, nor to anyone after an error
        deque(left, maxlen=0)
        begun = [one for one in started if not one.cancel()]
        wait(begun)
    for one in begun:
        one.result()
    return [results[index] for index in range(len(shares))]


@cache
def _kept_threads(process: int, count: int) -> ThreadPoolExecutor:
    """Threads that wait for the next call: to start one takes longer than to wake it.

    A forked process has none of its parent's, so each has its own.
    """
    return ThreadPoolExecutor(count, thread_name_prefix=f"pyqsim-{process}")
