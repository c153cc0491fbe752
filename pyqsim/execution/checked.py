"""Saturating sums that are exact as long as a proof, made part by part while they run, holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Gemm, GemmForm

__all__ = ["CheckedGemm"]

Ints = npt.NDArray[np.int64]

_BLOCK = 96  #: rows that are added in order before the proof is tried again


@dataclass(frozen=True, eq=False)
class CheckedGemm:
    """An exact product with a proof, and the ordered one for the rows where the proof fails.

    Attributes
    ----------
    exact : Gemm
        With checks.
    ordered : Gemm
    """

    exact: Gemm
    ordered: Gemm

    @property
    def form(self) -> GemmForm:
        """The exact product's form."""
        return self.exact.form

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.exact.shape

    @property
    def is_ordered(self) -> bool:
        """As `Gemm.is_ordered`."""
        return True

    @property
    def takes_codes(self) -> bool:
        """As `Gemm.takes_codes`."""
        return False

    @property
    def name(self) -> str:
        """Both forms and their instruction sets."""
        return f"{self.exact.name} while sums are proven to stay inside, else {self.ordered.name}"

    def with_bias(self, bias: Ints | None) -> Sequence[npt.NDArray[np.int32] | None]:
        """What the sums of both start from."""
        return self.exact.with_bias(bias), self.ordered.with_bias(bias)

    def run(
        self,
        a: npt.NDArray[Any],
        out: npt.NDArray[np.int32],
        start: Sequence[npt.NDArray[np.int32] | None] | None = None,
    ) -> None:
        """As `Gemm.run`."""
        of_exact, of_ordered = (None, None) if start is None else start
        first, proves = 0, True
        while first < len(a):
            proven = self.exact.run_checked(a[first:], out[first:], of_exact) if proves else 0
            # a proof that fails at once is not worth another trial
            proves = proven > 0
            first += proven
            stop = first + _BLOCK if proves else len(a)
            self.ordered.run(a[first:stop], out[first:stop], of_ordered)
            first = min(stop, len(a))

    def run_contiguous(self, a: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> bool:
        """As `Gemm.run_contiguous`."""
        if np.may_share_memory(a, out):
            return False
        self.run(a, out)
        return True
