"""Choices drawn by Hypothesis, so that everything built from them shrinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

__all__ = ["DrawnChoices"]

_T = TypeVar("_T")

#: Longer sequences repeat their drawn part: data stay short, and shrink fast.
_DRAWN = 24


class DrawnChoices:
    """`pyqsim.testing.choices.Choices` from the `draw` of a composite strategy.

    Parameters
    ----------
    draw : callable
    """

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        """An integer in ``low..high``; shrinks towards 0."""
        return int(self._draw(st.integers(low, high)))

    def pick(self, values: Sequence[_T]) -> _T:
        """One of the values; shrinks towards the first."""
        return values[int(self._draw(st.integers(0, len(values) - 1)))]

    def length(self, usual: Sequence[int], long: Sequence[int]) -> int:
        """As one choice from all of them, so that shrinking finds the shortest that will do."""
        times = max(len(usual) // max(len(long), 1), 1)
        return self.pick(sorted([*usual, *(list(long) * times)]))

    def maybe(self, possible: bool) -> bool:
        """Shrinks towards True."""
        return possible and self.pick((True, False))

    def integers(
        self, low: int, high: int, count: int, corners: Sequence[int]
    ) -> npt.NDArray[np.int64]:
        """Integers with corners; a short list, repeated where more are wanted."""
        if count == 0:
            return np.zeros(0, dtype=np.int64)
        elements = st.one_of(st.sampled_from(corners), st.integers(low, high))
        size = min(count, _DRAWN)
        drawn = self._draw(st.lists(elements, min_size=1, max_size=size))
        return np.resize(np.array(drawn, dtype=np.int64), count)
