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

Codes = npt.NDArray[Any]
Weights = Codes | qs.QTensor

LOG = qs.LogQuant(3, signed=True)
DATAPATHS: dict[str, qs.Datapath] = {
    "exact": qs.Datapath(),
    "24-bit saturating": qs.Datapath(reduce=(qs.Accumulate(24, "saturate"),)),
    "16-bit saturating": qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),)),
    "16-bit wrapping": qs.Datapath(reduce=(qs.Accumulate(16, "wrap"),)),
    "tree of 16, 20-bit saturating": qs.Datapath(
        reduce=(qs.Accumulate(group=16), qs.Accumulate(20, "saturate"))
    ),
    "pairs, 16-bit saturating": qs.Datapath(
        reduce=(qs.Accumulate(16, "saturate", group=2), qs.Accumulate(32))
    ),
    "products truncated by 4 bits": qs.Datapath(reduce=(qs.Narrow(shift=4), qs.Accumulate(32))),
    "log2 weights, exact shift": qs.Datapath(product=qs.Shift()),
    "log2 weights, truncating shift": qs.Datapath(product=qs.Shift(drop=7)),
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
    """Every datapath; the reference is the last contestant."""
    for name, datapath in DATAPATHS.items():
        a, b = operands(name, m, n, k)
        reference = qs.plan(b, datapath, kernel="reference")
        expected, events = reference(a, events=True)
        contestants = [
            contestant(f"pyqsim, {isa}", qs.plan(b, datapath, isa=isa), a, events, threads)
            for isa in reversed(isas)
        ]
        contestants.append(contestant("pyqsim reference", reference, a, events, threads))
        yield Contest(
            f"M {m}, N {n}, K {k}: {name}", float(m * n * k), expected, tuple(contestants)
        )


def contestant(name: str, plan: qs.Plan, a: Codes, expected: qs.Events, threads: int) -> Contestant:
    """A plan with its events."""
    held: list[Any] = []

    def run() -> None:
        held[:] = plan(a, events=True, threads=threads)

    def result() -> Codes:
        if held[1] != expected:
            raise WrongResultError(f"{name}: events {held[1]}, expected {expected}")
        return held[0]

    return Contestant(name, run, result, ours=True, note=partial(report.kernel, plan))


def operands(name: str, m: int, n: int, k: int) -> tuple[Codes, Weights]:
    """Seeded full-range uint8 activations and int8 or log2 weights."""
    rng = np.random.default_rng((m, n, k))
    a = rng.integers(0, 256, (m, k)).astype(np.uint8)
    if name.startswith("log2"):
        return a, qs.QTensor(rng.integers(0, 16, (k, n)), LOG)
    return a, rng.integers(-127, 128, (k, n)).astype(np.int8)


if __name__ == "__main__":
    main()
