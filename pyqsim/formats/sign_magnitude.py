"""Formats whose code word is a sign bit above a magnitude code: [sign | magnitude]."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import numpy.typing as npt

from pyqsim.formats.base import Format, refuse_rounding
from pyqsim.formats.quotient import nearest_level
from pyqsim.modes import HALF_AWAY, HALF_TOWARD_ZERO, Rounding

__all__ = ["NearestMagnitude", "SignMagnitude"]


class SignMagnitude(Format):
    """N(code) = +-(N of the magnitude code); magnitudes are few powers of two or their sums.

    Zero is encoded with sign +; the pattern "-0" is a valid code and decodes to 0. Without sign
    bit, negative numbers are encoded as 0.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def magnitude_bits(self) -> int:
        """Width of the code without its sign."""

    @property
    def shifts(self) -> bool:
        """True."""
        return True

    @abstractmethod
    def magnitudes(self) -> npt.NDArray[np.int64]:
        """N of every magnitude code.

        Returns
        -------
        ndarray of int64, shape (2**magnitude_bits,), all >= 0, distinct
            Indexed by magnitude code.
        """

    def integers(self) -> npt.NDArray[np.int64]:
        """N of every bit pattern; see `Format.integers`."""
        magnitudes = self.magnitudes()
        return np.concatenate([magnitudes, -magnitudes]) if self._has_sign else magnitudes

    @property
    def _has_sign(self) -> bool:
        return self.code_bits > self.magnitude_bits

    def _round(
        self,
        x: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        size = np.abs(x) if self._has_sign else np.maximum(x, 0.0)
        codes = self._round_magnitude(size, scale, rounding)
        return np.where((x < 0) & (codes != 0), codes + (1 << self.magnitude_bits), codes)

    @abstractmethod
    def _round_magnitude(
        self,
        size: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        """Magnitude codes of non-negative numbers."""


class NearestMagnitude(SignMagnitude):
    """Encodes to the level nearest in the linear domain.

    Takes HALF_TOWARD_ZERO (the default: a tie goes to the smaller magnitude) and HALF_AWAY.
    """

    __slots__ = ()

    def _round_magnitude(
        self,
        size: npt.NDArray[np.float64],
        scale: npt.NDArray[np.float64],
        rounding: Rounding | str | None,
    ) -> npt.NDArray[np.int64]:
        rule = HALF_TOWARD_ZERO if rounding is None else Rounding.of(rounding)
        if rule not in (HALF_TOWARD_ZERO, HALF_AWAY):
            raise refuse_rounding(self, rule, "'half_toward_zero', 'half_away'")
        magnitudes = self.magnitudes()
        ascending = np.argsort(magnitudes)  # codes need not be monotone in N
        index = nearest_level(size, scale, self.frac_bits, magnitudes[ascending], rule)
        return ascending[index]
