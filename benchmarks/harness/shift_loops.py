"""The C loops that differ in one product only, compiled for each instruction set and lane width."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.compiled import NoCompilerError, library
from harness.contest import Contestant
from harness.peaks import peaks

__all__ = ["LANE_BITS", "Loops", "compiled_loops", "powers_of"]

Codes = npt.NDArray[Any]

LANE_BITS = (16, 32)
_ROWS = 4
_LOOP = ctypes.CFUNCTYPE(None, *[ctypes.c_size_t] * 3, *[ctypes.c_void_p] * 4)
_FLAGS = {
    "portable": (),
    "avx2": ("-mavx2",),
    "avx512bw": ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"),
}


@dataclass(frozen=True, slots=True)
class Loops:
    """The loops of one instruction set and lane width."""

    isa: str
    lane_bits: int
    _made: ctypes.CDLL

    @property
    def nothing(self) -> int:
        """The exponent that stands for no power of two at all."""
        return ctypes.c_int32.in_dll(self._made, "loop_nothing").value

    def contestant(
        self, name: str, loop: str, a: Codes, planes: Sequence[Codes]
    ) -> Contestant | None:
        """A loop on packed weights; None: this instruction set has none.

        Parameters
        ----------
        name : str
            Of the contestant.
        loop : str
            Of the C file.
        a : ndarray, (M, K)
            M a multiple of 4.
        planes : sequence of ndarray, (K, N)
            What the loop reads of each weight; N a multiple of 64.
        """
        address = ctypes.c_void_p.in_dll(self._made, f"loop_{loop}").value
        if address is None:
            return None
        (m, k), n = a.shape, planes[0].shape[1]
        lane = np.dtype(f"int{self.lane_bits}")
        activations = np.ascontiguousarray(a, np.int16)
        weights = np.stack(planes).astype(lane) if loop == "plain" else self._pack(planes, lane)
        weights = np.ascontiguousarray(weights)
        scratch, out = np.empty(_ROWS * k * 16, np.int32), np.empty((m, n), lane)
        arrays = (activations, weights, scratch, out)
        run = partial(_LOOP(address), m, n, k, *(array.ctypes.data for array in arrays))
        return Contestant(name, run, lambda: arrays[-1], ours=True)

    def _pack(self, planes: Sequence[Codes], lane: np.dtype[Any]) -> Codes:
        """[n / columns][k][planes][columns]."""
        columns = ctypes.c_size_t.in_dll(self._made, "loop_columns").value
        k, n = planes[0].shape
        cut = np.stack(planes).reshape(len(planes), k, n // columns, columns)
        return cut.transpose(2, 1, 0, 3).astype(lane)


def compiled_loops() -> list[Loops]:
    """Of every instruction set that this CPU has; none without a C compiler."""
    has = {"portable", *(peak.isa for peak in peaks())}
    on_x86 = platform.machine() in ("x86_64", "AMD64")
    isas = [isa for isa in _FLAGS if isa in has and (on_x86 or isa == "portable")]
    wanted = [(isa, bits) for bits in LANE_BITS for isa in isas]
    source = Path(__file__).with_suffix(".c")

    def compiled(isa: str, bits: int) -> Loops:
        return Loops(isa, bits, library(source, (*_FLAGS[isa], f"-DLANE_BITS={bits}")))

    with ThreadPoolExecutor() as pool:
        try:
            return list(pool.map(lambda one: compiled(*one), wanted))
        except NoCompilerError as error:
            print(f"no loops: {error}")
            return []


def powers_of(numbers: Codes, terms: int, nothing: int) -> list[Codes]:
    """Exponents of the powers of two that make ``|numbers|``, `nothing` where there are fewer."""
    left, planes = np.abs(numbers), []
    for _ in range(terms):
        top = np.frexp(left.astype(np.float64))[1] - 1
        planes.append(np.where(left > 0, top, nothing))
        left = np.where(left > 0, left - (1 << np.maximum(top, 0)), 0)
    if left.any():
        raise ValueError(f"numbers have more than {terms} powers of two")
    return planes
