"""Runs a peer under qemu-user on a CPU model that lacks this machine's newer instructions.

A runtime asks the CPU what it can do and picks its kernels by the answer. Under
``qemu-x86_64 -cpu Haswell`` that answer is AVX2 without VNNI and without AVX-512, so onnxruntime,
FBGEMM and oneDNN take the kernels whose pairs of products saturate at 16 bits.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["call_emulated"]

Call = tuple[str, str, tuple[Any, ...]]
_TESTS = Path(__file__).parents[1]


def call_emulated(calls: list[Call], *, cpu: str = "Haswell") -> list[Any]:
    """Results of ``(module, function, arguments)`` calls, in one process on the emulated CPU."""
    with tempfile.TemporaryDirectory() as folder:
        request, reply = Path(folder, "calls"), Path(folder, "results")
        request.write_bytes(pickle.dumps(calls))
        command = ["qemu-x86_64", "-cpu", cpu, sys.executable, "-W", "ignore"]
        run = subprocess.run(
            [*command, "-m", "peers.emulation", str(request), str(reply)],
            env={**os.environ, "PYTHONPATH": str(_TESTS), "OMP_NUM_THREADS": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=570,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(f"{' '.join(command)}: {run.returncode}\n{run.stderr[-2000:]}")
        results: list[Any] = pickle.loads(reply.read_bytes())
        return results


def _serve(request: Path, reply: Path) -> None:
    """What the emulated process does."""
    calls: list[Call] = pickle.loads(request.read_bytes())
    results = [getattr(importlib.import_module(m), f)(*arguments) for m, f, arguments in calls]
    reply.write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
