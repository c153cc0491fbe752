"""The conditions that every contestant runs under, and what they are, in words."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["alone", "environment", "installed"]

#: How the libraries under NumPy, PyTorch and numba are told how many threads to use.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

#: Packages that some benchmark compares with.
PEERS = (
    "numpy",
    "onnxruntime",
    "torch",
    "ai-edge-litert",
    "apytypes",
    "numba",
)


def alone(threads: int) -> None:
    """Give every library so many threads, and the process so many cores.

    Libraries read their variables when they are loaded: where these are not yet set, the program
    starts again.
    """
    wanted = dict.fromkeys(THREAD_VARIABLES, str(threads))
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        again = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, again, os.environ | wanted)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-threads:])


def installed(package: str) -> str | None:
    """The version; None: not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def environment() -> dict[str, Any]:
    """What the times may be judged by."""
    from pyqsim.cli.info import facts

    pinned = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return facts() | {
        "threads": int(os.environ.get(THREAD_VARIABLES[0], "0")) or None,
        "pinned to cores": pinned,
        "peers": {package: installed(package) for package in PEERS},
    }
