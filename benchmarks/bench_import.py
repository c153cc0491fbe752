"""What it costs to have pyqsim: seconds of its import, megabytes of its installation.

Every import is timed in processes of its own, in turns; Python alone is one of the contestants.
What is not installed takes no part.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import partial
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from harness import report
from harness.contest import Contest, Contestant

from pyqsim.text_table import aligned

#: Distribution -> the module that users import.
MODULES = {
    "pyqsim": "pyqsim",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "torch": "torch",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "apytypes": "apytypes",
    "numba": "numba",
}
STARTS = report.Unit("starts/s", 1.0)


def main() -> None:
    """Time imports, then measure wheels and installed files."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser, threads=False)
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="of pyqsim, to be measured too")
    options = parser.parse_args()
    found = report.start(options)
    entries = report.run(options, [imports(options.quick)], STARTS)
    sizes = installed_sizes()
    if options.wheel is not None:
        sizes["wheel"] = options.wheel.stat().st_size
    rows = [(name, f"{size / 1e6:.2f}") for name, size in sizes.items()]
    print("\n" + aligned(("installed files", "MB"), rows))
    report.finish(options, found, entries, bytes=sizes)


def imports(quick: bool) -> Contest:
    """Every module in a process of its own; the expected result is that it could be imported."""
    there = [module for module in MODULES.values() if find_spec(module.partition(".")[0])]
    programs = [
        starting(f"import {module}", f"import {module}", ours=module == "pyqsim")
        for module in (there[:2] if quick else there)
    ]
    alone = starting("Python alone", "pass", ours=False)
    return Contest("start Python and import", 1.0, np.array([0]), (*programs, alone))


def starting(name: str, code: str, *, ours: bool) -> Contestant:
    """A process that carries out some code."""
    status: list[int] = []

    def run() -> None:
        command = [sys.executable, "-c", code]
        status[:] = [subprocess.run(command, capture_output=True, check=False).returncode]

    return Contestant(name, run, partial(np.array, status), ours=ours)


def installed_sizes() -> dict[str, int]:
    """Bytes of the files that belong to each distribution, without compiled Python files."""
    import pyqsim

    folder = Path(pyqsim.__file__).parent
    sizes = {"pyqsim": sum(map(size_of, folder.rglob("*")))}
    for name in MODULES:
        if name == "pyqsim" or find_spec(MODULES[name].partition(".")[0]) is None:
            continue
        sizes[name] = sum(size_of(Path(str(file.locate()))) for file in files(name) or ())
    return sizes


def size_of(path: Path) -> int:
    """Bytes of a file; 0 of anything else."""
    counts = path.is_file() and path.suffix != ".pyc"
    return path.stat().st_size if counts else 0


if __name__ == "__main__":
    main()
