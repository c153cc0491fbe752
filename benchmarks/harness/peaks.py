"""What this core can do at most: rates of the instructions that kernels are made of, measured."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from harness.compiled import NoCompilerError, library

__all__ = ["Peak", "best_peak", "peaks", "reading", "why_no_peaks"]

_ROUNDS = 20_000  # well below a millisecond
_SOURCES = {
    "x86_64": ("peaks_x86.c", ()),
    "AMD64": ("peaks_x86.c", ()),
    "aarch64": ("peaks_aarch64.c", ("-march=armv8.2-a+dotprod",)),
    "arm64": ("peaks_aarch64.c", ("-march=armv8.2-a+dotprod",)),
}


@dataclass(frozen=True, slots=True)
class Peak:
    """A sequence of instructions by itself, which bounds the kernels that are made of it.

    Attributes
    ----------
    instructions, bounds, isa : str
        What is carried out; the kind of kernel; what the CPU must have.
    macs : float
        Multiply-accumulates that one call of `run` stands for.
    run : callable
    """

    instructions: str
    bounds: str
    isa: str
    macs: float
    run: Callable[[], object]

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.instructions} ({self.isa})"


class _Probe(ctypes.Structure):
    _fields_ = (
        ("instructions", ctypes.c_char_p),
        ("bounds", ctypes.c_char_p),
        ("isa", ctypes.c_char_p),
        ("macs", ctypes.c_double),
        ("available", ctypes.CFUNCTYPE(ctypes.c_int)),
        ("run", ctypes.CFUNCTYPE(None, ctypes.c_uint64)),
    )


@cache
def _found() -> tuple[tuple[Peak, ...], str | None]:
    if platform.machine() not in _SOURCES:
        return (), f"no probes for {platform.machine()}"
    source, flags = _SOURCES[platform.machine()]
    try:
        made = library(Path(__file__).with_name(source), flags)
    except NoCompilerError as error:
        return (), str(error)
    count = ctypes.c_size_t.in_dll(made, "peak_probe_count").value
    probes = (_Probe * count).in_dll(made, "peak_probes")
    return tuple(_peak(probe) for probe in probes if probe.available()), None


def _peak(probe: _Probe) -> Peak:
    words = (probe.instructions.decode(), probe.bounds.decode(), probe.isa.decode())
    return Peak(*words, probe.macs * _ROUNDS, partial(probe.run, _ROUNDS))


def peaks() -> tuple[Peak, ...]:
    """All that this CPU has; none without a C compiler."""
    return _found()[0]


def reading(count: int, bits: int = 8) -> Peak | None:
    """The bound of a vector times a matrix of so many codes, each read for one product.

    The bytes are read again and again: they come from the cache that holds them.
    """
    try:
        read = library(Path(__file__).with_name("reading.c")).read_words
    except NoCompilerError:
        return None
    read.argtypes, read.restype = (ctypes.c_void_p, ctypes.c_size_t), ctypes.c_uint64
    words = np.zeros(-(-count * bits // 2048) * 32, np.uint64)

    def run() -> object:
        return read(words.ctypes.data, words.size)

    what = f"reading as many codes of {bits} bits"
    return Peak(what, "memory", f"{count:,}", float(count), run)


def why_no_peaks() -> str | None:
    """Why nothing is known of the peak; None: it is known."""
    return _found()[1]


def best_peak(bounds: str, isas: Sequence[str] | None = None) -> Peak | None:
    """The first one in the list that bounds such kernels, of these instruction sets if given."""
    for peak in peaks():
        if peak.bounds == bounds and (isas is None or peak.isa in isas):
            return peak
    return None
