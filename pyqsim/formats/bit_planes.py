"""Bit planes: every bit of a code is a number of its own, with a scale of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, check_int
from pyqsim.formats.cuts import CutFormat, cut, exact_integers
from pyqsim.modes import HALF_DOWN, Rounding

__all__ = ["BitPlanes"]


@dataclass(frozen=True, slots=True)
class BitPlanes(CutFormat):
    """``real = sum over j of scale_j * N_j``, N_j decided by bit j of the code (LQ-Nets).

    The scales of the planes are the learned basis, one a plane, or one a plane and channel. Bit 0
    is the least significant one. Encoding takes the nearest level; on the midpoint of two levels
    the lower one (HALF_DOWN: the published ``x > t``). Where codes have equal values the smallest
    of them is given.

    Parameters
    ----------
    bits : int
        1..8, also the number of planes.
    values : {"pm1", "01"}
        N_j of a bit: 0 is -1 and 1 is +1 (weights), or the bit itself (activations).

    Raises
    ------
    DatapathError
        For parameters outside these ranges.

    Notes
    -----
    Scales must be > 0, as everywhere. For "pm1" that loses nothing: a negative basis entry is a
    positive one with its bit turned over. In "01" a negative entry is a level set of its own,
    which the published training can reach; its program then starts from levels that are no
    longer the lowest, an error. `pyqsim.calibration.bit_planes` keeps the basis positive.

    With packed bits, a product of planes is two popcounts: ``2*pop(w & a) - pop(a)`` for w in
    "pm1" and a in "01".

    References
    ----------
    Zhang et al., "LQ-Nets: Learned Quantization for Highly Accurate and Compact Deep Neural
    Networks", ECCV 2018; program microsoft/LQ-Nets, learned_quantization.py.

    Examples
    --------
    >>> fmt = BitPlanes(2)
    >>> codes = fmt.encode([-0.9, -0.1, 0.0, 0.2, 3.0], scale=[0.25, 0.5])
    >>> codes                                       # levels -0.75, -0.25, 0.25, 0.75
    array([0, 1, 1, 2, 3], dtype=uint8)
    >>> fmt.decode(codes)
    array([[-1,  1,  1, -1,  1],
           [-1, -1, -1,  1,  1]])
    """

    bits: int
    values: str = "pm1"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", check_int("BitPlanes", "bits", self.bits, 1, 8))
        check_choice("BitPlanes", "values", self.values, ("pm1", "01"))

    @property
    def code_bits(self) -> int:
        """Width of a stored code."""
        return self.bits

    @property
    def planes(self) -> int:
        """One a bit."""
        return self.bits

    @property
    def zero_code(self) -> int | None:
        """0 for "01"; None for "pm1", which has no zero in general."""
        return 0 if self.values == "01" else None

    @property
    def rounding(self) -> Rounding:
        """HALF_DOWN: on a midpoint, the lower level."""
        return HALF_DOWN

    def integers(self) -> npt.NDArray[np.int64]:
        """N of every plane and code; see `Format.integers`."""
        bits = np.arange(1 << self.bits) >> np.arange(self.bits)[:, np.newaxis] & 1
        table = bits if self.values == "01" else 2 * bits - 1
        return table if self.planes > 1 else table[0]

    def _cuts(
        self, scales: tuple[float, ...]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        basis, exponent = exact_integers(scales)
        low, steps = (0, basis) if self.values == "01" else (-sum(basis), [2 * v for v in basis])
        level_of = [low]  # index = code
        for step in steps:
            level_of += [level + step for level in level_of]
        code_of: dict[int, int] = {}
        for code, level in enumerate(level_of):
            code_of.setdefault(level, code)
        levels = sorted(code_of)
        pairs = pairwise(levels)
        cuts = [cut(low + high, exponent - 1) for low, high in pairs]
        return np.array(cuts), np.array([code_of[level] for level in levels], dtype=np.int64)
