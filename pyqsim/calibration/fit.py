"""What every fit promises: rows of numbers in chunks, fed as often as it asks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from pyqsim.formats import Format

__all__ = ["Fit", "Integers", "Reals", "power_of_two_above"]

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Fit(ABC):
    """Finds parameters of rows of numbers that are fed chunk by chunk, several times over.

    The base keeps the extremes of the first pass. Others override what is named with an
    underscore: `_first` and `_later` see the chunks, `_end` closes a pass. Nothing depends on how
    rows are cut into chunks, or on the order of their elements.

    Parameters
    ----------
    fmt : Format
    count : int
        How many rows, each with parameters of its own.

    Attributes
    ----------
    passes : int
        At most so many passes.
    fmt : Format
        Once `finished`: the format, with what was found of it.
    low, high : ndarray of float64, shape (count,)
        ``[-low, high]`` holds every number of the first pass, and 0.
    elements : int
        Numbers in a row, after the first pass.
    turn : int
        The pass, from 0.
    """

    passes: int = 1

    def __init__(self, fmt: Format, count: int) -> None:
        self.fmt = fmt
        self.count = count
        self.low = np.zeros(count)
        self.high = np.zeros(count)
        self.elements = 0
        self.turn = 0

    @property
    def finished(self) -> bool:
        """Whether nothing needs to be fed any more."""
        return self.turn >= self.passes

    @property
    def largest(self) -> Reals:
        """The largest magnitude of each row."""
        return np.maximum(self.low, self.high)

    def update(self, rows: Reals) -> None:
        """Take a chunk, shape (count, n)."""
        if rows.size == 0:
            return
        if self.turn == 0:
            self.elements += rows.shape[1]
            self.high = np.maximum(self.high, rows.max(axis=1))
            self.low = np.maximum(self.low, -rows.min(axis=1))
            self._first(rows)
        else:
            self._later(rows)

    def end(self) -> None:
        """Close the pass."""
        self._end()
        self.turn += 1

    def fit(self, rows: Reals) -> tuple[Reals, Integers]:
        """Fit rows that are there as a whole: the same result as from chunks."""
        while not self.finished:
            self.update(rows)
            self.end()
        return self.result()

    def join(self, other: Fit) -> None:  # noqa: B027 - most fits have nothing in common
        """Take from `other`, fed with the other rows, what one format for all has in common.

        Called before anything is fed; `other` closes each pass first.
        """

    @abstractmethod
    def result(self) -> tuple[Reals, Integers]:
        """Scales, shape (count,) or (planes, count), and zero points, shape (count,)."""

    def _first(self, rows: Reals) -> None:  # noqa: B027 - the extremes are enough for some
        """See a chunk in pass 0."""

    def _later(self, rows: Reals) -> None:  # noqa: B027 - some fits have one pass
        """See a chunk in pass 1 and later."""

    def _end(self) -> None:  # noqa: B027 - some fits conclude in `result`
        """Draw conclusions from the pass."""


def power_of_two_above(scale: Reals) -> Reals:
    """The smallest powers of two that are not below positive numbers; inf beyond float64.

    Examples
    --------
    >>> power_of_two_above(np.array([0.5, 0.6]))
    array([0.5, 1. ])
    """
    mantissa, exponent = np.frexp(scale)
    with np.errstate(over="ignore"):
        return np.where(mantissa == 0.5, scale, np.ldexp(1.0, exponent))
