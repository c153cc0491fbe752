"""Where random choices come from: a seed here, Hypothesis in `pyqsim.testing.strategies`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Choices", "SeededChoices"]

_T = TypeVar("_T")


class Choices(Protocol):
    """What calls and datapaths are drawn from; the first value is the simplest one."""

    def integer(self, low: int, high: int) -> int:
        """An integer in ``low..high``."""
        ...

    def pick(self, values: Sequence[_T]) -> _T:
        """One of the values."""
        ...

    def length(self, usual: Sequence[int], long: Sequence[int]) -> int:
        """Ascending lengths, one of the usual ones as often as one of the long ones."""
        ...

    def maybe(self, possible: bool) -> bool:
        """False where it is not possible, else either."""
        ...

    def integers(
        self, low: int, high: int, count: int, corners: Sequence[int]
    ) -> npt.NDArray[np.int64]:
        """`count` integers in ``low..high``, often one of the corners."""
        ...


class SeededChoices:
    """Choices from NumPy's PCG64: the same for a seed on every machine.

    Parameters
    ----------
    seed : int or sequence of int
    """

    def __init__(self, seed: int | Sequence[int]) -> None:
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def integer(self, low: int, high: int) -> int:
        """An integer in ``low..high``."""
        return int(self._rng.integers(low, high, endpoint=True))

    def pick(self, values: Sequence[_T]) -> _T:
        """One of the values."""
        return values[int(self._rng.integers(len(values)))]

    def length(self, usual: Sequence[int], long: Sequence[int]) -> int:
        """One of the usual lengths or of the long ones, whichever there are, equally often."""
        return self.pick(self.pick([kind for kind in (usual, long) if kind]))

    def maybe(self, possible: bool) -> bool:
        """Nothing is drawn where it is not possible."""
        return possible and self.pick((False, True))

    def integers(
        self, low: int, high: int, count: int, corners: Sequence[int]
    ) -> npt.NDArray[np.int64]:
        """Uniform integers; in a quarter of the places a corner."""
        values = self._rng.integers(low, high, count, endpoint=True)
        cornered = self._rng.random(count) < 0.25
        chosen = np.asarray(corners, dtype=np.int64)[self._rng.integers(len(corners), size=count)]
        mixed: npt.NDArray[Any] = np.where(cornered, chosen, values)
        return mixed.astype(np.int64)
