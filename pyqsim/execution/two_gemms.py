"""Two products that stand for one chain: the better one, and one for the rows it cannot do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Gemm, GemmForm

__all__ = ["Starts", "TwoGemms"]

#: What the sums of the better and of the other product start from.
Starts = Sequence[npt.NDArray[np.int32] | None]


@dataclass(frozen=True, eq=False)
class TwoGemms(ABC):
    """Used as one `Gemm`.

    Attributes
    ----------
    better, other : Gemm
    """

    better: Gemm
    other: Gemm

    takes_codes = False  # as `Gemm.takes_codes`

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.other.shape

    def with_bias(self, bias: npt.NDArray[np.int64] | None) -> Starts:
        """What the sums of both start from."""
        return self.better.with_bias(bias), self.other.with_bias(bias)

    @property
    @abstractmethod
    def form(self) -> GemmForm:
        """What rows of a must be ready for."""

    @property
    @abstractmethod
    def is_ordered(self) -> bool:
        """As `Gemm.is_ordered`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Both forms and their instruction sets."""

    @abstractmethod
    def run(
        self, a: npt.NDArray[Any], out: npt.NDArray[np.int32], start: Starts = (None, None)
    ) -> None:
        """As `Gemm.run`."""

    @abstractmethod
    def run_contiguous(self, a: npt.NDArray[Any], out: npt.NDArray[np.int32]) -> bool:
        """As `Gemm.run_contiguous`."""
