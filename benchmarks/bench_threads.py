"""One product on one thread and on several: how much faster, and whether all bits are the same.

Cores that other programs use show at once: compare only what one run says.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import report
from harness.contest import Contest, Contestant
from harness.expected import product, saturated

import pyqsim as qs
from pyqsim.cli.options import int_in

Codes = npt.NDArray[Any]

SIZES = (256, 512, 1024, 2048)
QUICK_SIZES = (128,)
LARGEST_IN_STEPS = 1024  # NumPy needs seconds for an accumulator of this size


def main() -> None:
    """Hold a contest a size and datapath."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser, threads=False)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument(
        "--threads",
        type=int_in(1, 1024),
        default=cores,
        metavar="N",
        help=f"at most (default: {cores})",
    )
    options = parser.parse_args()
    found = report.start(options)
    sizes = QUICK_SIZES if options.quick else SIZES
    contests = contests_of(sizes, options.threads)
    report.finish(options, found, report.run(options, contests, report.GMAC))


def contests_of(sizes: tuple[int, ...], most: int) -> Iterator[Contest]:
    """One thread first: ratios are to it."""
    counts = sorted({1, *(count for count in (2, 4, 8, 16, 32, 64) if count < most), most})
    for size in sizes:
        rng = np.random.default_rng(size)
        a = rng.integers(0, 256, (size, size)).astype(np.uint8)
        b = rng.integers(-127, 128, (size, size)).astype(np.int8)
        work = f"M = N = K = {size}"
        wrap = qs.Datapath(reduce=(qs.Accumulate(32, "wrap"),))
        yield contest(f"{work}, 32-bit wrapping", a, b, wrap, product(a, b), counts)
        if size <= LARGEST_IN_STEPS:
            saturate = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
            expected = saturated(a, b, 16)
            yield contest(f"{work}, 16-bit saturating", a, b, saturate, expected, counts)


def contest(
    work: str, a: Codes, b: Codes, datapath: qs.Datapath, expected: Codes, counts: list[int]
) -> Contest:
    """The same plan on so many threads each."""
    plans = (on_threads(count, qs.plan(b, datapath), a, expected) for count in counts)
    return Contest(work, float(a.size * b.shape[1]), expected, tuple(plans))


def on_threads(count: int, plan: qs.Plan, a: Codes, expected: Codes) -> Contestant:
    """A plan that may use so many threads."""
    out = np.empty(expected.shape, plan.datapath.result_dtype)
    run = partial(plan, a, out=out, threads=count)
    words = "1 thread" if count == 1 else f"{count} threads"
    note = partial(report.kernel, plan)
    return Contestant(f"pyqsim, {words}", run, lambda: out, ours=True, note=note)


if __name__ == "__main__":
    main()
