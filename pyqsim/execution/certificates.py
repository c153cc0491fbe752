"""Proofs that a chain of accumulators leaves one exact sum, or that sum mod 2**bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyqsim import bounds
from pyqsim._native import sixteen_integers
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import Accumulate, ReduceStep, Register
from pyqsim.modes import OverflowRule

__all__ = ["Columns", "LinearSum", "SixteenIntegers", "holds", "linear_sum"]

Ints = npt.NDArray[np.int64]

_SIXTEEN = 16


@dataclass(frozen=True, eq=False)
class Columns:
    """The integers of b, and what bounds every sum over some of their products.

    Attributes
    ----------
    integers : ndarray of int64, (N, K)
        Zero points subtracted.
    """

    integers: Ints

    @cached_property
    def _extremes(self) -> tuple[Ints, Ints]:
        return self.integers.min(axis=1), self.integers.max(axis=1)

    @cached_property
    def interval(self) -> Interval:
        """Extremes of the integers."""
        if not self.integers.size:
            return ZERO
        least, most = self._extremes
        return Interval(int(least.min()), int(most.max()))

    @cached_property
    def two_values(self) -> tuple[int, int] | None:
        """The integers that occur, ascending, where they are no more than two."""
        low, high = self.interval.low, self.interval.high
        for some in (self.integers[:1], self.integers):
            if not ((some == low) | (some == high)).all():
                return None
        return low, high

    @cached_property
    def byte_offsets(self) -> Ints | None:
        """What leaves int8 once subtracted from each column, (N,); None: some column is too wide.

        0 for a column that is int8 as it is.
        """
        least, most = self._extremes
        if (most - least > 255).any():
            return None
        return np.asarray(np.where((least < -128) | (most > 127), least + 128, 0))

    @cached_property
    def sixteen(self) -> SixteenIntegers | None:
        """Sixteen that b consists of, less an offset of each column; None: there are more."""
        low, high = self.interval.low, self.interval.high
        if self.interval.fits(8):
            if high - low < _SIXTEEN:
                first = min(low, 128 - _SIXTEEN)
                return SixteenIntegers.ascending(first)
            occurring = sixteen_integers(self.integers)
            if occurring is not None:
                return SixteenIntegers(occurring)
        least, most = self._extremes
        if (most - least < _SIXTEEN).all():
            return SixteenIntegers.ascending(0, least)
        return None

    @cached_property
    def distinct(self) -> tuple[Ints, Ints]:
        """The integers that occur, ascending, and the place of each among them, (N, K)."""
        values, places = np.unique(self.integers, return_inverse=True)
        return values, np.ascontiguousarray(places.reshape(self.integers.shape), dtype=np.int64)

    @cached_property
    def _positive(self) -> Ints:
        return np.asarray(np.maximum(self.integers, 0).sum(axis=1, dtype=np.int64))

    @cached_property
    def _negative(self) -> Ints:
        return np.asarray(np.minimum(self.integers, 0).sum(axis=1, dtype=np.int64))

    @cached_property
    def _squares(self) -> float:
        return float(np.square(self.integers, dtype=np.float64).sum(axis=1).max(initial=0.0))

    def likely_reach(self, low: int, high: int) -> float:
        """How far sums go, five standard deviations, if a is uniform on low..high.

        Nothing is proven by it: it tells which proof is worth a trial.
        """
        mean, variance = (low + high) / 2, ((high - low + 1) ** 2 - 1) / 12
        drift = np.abs(self._positive + self._negative).max(initial=0)
        return float(abs(mean) * drift + 5 * np.sqrt(variance * self._squares))

    def subset_sums(self, a: Interval) -> Interval:
        """Extremes of ``sum(a_k * b_k)`` over any subset of k, any column and any a inside.

        With l = min(a.low, 0) and h = max(a.high, 0) no subset exceeds ``h*sum(b+) + l*sum(b-)``
        nor falls below ``l*sum(b+) + h*sum(b-)``, b+ and b- the positive and negative b; both are
        reached where a.low <= 0 <= a.high.
        """
        if not len(self.integers):
            return ZERO
        low, high = min(a.low, 0), max(a.high, 0)
        reach = max(-low, high) * (int(self._positive.max()) - int(self._negative.min()))
        exact = np.dtype(np.int64 if reach < 2**63 else object)
        positive, negative = self._positive.astype(exact), self._negative.astype(exact)
        least, most = low * positive + high * negative, high * positive + low * negative
        return Interval(int(least.min()), int(most.max()))


@dataclass(frozen=True, eq=False)
class SixteenIntegers:
    """What places of 4 bits stand for.

    Attributes
    ----------
    table : bytes
        int8, sixteen of them.
    offsets : ndarray of int64, (N,), optional
        What is subtracted from each column of b to find its integers there; default: nothing.
    """

    table: bytes
    offsets: Ints | None = None

    @classmethod
    def ascending(cls, first: int, offsets: Ints | None = None) -> SixteenIntegers:
        """Sixteen neighbors."""
        return cls(np.arange(first, first + _SIXTEEN, dtype=np.int8).tobytes(), offsets)


@dataclass(frozen=True)
class LinearSum:
    """What a chain leaves is its exact sum, mod ``2**register.bits`` where bits are not None.

    `reason` says why.
    """

    register: Register
    reason: str


def linear_sum(
    steps: Sequence[ReduceStep], sums: Callable[[], Interval], bias: Interval, word: int = 32
) -> LinearSum | None:
    """Prove that accumulators leave one exact sum, mod 2**bits; None: not proven.

    Parameters
    ----------
    steps : sequence of ReduceStep
    sums : callable
        Gives the interval of every partial sum of the terms, in whatever order and grouping
        (`Columns.subset_sums`); asked only where it decides.
    bias : Interval
    word : int
        Bits of the lanes.

    Returns
    -------
    LinearSum or None
        Either all wrap at `word` bits or fewer, and none is wider than one before it: what an
        earlier one loses, a later one would not have kept. Or no register is ever left.
    """
    accumulators = [step for step in steps if isinstance(step, Accumulate) and not step.spill]
    if len(accumulators) < len(steps):
        return None
    last = accumulators[-1].register if accumulators else Register()
    widths = [step.bits or np.inf for step in accumulators]
    wraps = all(
        step.bits is None or step.overflow.rule is OverflowRule.WRAP for step in accumulators
    )
    narrows = all(later <= earlier for earlier, later in pairwise(widths))
    if wraps and narrows and last.bits is not None and last.bits < word + last.signed:
        return LinearSum(last, f"sums wrap, and are taken mod 2**{last.bits}")
    held = sums()
    held = held.hull(bounds.add(held, bias)).hull(ZERO).hull(bias)
    if all(holds(step.register, held) for step in accumulators):
        return LinearSum(
            Register(), f"no register is ever left: sums lie in {held.low}..{held.high}"
        )
    return None


def holds(register: Register, sums: Interval) -> bool:
    """Whether no sum leaves the register."""
    low, high = register.minimum, register.maximum
    return low is None or high is None or (low <= sums.low and sums.high <= high)
