"""What a saturating accumulator costs, by its width, where it overflows and where it does not.

The bound is the same product with an accumulator that never overflows. A width is cheap where a
proof shows that nothing overflows: the note says for how many columns the weights alone prove it,
how many outputs really overflow, and which kernel ran, by what proof.

Groups follow: accumulators that saturate, added up by a second one, on every instruction set,
beside the kernel that works on them value by value, and the exact product.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import programs, report
from harness.contest import Contest, Contestant
from harness.expected import grouped, limits, saturated
from harness.peaks import Peak

import pyqsim as qs

Codes = npt.NDArray[Any]

WIDTHS = (8, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 32, 40, 48)
QUICK_WIDTHS = (8, 16, 20, 24, 40)

#: Name -> largest activation, largest magnitude of a weight.
DATA = {"full range": (255, 127), "small numbers": (15, 7)}

#: Widths of sums of int16 products.
WIDE_WIDTHS = (33, 36, 40, 48)
QUICK_WIDE_WIDTHS = (36,)

#: Name -> steps: instructions' pairs, groups, accumulators that take turns.
GROUPS = {
    "pairs of 16 bits (VPMADDUBSW)": (
        qs.Accumulate(16, "saturate", group=2),
        qs.Accumulate(32, "saturate"),
    ),
    "groups of 4, 16 bits": (
        qs.Accumulate(16, "saturate", group=4),
        qs.Accumulate(32, "saturate"),
    ),
    "groups of 16, 16 bits, into 24": (
        qs.Accumulate(16, "saturate", group=16),
        qs.Accumulate(24, "saturate"),
    ),
    "4 accumulators of 18 bits": (
        qs.Accumulate(18, "saturate", interleave=4),
        qs.Accumulate(32, "saturate"),
    ),
}


def main() -> None:
    """Hold a contest a width and kind of data, and one for each kind of groups."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser)
    parser.add_argument("--size", type=int, nargs=3, metavar=("M", "N", "K"))
    parser.add_argument("--widths", type=int, nargs="+", metavar="BITS")
    options = parser.parse_args()
    found = report.start(options)
    size = options.size or ((8, 16, 64) if options.quick else (256, 256, 512))
    widths = options.widths or (QUICK_WIDTHS if options.quick else WIDTHS)
    print(f"u8 x s8, M {size[0]}, N {size[1]}, K {size[2]}")
    wide_widths = QUICK_WIDE_WIDTHS if options.quick else WIDE_WIDTHS
    contests = (
        *contests_of(size, widths, options.threads),
        *contests_of_int16(size, wide_widths, options.threads),
        *contests_of_groups(size, found["isas"], options.threads),
    )
    report.finish(options, found, report.run(options, contests, report.GMAC))


def contests_of(
    size: tuple[int, int, int], widths: Sequence[int], threads: int
) -> Iterator[Contest]:
    """Every width on every kind of data."""
    m, n, k = size
    for name, (largest_a, largest_b) in DATA.items():
        rng = np.random.default_rng(size)
        a = rng.integers(0, largest_a, (m, k), endpoint=True).astype(np.uint8)
        b = rng.integers(-largest_b, largest_b, (k, n), endpoint=True).astype(np.int8)
        for bits in widths:
            narrow = bits < 32  # int32 holds a sum before it saturates
            yield Contest(
                f"{name}, {bits} bits",
                float(m * n * k),
                saturated(a, b, bits),
                (
                    ours(a, b, bits, threads),
                    *(programs.numba_matmul(a, b, bits) if narrow else ()),
                    *(programs.numpy_steps(a, b, bits) if narrow else ()),
                ),
                exact(a, b, name, threads),
            )


def contests_of_int16(
    size: tuple[int, int, int], widths: Sequence[int], threads: int
) -> Iterator[Contest]:
    """int16 times int16, which int32 does not hold from the third product on, full range."""
    m, n, k = size
    rng = np.random.default_rng(size)
    a, b = (rng.integers(-(2**15), 2**15, shape, np.int16) for shape in ((m, k), (k, n)))
    for bits in widths:
        yield Contest(
            f"s16 x s16, {bits} bits",
            float(m * n * k),
            saturated(a, b, bits),
            (ours(a, b, bits, threads), *programs.numpy_steps(a, b, bits)),
            exact(a, b, "s16 x s16", threads),
        )


def contests_of_groups(
    size: tuple[int, int, int], isas: Sequence[str], threads: int
) -> Iterator[Contest]:
    """Every kind of groups, full range."""
    m, n, k = size
    rng = np.random.default_rng(size)
    a = rng.integers(0, 256, (m, k), dtype=np.uint8)
    b = rng.integers(-128, 128, (k, n), dtype=np.int8)
    for name, steps in GROUPS.items():
        inner, outer = steps
        turns, length = inner.interleave, inner.group or k
        places = [
            range(first, k, turns)[:length]
            for block in range(0, k, length * turns)
            for first in range(block, min(block + turns, k))
        ]
        yield Contest(
            name,
            float(m * n * k),
            grouped(a, b, places, inner.bits, outer.bits),
            (
                *(of_groups(a, b, steps, "auto", isa, threads) for isa in reversed(isas)),
                of_groups(a, b, steps, "lanes" if turns == 1 else "reference", "auto", threads),
            ),
            exact(a, b, "full range", threads),
        )


def of_groups(
    a: Codes, b: Codes, steps: tuple[qs.Accumulate, ...], kernel: str, isa: str, threads: int
) -> Contestant:
    """A plan on one instruction set, or with another kernel."""
    plan = qs.plan(b, qs.Datapath(reduce=steps), kernel=kernel, isa=isa)
    out = np.empty((len(a), b.shape[1]), plan.datapath.result_dtype)
    run = partial(plan, a, out=out, threads=threads)
    name = f"pyqsim, {isa if kernel == 'auto' else kernel}"
    return Contestant(name, run, lambda: out, ours=True, note=partial(report.kernel, plan))


def ours(a: Codes, b: Codes, bits: int, threads: int) -> Contestant:
    """A plan; its note says what the speed depends on."""
    datapath = qs.Datapath(reduce=(qs.Accumulate(bits, "saturate"),))
    plan = qs.plan(b, datapath)
    out = np.empty((len(a), b.shape[1]), datapath.result_dtype)
    run = partial(plan, a, out=out, threads=threads)

    def note() -> str:
        return f"{shares(a, b, bits, plan)}; {kernel}"

    run()
    kernel = report.kernel(plan)  # before events are asked for: they may need another kernel
    return Contestant("pyqsim plan", run, lambda: out, ours=True, note=note)


def shares(a: Codes, b: Codes, bits: int, plan: qs.Plan) -> str:
    """How many columns the weights prove, and how many outputs overflow."""
    _, events = plan(a, events=True, counts=True)
    overflowing = np.count_nonzero(events.counts) / events.counts.size
    low, high = limits(bits)
    weights, top = b.astype(np.int64), int(a.max())
    highest = top * np.maximum(weights, 0).sum(axis=0)
    lowest = top * np.minimum(weights, 0).sum(axis=0)
    proven = np.mean((low <= lowest) & (highest <= high))
    return f"columns proven {proven:.0%}, outputs overflow {overflowing:.0%}"


def exact(a: Codes, b: Codes, name: str, threads: int) -> Peak:
    """The bound: the same product in an accumulator of 32 bits that wraps."""
    datapath = qs.Datapath(reduce=(qs.Accumulate(32, "wrap"),))
    out = np.empty((len(a), b.shape[1]), datapath.result_dtype)
    run = partial(qs.plan(b, datapath), a, out=out, threads=threads)
    run()
    return Peak("pyqsim, 32 bits wrapping", "exact", name, float(a.size * b.shape[1]), run)


if __name__ == "__main__":
    main()
