"""Xilinx's ap_fixed, from the open headers that hls4ml carries, compiled with g++."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["PEER", "VERSION", "Mode", "build", "casts"]

PEER, VERSION = "ap_fixed headers of hls4ml", version("hls4ml")

#: Quantization, overflow, saturated bits.
Mode = tuple[str, str, int]


def build(folder: Path, modes: Sequence[Mode], lost: Sequence[int]) -> Path:
    """Compile the program that casts in all modes, losing each number of bits."""
    spec = find_spec("hls4ml")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    headers = Path(spec.submodule_search_locations[0]) / "templates" / "vivado" / "ap_types"
    source, program = Path(__file__).with_name("ap_fixed_casts.cpp"), folder / "casts"
    calls = " ".join(f"mode<{q}, {o}, {n}>();" for q, o, n in modes)
    macros = [f"-DMODES={calls}", f"-DLOST={', '.join(map(str, lost))}"]
    options = ["-std=c++17", "-O1", "-w", f"-I{headers}", *macros]  # -w: the headers warn
    subprocess.run(["g++", *options, str(source), "-o", str(program)], check=True)
    return program


def casts(
    program: Path, numbers: npt.NDArray[np.int32], modes: int, lost: int
) -> npt.NDArray[np.int16]:
    """What the casts make of numbers: (modes, lost, numbers)."""
    made = subprocess.run([program], input=numbers.tobytes(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(made.stdout, np.int16).reshape(modes, lost, len(numbers))
