"""Speed of every kernel on typical datapaths, as ratios within one run."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable

import numpy as np

import pyqsim as qs
from pyqsim import _native

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


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Best of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def operands(name: str, m: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray | qs.QTensor]:
    """Seeded full-range uint8 activations and int8 or log2 weights."""
    rng = np.random.Generator(np.random.PCG64(0))
    a = rng.integers(0, 256, (m, k)).astype(np.uint8)
    if name.startswith("log2"):
        return a, qs.QTensor(rng.integers(0, 16, (k, n)), LOG)
    return a, rng.integers(-127, 128, (k, n)).astype(np.int8)


def main() -> None:
    """Check each kernel against the reference, then time it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--size", type=int, nargs=3, default=(256, 512, 64), metavar=("M", "K", "N")
    )
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    m, k, n = arguments.size
    isas = [isa for isa in qs.ops.ISAS if isa != "auto" and _native.isa_available(isa)]

    a, b = operands("", m, k, n)
    floats = a.astype(np.float64), np.asarray(b).astype(np.float64)
    blas = seconds(lambda: floats[0] @ floats[1], arguments.repeats)
    print(f"{platform.processor() or platform.machine()}, {m} x {k} x {n}, one thread, events on")
    print(f"numpy float64 BLAS: {m * k * n / blas / 1e6:.0f} MMAC/s (threads as numpy has them)\n")
    print(f"{'MMAC/s':32}{'reference':>10}" + "".join(f"{isa:>10}{'ratio':>7}" for isa in isas))
    for name, datapath in DATAPATHS.items():
        a, b = operands(name, m, k, n)
        reference = qs.plan(b, datapath, kernel="reference")
        expected, events = reference(a, events=True, threads=1)
        base = seconds(lambda run=reference, a=a: run(a, threads=1), 1)
        line = f"{name:32}{m * k * n / base / 1e6:10.0f}"
        for isa in isas:
            run = qs.plan(b, datapath, kernel="lanes", isa=isa)
            got, found = run(a, events=True, threads=1)
            if not (got == expected).all() or found != events:
                raise SystemExit(f"{name}, {isa}: differs from the reference; nothing timed")
            best = seconds(lambda run=run, a=a: run(a, threads=1), arguments.repeats)
            line += f"{m * k * n / best / 1e6:10.0f}{base / best:7.1f}"
        print(line)


if __name__ == "__main__":
    main()
