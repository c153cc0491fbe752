"""Accumulators to 8-bit codes: nanoseconds an output of every registered scheme.

Scale, zero point and clamp, one factor a channel, from and to arrays of NumPy. The expected codes
are the oracle's, in Python integers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import report
from harness.contest import Contest, Contestant
from harness.peaks import Peak

import pyqsim as qs
from pyqsim.testing import oracle

Codes = npt.NDArray[Any]

ZERO, LIMITS = 3, (-128, 127)
CHANNELS, PATTERN_ROWS = 64, 8
NANOSECONDS = report.Unit("ns/output", 1e-9, inverse=True)


def main() -> None:
    """Hold a contest a scheme."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser, threads=False)
    parser.add_argument("--schemes", nargs="+", metavar="NAME", help="default: all registered ones")
    options = parser.parse_args()
    known = qs.requantize.registered()
    for name in options.schemes or ():
        if name not in known:
            parser.error(f"--schemes {name}, allowed: {', '.join(known)}")
    found = report.start(options)
    rows = 16 if options.quick else 4096
    print(f"{rows} x {CHANNELS} accumulators; the bound is a copy of int64 to int32\n")
    contests = (contest_of(name, known[name], rows) for name in options.schemes or known)
    report.finish(options, found, report.run(options, contests, NANOSECONDS, compact=True))


def contest_of(name: str, scheme: Any, rows: int) -> Contest:
    """One scheme; its rows repeat a pattern that the oracle can do in a moment."""
    rng = np.random.default_rng(0)
    pattern = rng.integers(-(2**16), 2**16, (PATTERN_ROWS, CHANNELS))
    repeats = (rows // PATTERN_ROWS, 1)
    acc = np.tile(pattern, repeats)
    factors, parameters = encoded(scheme)
    out: list[Codes] = []

    def run() -> None:
        out[:] = [scheme.apply(acc, parameters, zero_point=ZERO, clamp=LIMITS)]

    return Contest(
        f"{name}, factors {factors}",
        float(acc.size),
        np.tile(expected(scheme, parameters, pattern), repeats),
        (
            Contestant("pyqsim apply", run, lambda: out[0], ours=True),
            *numpy_floats(scheme, acc, parameters),
        ),
        copying(acc),
    )


def encoded(scheme: Any) -> tuple[str, Any]:
    """Parameters of a scheme, and what factors they are; shifts alone make powers of two only."""
    try:
        return "of any kind", scheme.encode(np.geomspace(2.0**-11, 2.0**-7, CHANNELS))
    except qs.errors.PyqsimError:
        return "2**-n", scheme.encode(2.0 ** -np.arange(7, 11).repeat(CHANNELS // 4))


def expected(scheme: Any, parameters: Any, acc: Codes) -> Codes:
    """The oracle's codes: of a product of nothing, with the accumulators as bias."""
    steps = (qs.AddBias(), qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(*LIMITS))
    nothing = np.zeros((len(acc), 1), int), np.zeros((1, acc.shape[1]), int)
    data = {"bias": acc, "requantize": parameters, "out_zero_point": ZERO}
    return np.asarray(oracle.matmul(*nothing, qs.Datapath(output=steps), **data))


def numpy_floats(scheme: Any, acc: Codes, parameters: Any) -> Iterator[Contestant]:
    """What a user writes with NumPy for the float32 scheme."""
    if scheme != qs.requantize.FloatScale():
        return
    scale = np.asarray(parameters.scale, np.float32)
    out: list[Codes] = []

    def run() -> None:
        scaled = np.rint(acc.astype(np.float32) * scale)
        out[:] = [np.clip(scaled + ZERO, *LIMITS).astype(np.int32)]

    yield Contestant("numpy float32", run, lambda: out[0])


def copying(acc: Codes) -> Peak:
    """The bound: reading as much and writing as much, without arithmetic."""
    out = np.empty(acc.shape, np.int32)
    run = partial(np.copyto, out, acc, casting="same_kind")
    return Peak("numpy int64 to int32", "memory", "copy", float(acc.size), run)


if __name__ == "__main__":
    main()
