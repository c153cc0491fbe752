"""``pyqsim bench``: how fast typical datapaths run here, beside NumPy and the C reference."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from textwrap import shorten

import numpy as np

from pyqsim import _native
from pyqsim.cli.info import facts
from pyqsim.cli.json_file import write_json
from pyqsim.cli.options import UsageError, add_files, check_files, int_in
from pyqsim.cli.timing import take_turns
from pyqsim.cli.workloads import WORKLOADS, Workload
from pyqsim.ops import ISAS, Plan, plan
from pyqsim.text_table import aligned

__all__ = ["DESCRIPTION", "SUMMARY", "Speed", "add_arguments", "kernel_of", "run"]

SUMMARY = "how fast typical datapaths run here, beside NumPy and the C reference"
DESCRIPTION = """\
Run typical datapaths on random operands. Every result is compared with the C reference's first, one
that differs is not timed and makes the exit status 1. Times are the best of turns that pyqsim and
NumPy's product of int32 take on the same sizes; ratios say more than rates on a busy machine. The
programs in benchmarks/ compare with more, and measure what the instructions here allow.
"""

_SIZE, _QUICK_SIZE = (256, 256, 256), (32, 64, 128)
_LINE = 160  # characters of an explanation: some hold whole tables
_SECONDS, _QUICK_SECONDS = 0.2, 0.02


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured of one datapath; None where its result was wrong.

    Attributes
    ----------
    name, kernel : str
        Of the workload; what `Plan.explain` says.
    outputs, differences : int
        Compared with the reference, and different from it.
    seconds, numpy_seconds : float or None
        Of a call, the best of the turns.
    gmacs : float or None
        Billions of multiply-accumulates a second, those of every plane counted.
    reference_seconds : float
        Of one call of the C reference.
    """

    name: str
    kernel: str
    outputs: int
    differences: int
    seconds: float | None
    numpy_seconds: float | None
    gmacs: float | None
    reference_seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--quick", action="store_true", help="smaller matrices, shorter turns")
    parser.add_argument(
        "--size",
        type=int_in(1, 65536),
        nargs=3,
        metavar=("M", "N", "K"),
        help=f"rows, columns, terms (default: {' '.join(map(str, _SIZE))})",
    )
    parser.add_argument("--isa", choices=ISAS, default="auto", help="default: the best of this CPU")
    parser.add_argument(
        "--threads", type=int_in(1, 1024), default=1, metavar="N", help="of pyqsim (default: 1)"
    )
    add_files(parser, "the rates")


def run(options: argparse.Namespace) -> int:
    """Measure, print the table, write the files."""
    check_files(options)
    if not _native.isa_available(options.isa):
        raise UsageError(f"--isa {options.isa}, allowed: {', '.join(facts()['isas'])}")
    m, n, k = options.size or (_QUICK_SIZE if options.quick else _SIZE)
    found = []
    for speed in _measure(options, (m, n, k)):
        print(_progress(speed), file=sys.stderr, flush=True)
        found.append(speed)
    environment = facts()
    print(
        f"{environment['cpu']}, {environment['compiler']}; M {m}, N {n}, K {k}; "
        f"{options.threads} thread(s), isa {options.isa}\n"
    )
    print(_table(found))
    content = {"environment": environment, "size": [m, n, k], "threads": options.threads}
    if options.json is not None:
        write_json(options.json, content | {"speeds": list(map(asdict, found))})
    timed = [speed for speed in found if speed.gmacs is not None]
    if options.plot is not None and timed:
        from pyqsim.cli.figures import draw_rates

        best = min(speed.numpy_seconds or np.inf for speed in timed)
        title = f"{environment['cpu']}, M {m}, N {n}, K {k}, {options.threads} thread(s)"
        yardstick = "numpy int32 @", m * n * k / best / 1e9
        rates = {speed.name: speed.gmacs or 0.0 for speed in timed}
        draw_rates(rates, yardstick, options.plot, title)
    return 1 if any(speed.differences for speed in found) else 0


def kernel_of(made: Plan) -> str:
    """What a plan says of the kernels that ran last, on one line.

    Examples
    --------
    >>> import pyqsim as qs
    >>> made = qs.plan([[1]], qs.Datapath(), kernel="reference")
    >>> _ = made([[1]])
    >>> "reference" in kernel_of(made)
    True
    """
    lines = (shorten(line, _LINE, placeholder=" ...") for line in made.explain().splitlines()[1:])
    return "; ".join(lines)


def _measure(options: argparse.Namespace, size: tuple[int, int, int]) -> Iterator[Speed]:
    m, n, k = size
    integers = np.ones((m, k), np.int32), np.ones((k, n), np.int32)
    numpy_product = partial(np.matmul, *integers, out=np.empty((m, n), np.int32))
    seconds = _QUICK_SECONDS if options.quick else _SECONDS
    for workload in WORKLOADS:
        yield _speed(workload, size, options, numpy_product, seconds)


def _speed(
    workload: Workload,
    size: tuple[int, int, int],
    options: argparse.Namespace,
    numpy_product: Callable[[], object],
    seconds: float,
) -> Speed:
    a, b = workload.operands(*size)
    made = plan(b, workload.datapath, isa=options.isa)
    out = np.empty((size[0], size[1]), workload.datapath.result_dtype)

    def call() -> object:
        return made(a, out=out, threads=options.threads)

    reference = plan(b, workload.datapath, kernel="reference")
    began = time.perf_counter()
    expected = reference(a, threads=1)
    once = time.perf_counter() - began
    call()
    wrong = int(np.count_nonzero(out != expected))
    times = take_turns({} if wrong else {"pyqsim": call, "numpy": numpy_product}, seconds)
    own, other = (times[name].best if name in times else None for name in ("pyqsim", "numpy"))
    return Speed(
        name=workload.name,
        kernel=kernel_of(made),
        outputs=out.size,
        differences=wrong,
        seconds=own,
        numpy_seconds=other,
        gmacs=None if own is None else workload.products(*size) / own / 1e9,
        reference_seconds=once,
    )


def _progress(speed: Speed) -> str:
    if speed.gmacs is None:
        return f"{speed.name}: {speed.differences:,} of {speed.outputs:,} outputs DIFFER"
    return f"{speed.name}: {speed.gmacs:.4g} GMAC/s"


def _table(found: list[Speed]) -> str:
    header = ("datapath", "kernel", "us a call", "GMAC/s", "x numpy int32", "x C reference")
    return aligned(header, [_row(speed) for speed in found], left=2)


def _row(speed: Speed) -> tuple[str, ...]:
    if speed.seconds is None or speed.numpy_seconds is None or speed.gmacs is None:
        return (speed.name, f"{speed.differences:,} outputs DIFFER", *["-"] * 4)
    return (
        speed.name,
        _without_proof(speed.kernel),
        f"{speed.seconds * 1e6:.1f}",
        f"{speed.gmacs:.4g}",
        f"{speed.numpy_seconds / speed.seconds:.3g}",
        f"{speed.reference_seconds / speed.seconds:.3g}",
    )


def _without_proof(kernel: str) -> str:
    """Of a line of `explain` what stands between the chains and the proof."""
    parts = kernel.split(": ")[1:]
    return next((part for part in parts if not part.startswith("planes (")), kernel)
