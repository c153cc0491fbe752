"""Accumulators to 8-bit codes: nanoseconds an output of every registered scheme.

Bias, scale, zero point and clamp, one factor a channel: as a plan runs them on a block of sums,
which are copied first, and by the scheme's `apply`, from and to arrays of NumPy, proof included.
The expected codes are the oracle's, in Python integers.
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
from pyqsim.bounds import Interval
from pyqsim.execution.output import OutputPipeline
from pyqsim.testing import oracle

Codes = npt.NDArray[Any]

ZERO, LIMITS = 3, (-128, 127)
CHANNELS, PATTERN_ROWS = 64, 8
BLOCK_ROWS = 1024  # 2**16 outputs, as in a plan
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
    print(f"{rows} x {CHANNELS} accumulators; the bound is a copy of int32\n")
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
            in_a_plan(scheme, acc, parameters),
            Contestant("pyqsim apply", run, lambda: out[0], ours=True),
            *numpy_floats(scheme, acc, parameters),
        ),
        copying(acc),
    )


def steps_of(scheme: Any) -> tuple[Any, ...]:
    """What a layer does after its sums."""
    return (qs.AddBias(), qs.Requantize(scheme), qs.AddZeroPoint(), qs.Clamp(*LIMITS))


def in_a_plan(scheme: Any, acc: Codes, parameters: Any) -> Contestant:
    """The steps on sums of a known range, lowered beforehand; a bias of 0 is added, too."""
    data = qs.execution.CallData(np.zeros(CHANNELS, np.int64), parameters, ZERO)
    sums = Interval(-(2**16), 2**16)
    pipeline = OutputPipeline(
        steps_of(scheme), data, acc.shape, (1, 1, 1), [sums], [Interval(0, 0)], 0
    )
    program = pipeline.program("auto", len(acc))
    assert program is not None
    given, out = acc.astype(np.int32), np.empty(acc.shape, np.int32)

    def run() -> None:
        for first in range(0, len(acc), BLOCK_ROWS):
            block = out[first : first + BLOCK_ROWS]
            np.copyto(block, given[first : first + BLOCK_ROWS])
            program.run(block)

    def lanes() -> str:
        return f"in {program.lanes} lanes"

    return Contestant("pyqsim in a plan", run, lambda: out, ours=True, note=lanes)


def encoded(scheme: Any) -> tuple[str, Any]:
    """Parameters of a scheme, and what factors they are; shifts alone make powers of two only."""
    try:
        return "of any kind", scheme.encode(np.geomspace(2.0**-11, 2.0**-7, CHANNELS))
    except qs.errors.PyqsimError:
        return "2**-n", scheme.encode(2.0 ** -np.arange(7, 11).repeat(CHANNELS // 4))


def expected(scheme: Any, parameters: Any, acc: Codes) -> Codes:
    """The oracle's codes: of a product of nothing, with the accumulators as bias."""
    nothing = np.zeros((len(acc), 1), int), np.zeros((1, acc.shape[1]), int)
    data = {"bias": acc, "requantize": parameters, "out_zero_point": ZERO}
    return np.asarray(oracle.matmul(*nothing, qs.Datapath(output=steps_of(scheme)), **data))


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
    given, out = acc.astype(np.int32), np.empty(acc.shape, np.int32)
    run = partial(np.copyto, out, given)
    return Peak("numpy copy of int32", "memory", "copy", float(acc.size), run)


if __name__ == "__main__":
    main()
