"""Xilinx's ap_fixed, from the open headers that hls4ml carries, compiled with g++."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["PEER", "VERSION", "Mode", "build", "casts", "sums"]

PEER, VERSION = "ap_fixed headers of hls4ml", version("hls4ml")

#: Quantization, overflow, saturated bits.
Mode = tuple[str, str, int]


def build(folder: Path, modes: Sequence[Mode], lost: Sequence[int]) -> Path:
    """Compile the program that casts in all modes, losing each number of bits."""
    calls = " ".join(f"mode<{q}, {o}, {n}>();" for q, o, n in modes)
    return _compiled(folder, "ap_fixed_casts", MODES=calls, LOST=", ".join(map(str, lost)))


def casts(
    program: Path, numbers: npt.NDArray[np.int32], modes: int, lost: int
) -> npt.NDArray[np.int16]:
    """What the casts make of numbers: (modes, lost, numbers)."""
    return _run(program, numbers).reshape(modes, lost, len(numbers))


def sums(
    folder: Path, a: npt.NDArray[np.int16], b: npt.NDArray[np.int16], bias: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    """``acc += a * b`` over the rows of a and b, from a bias each: (rows,)."""
    program = _compiled(folder, "ap_fixed_mac", TERMS=str(a.shape[1]))
    pairs = np.stack([a, b], axis=2).reshape(len(a), -1)
    return _run(program, np.concatenate([bias[:, None], pairs], axis=1))


def _compiled(folder: Path, name: str, **macros: str) -> Path:
    spec = find_spec("hls4ml")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    headers = Path(spec.submodule_search_locations[0]) / "templates" / "vivado" / "ap_types"
    source, program = Path(__file__).with_name(f"{name}.cpp"), folder / name
    options = ["-std=c++17", "-O1", "-w", f"-I{headers}"]  # -w: the headers warn
    options += [f"-D{macro}={value}" for macro, value in macros.items()]
    subprocess.run(["g++", *options, str(source), "-o", str(program)], check=True)
    return program


def _run(program: Path, numbers: npt.NDArray[np.generic]) -> npt.NDArray[np.int16]:
    made = subprocess.run([program], input=numbers.tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(made.stdout, np.int16)
