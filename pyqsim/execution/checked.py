"""Saturating sums that are exact as long as a proof, made part by part while they run, holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import GemmForm
from pyqsim.execution.two_gemms import Starts, TwoGemms

__all__ = ["CheckedGemm"]

_BLOCK = 96  #: rows that are added in order before the proof is tried again


@dataclass(frozen=True, eq=False)
class CheckedGemm(TwoGemms):
    """An exact product with checks, and the ordered one for the rows where its proof fails."""

    is_ordered = True

    @property
    def form(self) -> GemmForm:
        """The exact product's form."""
        return self.better.form

    @property
    def name(self) -> str:
        """Both forms and their instruction sets."""
        return f"{self.better.name} while sums are proven to stay inside, else {self.other.name}"

    def run(
        self, a: npt.NDArray[Any], out: npt.NDArray[np.int32], start: Starts = (None, None)
    ) -> None:
        """As `Gemm.run`."""
        of_exact, of_ordered = start
        first, proves = 0, True
        while first < len(a):
            proven = self.better.run_checked(a[first:], out[first:], of_exact) if proves else 0
            # a proof that fails at once is not worth another trial
            proves = proven > 0
            first += proven
            stop = first + _BLOCK if proves else len(a)
            self.other.run(a[first:stop], out[first:stop], of_ordered)
            first = min(stop, len(a))

    def run_contiguous(self, a: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> bool:
        """As `Gemm.run_contiguous`."""
        if np.may_share_memory(a, out):
            return False
        self.run(a, out)
        return True
