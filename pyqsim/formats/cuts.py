"""Formats encoded by thresholds: each an exact rational of the scales, held as one double."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from math import inf, ldexp, nextafter
from sys import float_info
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.errors import ShapeError
from pyqsim.formats.base import Format, real_array, refuse_rounding, scale_array
from pyqsim.modes import Rounding

__all__ = ["CutFormat", "cut", "exact_integers"]

_Reals = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]


def exact_integers(numbers: Sequence[float]) -> tuple[list[int], int]:
    """Finite doubles as integers of one common exponent: ``number = integer * 2**exponent``.

    Parameters
    ----------
    numbers : sequence of float
        Finite.

    Returns
    -------
    integers : list of int
    exponent : int
        At most 0.

    Examples
    --------
    >>> exact_integers([0.75, 2.0])
    ([3, 8], -2)
    """
    ratios = [float(number).as_integer_ratio() for number in numbers]
    shift = max((below.bit_length() - 1 for _, below in ratios), default=0)
    return [(above << shift) // below for above, below in ratios], -shift


def cut(integer: int, exponent: int, inclusive: bool = False) -> float:
    """The double c for which ``x > c`` decides, for every double x, what the exact threshold does.

    Parameters
    ----------
    integer, exponent : int
        The threshold is ``t = integer * 2**exponent``.
    inclusive : bool
        Whether ``x == t`` is already beyond the threshold.

    Returns
    -------
    float
        ``x > c`` if and only if ``x > t``, or ``x >= t`` if inclusive; c may be -inf.

    Notes
    -----
    No double lies between t and the largest double that is at most t, so that one decides for
    ``x > t``. Where t is itself a double, the next smaller one decides for ``x >= t``.

    Examples
    --------
    >>> cut(3, -1), cut(3, -1, inclusive=True)
    (1.5, 1.4999999999999998)
    >>> 0.1 + 0.2 > cut(3, 0) / 10
    True
    """
    drop = max(integer.bit_length() - 53, -1074 - exponent, 0)
    head = integer >> drop  # floor, also of negative integers
    try:
        below = ldexp(head, exponent + drop)
    except OverflowError:
        return float_info.max if integer > 0 else -inf
    exact = head << drop == integer
    return nextafter(below, -inf) if inclusive and exact else below


class CutFormat(Format):
    """A format whose code is decided by which thresholds x exceeds; they depend on the scales.

    A subclass says which thresholds there are for given scales, as `cut` makes them. With several
    planes, `encode` takes the scales with a leading plane axis.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def rounding(self) -> Rounding:
        """The one rule for ties."""

    @abstractmethod
    def _cuts(self, scales: tuple[float, ...]) -> tuple[_Reals, _Integers]:
        """Thresholds and codes for the scales of all planes.

        Returns
        -------
        cuts : ndarray of float64, shape (n,), ascending
            x is beyond threshold i if ``x > cuts[i]``.
        codes : ndarray of int64, shape (n + 1,)
            The code of an x that is beyond i thresholds.
        """

    def encode(
        self,
        x: npt.ArrayLike,
        scale: npt.ArrayLike = 1.0,
        zero_point: npt.ArrayLike = 0,
        rounding: Rounding | str | None = None,
    ) -> npt.NDArray[Any]:
        """Codes of real numbers: each decision is made on exact rationals.

        Parameters
        ----------
        x : array_like of float or int
            Finite real numbers, any shape; see `pyqsim.formats.base.real_array`.
        scale : array_like of float64
            Finite, > 0. With several planes of shape (planes, ...), or one number that stands for
            all; the other axes broadcast to `x`.
        zero_point : array_like of int
            0, broadcastable to `x`.
        rounding : Rounding or str, optional
            The format's own rule, the default.

        Returns
        -------
        ndarray of `code_dtype`, shape of `x`

        Raises
        ------
        QuantizationError
            For NaN or infinity in `x`, a scale or zero point the format cannot use.
        OperandError
            For an `x` that does not hold real numbers, or zero points that are not integers.
        ShapeError
            For a scale or zero point that does not meet `x`.
        ModeError
            For any other rounding.
        """
        values = real_array("x", x)
        scales = self._plane_axis_first(scale_array(scale))
        self.check_scale(scales if self.planes > 1 else scales[0])
        zero_points = integer_array("zero_point", zero_point).astype(np.int64)
        self.check_zero_point(zero_points)
        _spread("zero_point", zero_points, values.shape)
        codes = self._round(values, scales, rounding)
        return codes.astype(self.code_dtype)

    def _plane_axis_first(self, scales: _Reals) -> _Reals:
        if self.planes == 1:
            return scales[np.newaxis]
        if scales.ndim == 0:
            return np.repeat(scales, self.planes)
        if scales.shape[0] != self.planes:
            raise ShapeError(f"scale.shape={scales.shape}, allowed: ({self.planes}, ...)")
        return scales

    def _round(self, x: _Reals, scale: _Reals, rounding: Rounding | str | None) -> _Integers:
        """Codes; `scale` has its plane axis first, even where there is one plane."""
        if rounding is not None and Rounding.of(rounding) != self.rounding:
            raise refuse_rounding(self, Rounding.of(rounding), f"{str(self.rounding).lower()!r}")
        cells, cell_of = np.unique(scale.reshape(self.planes, -1).T, axis=0, return_inverse=True)
        cell_of = _spread("scale", cell_of.reshape(scale.shape[1:]), x.shape)
        numbers = x.reshape(-1)
        codes = np.zeros(numbers.shape, dtype=np.int64)
        for cell, places in zip(cells.tolist(), _places(cell_of, len(cells)), strict=True):
            cuts, code_of = self._cuts(tuple(cell))
            codes[places] = code_of[np.searchsorted(cuts, numbers[places], side="left")]
        return codes.reshape(x.shape)


def _spread(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Broadcast to a shape, or raise `ShapeError`."""
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ShapeError(
            f"{name}.shape={values.shape} (without planes), allowed: broadcastable to {shape}"
        ) from None


def _places(cell_of: npt.NDArray[Any], cells: int) -> Iterator[_Integers]:
    """Where each cell's numbers are."""
    flat = cell_of.reshape(-1)
    order = np.argsort(flat, kind="stable")
    ends = np.searchsorted(flat[order], np.arange(cells + 1), side="left")
    for cell in range(cells):
        yield order[ends[cell] : ends[cell + 1]]
