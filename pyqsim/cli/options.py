"""Options that several commands have: numbers in a range, files checked before the work."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from pyqsim.cli.json_file import check_writable
from pyqsim.errors import PyqsimError
from pyqsim.extras import need

__all__ = ["UsageError", "add_files", "check_files", "int_in"]


class UsageError(PyqsimError, ValueError):
    """Options that do not go together, or a file that a command cannot take."""


def int_in(low: int, high: int) -> Callable[[str], int]:
    """Parse an argument that is an int in ``low..high``."""

    def parse(text: str) -> int:
        short = text.isascii() and text.isdecimal() and len(text) <= 18
        if not (short and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r}, allowed: {low}..{high}")
        return int(text)

    return parse


def add_files(parser: argparse.ArgumentParser, picture: str) -> None:
    """Add ``--json FILE`` and ``--plot FILE``; `picture` says what is drawn."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help=f"draw {picture}; .png, .pdf or .svg; needs pip install 'pyqsim[plot]'",
    )


def check_files(options: argparse.Namespace) -> None:
    """Raise where a file could not be written or drawn, before any work."""
    for path in filter(None, (options.json, options.plot)):
        check_writable(path)
    if options.plot is None:
        return
    if options.plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UsageError(f"--plot {options.plot}, allowed: a name ending in .png, .pdf or .svg")
    need("matplotlib", "plot", "--plot")
