"""``pyqsim vectors``: test vectors for a hardware bench, and their verification."""

from __future__ import annotations

import argparse
from pathlib import Path

from pyqsim.cli.machine import add_machine, machine
from pyqsim.cli.options import int_in
from pyqsim.testing import vectors

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY = "test vectors for a hardware bench: $readmemh, CSV, .npy, C header"
DESCRIPTION = """\
Write operands and outputs of a machine for a bench, steered to ties and the ends of registers.
  pyqsim vectors FOLDER --datapath machine.json --sizes 4 4 32 --trace
  pyqsim vectors FOLDER --verify

NAME.hex is for $readmemh: a word a line, row-major, two's complement of the width that
description.json states. --trace adds what every reduce step's register holds after every value.
From the description the files are verified (--verify: hashes, outputs against the reference) and
remade byte for byte.

exit status: 0, or 1 if --verify finds a difference
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    add_machine(parser)
    parser.add_argument(
        "--sizes",
        type=int_in(1, 2**16),
        nargs=3,
        default=(4, 4, 32),
        metavar=("M", "N", "K"),
        help="of every call (default: 4 4 32)",
    )
    parser.add_argument(
        "--calls", type=int_in(1, 2**20), default=16, metavar="N", help="default: 16"
    )
    parser.add_argument("--seed", type=int_in(0, 2**31 - 1), default=0, metavar="N")
    parser.add_argument("--trace", action="store_true", help="also every accumulator on the way")
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=vectors.FORMATS,
        default=vectors.FORMATS,
        metavar="F",
        help=f"of {', '.join(vectors.FORMATS)} (default: all)",
    )
    parser.add_argument("--verify", action="store_true", help="check files that are there")


def run(options: argparse.Namespace) -> int:
    """Write or verify."""
    if options.verify:
        problems = vectors.verify(options.folder)
        for problem in problems:
            print(problem)
        if not problems:
            print(f"{options.folder}: every file is as described, every output as computed")
        return 1 if problems else 0
    given = machine(options)
    m, n, k = options.sizes
    recipe = vectors.Recipe(
        given.datapath, given.a, given.b, (m, n, k if given.k is None else given.k),
        options.calls, options.seed, options.trace, given.ranges,
    )  # fmt: skip
    names = vectors.write(options.folder, vectors.make(recipe), options.formats)
    print(f"{options.folder}: {len(names)} files, {options.calls} calls of {m} x {n} outputs")
    return 0
