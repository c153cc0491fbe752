"""Codebooks: any integer levels, and any thresholds between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from numbers import Real

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int, check_sequence
from pyqsim.errors import DatapathError
from pyqsim.formats.base import N_LIMIT
from pyqsim.formats.cuts import CutFormat, cut, exact_integers
from pyqsim.modes import HALF_DOWN, Rounding

__all__ = ["Codebook"]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Codebook(CutFormat):
    """``real = scale * levels[code] * 2**-frac_bits`` (Quantization Networks, CVPR 2019).

    The code of x is the number of thresholds strictly below x / scale: on a threshold x gets the
    smaller code (HALF_DOWN). The paper's ``alpha * (sum_i s_i * [beta*x - b_i > 0] - o)`` with
    levels Y is ``Codebook(Y, [b_i / (alpha * beta), ...])`` at scale alpha; alpha * beta is 1
    where training begins. Its weights have ``o = sum(s) / 2``, which is -Y[0] where Y is
    symmetric; its activations have no o, so that their levels begin at 0.

    Parameters
    ----------
    levels : sequence of int
        Level of each code, 2..65536 of them, magnitudes below 2**62.
    thresholds : sequence of float, optional
        One less than levels, ascending (two may be equal: the level between them is never
        encoded), in units of the scale. Default: midpoints of neighbouring levels, which must
        then ascend strictly.
    frac_bits : int
        F, 0..62: a level stands for ``level * 2**-F``.

    Attributes
    ----------
    numbers : tuple of int
        The levels as given (`levels` is the method that every format has).
    thresholds : tuple of float, or None
    frac_bits : int

    Raises
    ------
    DatapathError
        For anything else.

    References
    ----------
    Yang et al., "Quantization Networks", CVPR 2019; program
    aliyun/alibabacloud-quantization-networks, anybit.py.

    Examples
    --------
    >>> fmt = Codebook([-4, -2, -1, 0, 1, 2, 4])
    >>> fmt.encode([-9.0, -3.0, -2.9, 0.5, 0.6])
    array([0, 0, 1, 3, 4], dtype=uint8)
    >>> fmt.code_bits, fmt.zero_code, fmt.shifts
    (3, 3, True)
    >>> Codebook([-1, 0, 1], [0.0, 0.0]).encode([-1e-9, 0.0, 1e-9])     # binary
    array([0, 0, 2], dtype=uint8)
    """

    numbers: tuple[int, ...]
    thresholds: tuple[float, ...] | None
    frac_bits: int

    def __init__(
        self,
        levels: Sequence[int],
        thresholds: Sequence[float] | None = None,
        frac_bits: int = 0,
    ) -> None:
        numbers = tuple(
            check_int("Codebook", f"levels[{i}]", n, 1 - N_LIMIT, N_LIMIT - 1)
            for i, n in enumerate(check_sequence("Codebook", "levels", levels))
        )
        if not 2 <= len(numbers) <= 65536:
            raise DatapathError(f"Codebook: {len(numbers)} levels, allowed: 2..65536")
        object.__setattr__(self, "numbers", numbers)
        given = None if thresholds is None else _checked_thresholds(thresholds, len(numbers))
        object.__setattr__(self, "thresholds", given)
        object.__setattr__(self, "frac_bits", check_int("Codebook", "frac_bits", frac_bits, 0, 62))
        if given is None and any(a >= b for a, b in pairwise(numbers)):
            raise DatapathError(
                f"Codebook: levels={list(numbers)}, allowed: strictly ascending without thresholds="
            )

    def __repr__(self) -> str:
        given = None if self.thresholds is None else list(self.thresholds)
        return f"Codebook({list(self.numbers)}, {given}, frac_bits={self.frac_bits})"

    def __str__(self) -> str:
        return repr(self) if len(self.numbers) <= 16 else f"Codebook of {len(self.numbers)} levels"

    @property
    def code_bits(self) -> int:
        """Bits that hold every index."""
        return (len(self.numbers) - 1).bit_length()

    @property
    def code_max(self) -> int:
        """The last index."""
        return len(self.numbers) - 1

    @property
    def zero_code(self) -> int | None:
        """The first index of level 0; None if there is none."""
        return self.numbers.index(0) if 0 in self.numbers else None

    @property
    def shifts(self) -> bool:
        """Whether every level is 0 or, up to its sign, a power of two."""
        return all(abs(n).bit_count() <= 1 for n in self.numbers)

    @property
    def rounding(self) -> Rounding:
        """HALF_DOWN: on a threshold, the code below it."""
        return HALF_DOWN

    def integers(self) -> npt.NDArray[np.int64]:
        """The level of every bit pattern; see `Format.integers`. Unused patterns repeat the last.

        Returns
        -------
        ndarray of int64, shape (2**code_bits,)
        """
        unused = (1 << self.code_bits) - len(self.numbers)
        return np.array(self.numbers + self.numbers[-1:] * unused, dtype=np.int64)

    def _cuts(
        self, scales: tuple[float, ...]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        (scale,), exponent = exact_integers(scales)
        if self.thresholds is None:
            pairs = pairwise(self.numbers)
            places, unit = [low + high for low, high in pairs], -self.frac_bits - 1
        else:
            places, unit = exact_integers(self.thresholds)
        cuts = [cut(place * scale, exponent + unit) for place in places]
        return np.array(cuts), np.arange(len(self.numbers))


def _checked_thresholds(thresholds: Sequence[float], levels: int) -> tuple[float, ...]:
    """Return ascending finite doubles, one less than levels, or raise."""
    for i, t in enumerate(thresholds):
        if isinstance(t, (bool, np.bool_)) or not isinstance(t, Real) or not isfinite(t):
            raise DatapathError(f"Codebook: thresholds[{i}]={t!r}, allowed: a finite real number")
    numbers = tuple(float(t) + 0.0 for t in thresholds)  # + 0.0: no minus zero
    if len(numbers) != levels - 1:
        raise DatapathError(f"Codebook: {len(numbers)} thresholds, allowed: {levels - 1}")
    for i, (low, high) in enumerate(pairwise(numbers)):
        if low > high:
            raise DatapathError(
                f"Codebook: thresholds[{i + 1}]={high} after {low}, allowed: ascending"
            )
    return numbers
