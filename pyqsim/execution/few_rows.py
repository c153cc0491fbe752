"""Products from tables whose places are packed to 4 bits for calls that read them but once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import GemmForm
from pyqsim.execution.two_gemms import Starts, TwoGemms

__all__ = ["FewRowsOrGemm"]

_FEW = 6  #: rows of a tile: b is read once, and its bytes count


@dataclass(frozen=True, eq=False)
class FewRowsOrGemm(TwoGemms):
    """A product that reads half the bytes of b, and one that needs no work to unpack them."""

    is_ordered = False

    @property
    def form(self) -> GemmForm:
        """The other product's form."""
        return self.other.form

    @property
    def name(self) -> str:
        """Both forms and their instruction sets."""
        return (
            f"{self.other.name}, up to {_FEW} rows {self.better.name} "
            "(b in 4 bits, half the bytes to read)"
        )

    def run(
        self, a: npt.NDArray[Any], out: npt.NDArray[np.int32], start: Starts = (None, None)
    ) -> None:
        """As `Gemm.run`."""
        few = len(a) <= _FEW
        (self.better if few else self.other).run(a, out, start[0 if few else 1])

    def run_contiguous(self, a: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> bool:
        """As `Gemm.run_contiguous`."""
        return (self.better if len(a) <= _FEW else self.other).run_contiguous(a, out)
