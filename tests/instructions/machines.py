"""Probes: compiled for a machine, run on it or on its emulation."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from instructions.cases import BLOCK, Cases
from instructions.rules import Rule
from ledger import needs

__all__ = ["Probe", "build"]

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
_NATIVE = {"x86": ("x86_64", "AMD64"), "arm": ("aarch64", "arm64")}
#: Cross compiler and emulator with its options, by family.
_EMULATED = {
    "arm": ("aarch64-linux-gnu-gcc", "qemu-aarch64", "-cpu", "max"),
    "riscv": ("riscv64-linux-gnu-gcc", "qemu-riscv64", "-cpu", "rv64,v=true,vext_spec=v1.0"),
    "hexagon": ("clang", "qemu-hexagon"),
}
_LIBRARY = Path(__file__).with_name("freestanding")
_MACHINE_FLAGS = {
    "arm": ("-march=armv8.2-a+dotprod+i8mm+rdma",),
    "hexagon": (
        *("--target=hexagon-unknown-elf", "-mcpu=hexagonv67", "-mhvx", "-mhvx-length=128B"),
        *("-ffreestanding", "-nostdlib", "-fuse-ld=lld", f"-I{_LIBRARY}"),
        str(_LIBRARY / "hexagon.c"),
    ),
}


@dataclass(frozen=True, slots=True)
class Probe:
    """A compiled probe: how to start it, and what it runs on."""

    command: tuple[str, ...]
    peer: str
    version: str

    def instructions(self) -> set[str]:
        """What this machine can run."""
        return set(self._run(b"").decode().split())

    def run(self, rule: Rule, cases: Cases) -> tuple[np.ndarray, np.ndarray]:
        """Results (M, N), and whether each block of 64 columns set the saturation flag."""
        (m, k), n = cases.a.shape, cases.b.shape[1]
        groups = k // rule.group
        b = cases.b.reshape(groups, rule.group, n).transpose(0, 2, 1)
        operands = [cases.a, b] + ([] if cases.c is None else [cases.c])
        sizes = (str(size) for size in (m, n, groups))
        data = self._run(b"".join(x.tobytes() for x in operands), rule.instruction, *sizes)
        out = np.dtype(rule.out)
        results = np.frombuffer(data, out, m * n).reshape(m, n)
        flags = np.frombuffer(data, bool, offset=m * n * out.itemsize)
        return results, flags.reshape(m, n // BLOCK)

    def _run(self, data: bytes, *arguments: str) -> bytes:
        done = subprocess.run(
            [*self.command, *arguments], input=data, capture_output=True, check=False
        )
        assert done.returncode == 0, (arguments, done.returncode, done.stderr.decode())
        return done.stdout


def build(family: str, folder: Path) -> Probe:
    """Compile a probe and find what runs it; skips where that is missing."""
    native = platform.machine() in _NATIVE.get(family, ())
    if native:
        compiler, emulator, static = needs("gcc"), (), ()
    elif family in _EMULATED:
        cross, *qemu = _EMULATED[family]
        compiler, emulator, static = needs(cross), (needs(qemu[0]), *qemu[1:]), ("-static",)
    else:
        needs("x86 CPU", found=False, reason=f"this is {platform.machine()}")
    if family == "hexagon":
        needs("ld.lld")
    source = Path(__file__).with_name(f"probe_{family}.c")
    program = folder / source.stem
    flags = (*_FLAGS, *_MACHINE_FLAGS.get(family, ()), *static)
    made = subprocess.run(
        [compiler, *flags, source, "-o", program], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    if native:
        return Probe((str(program),), "CPU", _cpu())
    version = subprocess.run([emulator[0], "--version"], capture_output=True, text=True, check=True)
    return Probe((*emulator, str(program)), Path(emulator[0]).name, version.stdout.split()[2])


def _cpu() -> str:
    """What Linux calls the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
