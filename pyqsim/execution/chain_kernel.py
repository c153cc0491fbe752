"""What stands for chains of a call, and what is known of their first operand beforehand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from pyqsim._native import BitCodes
from pyqsim.bounds import Interval
from pyqsim.execution.operand import Operand
from pyqsim.execution.telemetry import Chain

__all__ = ["ChainKernel", "ChainSums", "Chains", "FirstOperand"]

Ints = npt.NDArray[np.int64]

#: Planes of b that meet one plane of a in one part of K.
Chains = tuple[Chain, ...]


@dataclass(frozen=True, eq=False)
class ChainKernel(ABC):
    """What stands for a chain, and why it may."""

    reason: str

    #: Of the sums.
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.int32)

    @property
    @abstractmethod
    def explanation(self) -> str:
        """The kernel, its instruction set and the proof."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(N, K)."""

    @property
    @abstractmethod
    def is_ordered(self) -> bool:
        """Whether sums saturate on the way: bounds of a may make it a faster one."""

    @abstractmethod
    def run(self, a: Operand, chain: Chain, rows: slice, out: npt.NDArray[Any]) -> None:
        """The values of some rows of a, into out: (m, N), of several chains (chains, m, N).

        `chain` is any of them.
        """


@dataclass(frozen=True, eq=False)
class FirstOperand:
    """What is known of a chain's a before any of it is read.

    Attributes
    ----------
    interval : Interval
        Of its integers, the zero point not yet subtracted.
    dtype : dtype, optional
        What its integers are handed over as; default: the smallest of `ELEMENTS`.
    zero_point : ndarray of int64, (1 or M,), optional
    shifts : bool
        Whether its integers are sums of few powers of two that a `Shift` may shift by.
    patterns : ndarray of int64, optional
        Integers of its bit patterns, where a byte holds those.
    bits : callable, optional
        Gives the two that its codes are, or that its integers as `dtype` may be.
    """

    interval: Interval
    dtype: np.dtype | None = None
    zero_point: Ints | None = None
    shifts: bool = False
    patterns: Ints | None = None
    bits: Callable[[], BitCodes | None] | None = None


class ChainSums(Protocol):
    """What finds the kernel that stands for a chain."""

    def choose(
        self, chains: Chains, a: FirstOperand, bias: Ints | None
    ) -> Sequence[tuple[Chains, ChainKernel | str]]:
        """The kernels, each of some of the chains, or why there is none; bias: (M, N).

        The chains are those of one plane of a and one part of K.
        """
