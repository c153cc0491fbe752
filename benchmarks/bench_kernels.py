"""Typical datapaths on every instruction set that this CPU has, against the C reference.

The reference's result is the definition; events are on, and must be equal too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import report
from harness.contest import Contest, Contestant, WrongResultError

import pyqsim as qs
from pyqsim.cli.workloads import WORKLOADS, Operand

Codes = npt.NDArray[Any]


def main() -> None:
    """Hold a contest a datapath."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser)
    parser.add_argument("--size", type=int, nargs=3, metavar=("M", "N", "K"))
    options = parser.parse_args()
    found = report.start(options)
    size = options.size or ((16, 8, 32) if options.quick else (256, 64, 512))
    contests = contests_of(found["isas"], *size, options.threads)
    report.finish(options, found, report.run(options, contests, report.GMAC))


def contests_of(isas: list[str], m: int, n: int, k: int, threads: int) -> Iterator[Contest]:
    """Every datapath; the reference is the last contestant."""
    for workload in WORKLOADS:
        a, b = workload.operands(m, n, k)
        reference = qs.plan(b, workload.datapath, kernel="reference")
        expected, events = reference(a, events=True)
        contestants = [
            contestant(f"pyqsim, {isa}", qs.plan(b, workload.datapath, isa=isa), a, events, threads)
            for isa in reversed(isas)
        ]
        contestants.append(contestant("pyqsim reference", reference, a, events, threads))
        work = f"{workload.name}, M {m}, N {n}, K {k}"
        yield Contest(work, float(m * n * k), expected, tuple(contestants))


def contestant(
    name: str, plan: qs.Plan, a: Operand, expected: qs.Events, threads: int
) -> Contestant:
    """A plan with its events."""
    held: list[Any] = []

    def run() -> None:
        held[:] = plan(a, events=True, threads=threads)

    def result() -> Codes:
        if held[1] != expected:
            raise WrongResultError(f"{name}: events {held[1]}, expected {expected}")
        return np.asarray(held[0])

    return Contestant(name, run, result, ours=True, note=partial(report.kernel, plan))


if __name__ == "__main__":
    main()
