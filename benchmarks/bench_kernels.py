"""Typical datapaths on every instruction set that this CPU has, against the C reference.

The reference's result is the definition; the events, with which a call may be slower, must be equal
too. The bound is what the instructions of the best kernel known could do at most, measured.
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
from harness.peaks import best_peak

import pyqsim as qs
from pyqsim.cli.workloads import WORKLOADS, Operand, Workload

Codes = npt.NDArray[Any]

#: Three accumulators an output, of which the products of each count.
PLANES = Workload(
    "PWLQ 8-bit, 3 accumulators, 32-bit wrapping",
    qs.Datapath(reduce=(qs.Accumulate(32, "wrap"),)),
    weights=qs.PiecewiseLinear(8),
)

#: What bounds the kernel of a workload that does not occur in here: one int8 product.
BOUNDS = {
    "int8, 20-bit saturating": "ordered",
    "int8, 16-bit saturating": "ordered",
    "int8, saturating pairs (VPMADDUBSW)": "pairs",
    "int8, 4 bits of products lost": "truncating",
    "log2 4-bit, truncating shift": "table",
    "int4, table of products": "table",
    "binary, 16-bit wrapping": "binary",
}

#: What pyqsim's instruction sets may be bounded by: on a CPU that has one, what usually is with it.
INSTRUCTIONS = {
    "avx2": ("avx2",),
    "avxvnni": ("avxvnni", "avx2"),
    "avx512bw": ("avx512bw",),
    "avx512vnni": ("avx512vnni", "avx512bw"),
    "avx512vbmi": ("avx512vnni", "avx512vbmi", "avx512bw"),
    "avx512vpopcntdq": ("avx512vnni", "avx512vbmi", "avx512vpopcntdq", "avx512bw"),
    "neon": ("neon",),
    "dotprod": ("dotprod", "neon"),
}


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
    """Every datapath on every instruction set; the reference beside the last of them."""
    for workload in (*WORKLOADS, PLANES):
        a, b = workload.operands(m, n, k)
        reference = qs.plan(b, workload.datapath, kernel="reference")
        expected, events = reference(a, events=True)
        shape = expected.shape
        for isa in reversed(isas):
            plan = qs.plan(b, workload.datapath, isa=isa)
            contestants = [contestant(f"pyqsim, {isa}", plan, a, events, shape, threads)]
            if isa == isas[0]:
                contestants.append(
                    contestant("pyqsim reference", reference, a, events, shape, threads)
                )
            bound = best_peak(BOUNDS.get(workload.name, "int8"), INSTRUCTIONS.get(isa, ()))
            work = f"{workload.name}, M {m}, N {n}, K {k}, {isa}"
            yield Contest(
                work, float(workload.products(m, n, k)), expected, tuple(contestants), bound
            )


def contestant(
    name: str, plan: qs.Plan, a: Operand, events: qs.Events, shape: tuple[int, ...], threads: int
) -> Contestant:
    """A plan; its result counts only where its events are the expected ones."""
    out = np.empty(shape, plan.datapath.result_dtype)

    def result() -> Codes:
        got = out.copy()
        values, found = plan(a, events=True, threads=threads)
        if found != events or (values != got).any():
            raise WrongResultError(f"{name}: events {found}, expected {events}")
        return got

    run = partial(plan, a, out=out, threads=threads)
    return Contestant(name, run, result, ours=True, note=partial(report.kernel, plan))


if __name__ == "__main__":
    main()
