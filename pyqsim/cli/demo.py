"""``pyqsim demo``: which networks, formats and datapaths get on with one another."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyqsim.cli.cells import ALL_FORMATS, FORMATS, NETWORKS, CellReport, NetworkReport, measure
from pyqsim.cli.info import facts
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import int_in
from pyqsim.data import digits
from pyqsim.extras import need
from pyqsim.model import MACHINES

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "run"]

SUMMARY = "two networks, five weight formats, six datapaths: what survives?"
DESCRIPTION = """\
Run handwritten digits through two small networks, their weights in every format, on every
datapath, bit for bit; say how many digits each gets right, how far its logits are from the float
network's, how often its accumulators overflowed and where first. Some outputs of every layer are
recomputed in Python integers; a difference makes the exit status 1.
"""

_TEST_DIGITS = 2000
_QUICK_DIGITS = 200
_QUICK_FORMATS = ("int8", "log 4-bit", "APoT 4-bit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--quick",
        action="store_true",
        help=f"{_QUICK_DIGITS} test digits; of the formats {', '.join(_QUICK_FORMATS)}",
    )
    which.add_argument(
        "--all-formats",
        action="store_true",
        help=f"{len(ALL_FORMATS)} formats of up to 4 bits, and int8; see 'pyqsim formats'",
    )
    parser.add_argument(
        "--digits",
        type=int_in(1, _TEST_DIGITS),
        metavar="N",
        help=f"the first N test digits (default: all {_TEST_DIGITS}, {_QUICK_DIGITS} with --quick)",
    )
    parser.add_argument(
        "--network", choices=(*NETWORKS, "both"), default="both", help="default: both"
    )
    parser.add_argument("--threads", type=int_in(1, 1024), metavar="N", help="default: all cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def run(options: argparse.Namespace) -> int:
    """Measure every cell, print the table, write the file."""
    need("rich", "cli", "the demo's table")
    from pyqsim.cli.demo_view import DemoView

    if options.json is not None:
        check_writable(options.json)
    began = time.perf_counter()
    networks = NETWORKS if options.network == "both" else (options.network,)
    formats = tuple(ALL_FORMATS if options.all_formats else FORMATS)
    formats = _QUICK_FORMATS if options.quick else formats
    count = options.digits or (_QUICK_DIGITS if options.quick else _TEST_DIGITS)
    view = DemoView(count)
    reports = []
    with view.progress(len(networks) * len(formats) * len(MACHINES)) as show:
        for report in measure(networks, formats, digits(), count, options.threads):
            show(report)
            reports.append(report)
    seconds = time.perf_counter() - began
    view.tables(reports, seconds, f"{facts()['cpu']}, {_threads_in_words(options.threads)}")
    if options.json is not None:
        write_json(options.json, _as_json(reports, count, options.threads, seconds))
    return 1 if any(cell.oracle.differences for cell in _cells(reports)) else 0


def _as_json(
    reports: Sequence[NetworkReport | CellReport], count: int, threads: int | None, seconds: float
) -> dict[str, Any]:
    cells = _cells(reports)
    return {
        "environment": facts(),
        "digits": count,
        "threads": threads,
        "seconds": round(seconds, 3),
        "oracle": {
            "outputs": sum(cell.oracle.outputs for cell in cells),
            "differences": sum(len(cell.oracle.differences) for cell in cells),
        },
        "networks": [asdict(report) for report in reports if isinstance(report, NetworkReport)],
        "cells": [asdict(cell) for cell in cells],
    }


def _threads_in_words(threads: int | None) -> str:
    if threads is None:
        return f"all {facts()['cores']} cores"
    return "1 thread" if threads == 1 else f"{threads} threads"


def _cells(reports: Sequence[NetworkReport | CellReport]) -> list[CellReport]:
    return [report for report in reports if isinstance(report, CellReport)]
