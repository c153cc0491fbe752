"""``pyqsim info``: what is installed here, for bug reports."""

from __future__ import annotations

import argparse
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from pyqsim import __version__, _native, ops
from pyqsim.cli.json_file import write_json

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "facts", "run"]

SUMMARY = "what is installed here"
DESCRIPTION = "Print versions, kernels, instruction sets and the processor, for bug reports."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write them as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the facts."""
    found = facts()
    width = max(map(len, found))
    for name, value in found.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        print(f"{name:{width}}  {'not installed' if shown is None else shown}")
    if options.json is not None:
        write_json(options.json, found)
    return 0


def facts() -> dict[str, Any]:
    """What results and times may be judged by: versions, compiler, kernels, processor.

    Instruction sets are those that were built and that the processor has.

    Returns
    -------
    dict
        Of strings, ints, lists of strings; None for what is not installed.

    Examples
    --------
    >>> facts()["kernels"][0]
    'reference'
    """
    return {
        "pyqsim": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "compiler": _native.compiler(),
        "rich": _version("rich"),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": _cores(),
        "kernels": [name for name in ops.KERNELS if name != "auto"],
        "isas": [name for name in ops.ISAS if name != "auto" and _native.isa_available(name)],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_name() -> str:
    """As the system calls it; "unknown" where it does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown"
